"""Parquet: tables of paths, the pictures themselves as Hugging Face's datasets keep them, and embeddings."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from facedb.core.errors import InputError, first_line
from facedb.core.files.image_format import HEAD_BYTES
from facedb.core.files.paths import from_text
from facedb.core.records import ImageRecord, VectorBatch
from facedb.sources import problems
from facedb.sources.archives.containers import Containers
from facedb.sources.arrays.vectors import LONGEST_VECTOR
from facedb.sources.files import judge_head
from facedb.sources.identity import identity_rule
from facedb.sources.options import SourceOptions
from facedb.sources.paths import below
from facedb.sources.tables.columns import IDENTITY_NAMES, PATH_NAMES, VECTOR_NAMES, BadRowError, Columns, column_of
from facedb.sources.tables.parquet_pictures import (
    PictureColumn,
    open_parquet,
    picture_bytes,
    picture_column,
    rows_per_batch,
)
from facedb.sources.tables.path_list import check_length, named_file
from facedb.sources.tables.table import TableRows, holds_vectors

_LONGEST_CELL = 1 << 20
_LONGEST_LIST = 1 << 16
_BROKEN = (OSError, pa.ArrowException, UnicodeError)
_CELL_TOO_LONG = f"A cell of the row has more than {_LONGEST_CELL:,} bytes or {_LONGEST_LIST:,} values."


class ParquetSource:
    """The rows of one parquet file, of those a pattern names, or of all below a folder, read in batches of rows.

    A picture inside a row is named ``FILE/ROW``, counted from 0. Its identity is its label, by the names of the classes where
    the file states them as Hugging Face does, or is found in the path that the row gives it. Other rows name files below the
    root. Embeddings are read where `facedb.sources.tables.table.holds_vectors` says so.
    """

    format = "parquet"
    remarks: Sequence[str] = ()

    def __init__(self, path: Path, options: SourceOptions) -> None:
        self._containers = Containers(path, "parquet files", follow_links=options.follow_links)
        self._folder = self._containers.root
        self.root = (options.root or self._folder).absolute()
        self._options = options

    def records(self) -> Iterator[ImageRecord | VectorBatch]:
        """Yield records or embeddings; raises InputError for a named file that is not parquet or has no column of use."""
        for found in self._containers.find(_is_parquet):
            if isinstance(found, str):
                yield from self._read(found)
            else:
                yield self._containers.left_out(found)

    def count_hint(self) -> int | None:
        """Return the number of rows that the footers state; None where one cannot be read."""
        try:
            found = [path for path in self._containers.find(_is_parquet) if isinstance(path, str)]
            return sum(int(pq.read_metadata(self._folder / path).num_rows) for path in found)
        except (*_BROKEN, InputError):
            return None

    def _read(self, path: str) -> Iterator[ImageRecord | VectorBatch]:
        try:
            with closing(open_parquet(self._folder / path)) as file:
                yield from self._rows(path, file)
        except InputError as error:
            if self._containers.named:
                raise
            yield self._containers.unusable(path, problems.bad_record(str(error)))
        except _BROKEN as error:
            detail = f"it cannot be read as parquet ({first_line(error)})."
            yield self._containers.unusable(path, problems.bad_record(detail))

    def _rows(self, path: str, file: pq.ParquetFile) -> Iterator[ImageRecord | VectorBatch]:
        schema = file.schema_arrow
        picture = picture_column(schema)
        names = [name for name in schema.names if picture is None or name != picture.name]
        vectors = holds_vectors(names, self._options, pictures=picture is not None)
        if not vectors:
            # A column of embeddings that nobody asked for would only be a large part of every row.
            unwanted = column_of(names, VECTOR_NAMES)
            names = [name for k, name in enumerate(names) if k != unwanted]
        if vectors:
            reader: _Rows = _Embeddings(path, self.root, names, self._options)
        elif picture is not None:
            full = os.path.join(self._folder, path)
            status = os.stat(full)
            place = below(self.root, full) or full
            reader = _Pictures(path, place, status.st_mtime_ns, self.root, picture, names, self._options)
        else:
            reader = _Files(path, self.root, names, self._options)
        reader.classes = class_names(schema)
        wanted = names if vectors or picture is None else [*names, picture.name]
        start = 0
        for batch in file.iter_batches(rows_per_batch(file.metadata), columns=wanted, use_threads=False):
            yield from reader.take(batch, start)
            start += batch.num_rows
        yield from reader.flush()


def class_names(schema: pa.Schema) -> dict[str, Sequence[str]]:
    """Return by column the names of its classes, as Hugging Face's datasets write them into a file's metadata."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        found: dict[str, Sequence[str]] = {}
        for column, feature in features.items():
            names = feature.get("names") if isinstance(feature, dict) else None
            if isinstance(names, dict):
                names = [names[str(k)] for k in range(len(names))]
            if isinstance(names, list):
                found[column] = [str(name) for name in names]
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError):
        return {}
    return found


class _Rows:
    """What turns batches of rows into records; ``classes`` are the names of the values of columns of numbers."""

    def __init__(self, name: str, names: Sequence[str]) -> None:
        self._name = name
        self._names = list(names)
        self.classes: dict[str, Sequence[str]] = {}

    def take(self, batch: pa.RecordBatch, start: int) -> Iterator[ImageRecord | VectorBatch]:
        """Yield what the rows from number ``start`` on come to."""
        raise NotImplementedError

    def flush(self) -> Iterator[VectorBatch]:
        """Yield what is not given out yet."""
        return iter(())

    def cells(self, batch: pa.RecordBatch, names: Sequence[str]) -> tuple[list[tuple[Any, ...]], set[int]]:
        """Return the rows of some columns, and the numbers within the batch of those that hold a cell too long to read."""
        columns: list[list[Any]] = []
        endless: set[int] = set()
        for name in names:
            column = batch.column(name)
            too_long = _too_long(column)
            if too_long is not None:
                endless.update(map(int, np.flatnonzero(too_long)))
                column = pc.if_else(pa.array(~too_long), column, pa.scalar(None, column.type))
            columns.append(self._named(name, column.to_pylist()))
        if not columns:
            return [()] * batch.num_rows, endless
        return list(zip(*columns, strict=True)), endless

    def _named(self, name: str, values: list[Any]) -> list[Any]:
        classes = self.classes.get(name)
        if classes is None:
            return values
        known = range(len(classes))
        # Hugging Face writes -1 for a label that is withheld, as those of test sets are.
        return [
            classes[v] if isinstance(v, int) and v in known else None if isinstance(v, int) and v < 0 else v
            for v in values
        ]


def _too_long(column: pa.Array) -> np.ndarray[Any, np.dtype[np.bool_]] | None:
    """Return which cells, bool (n,), are too long to read; None where none is."""
    kind = column.type
    if (
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
    ):
        lengths, limit = pc.binary_length(column), _LONGEST_CELL
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
        lengths, limit = pc.list_value_length(column), _LONGEST_LIST
    else:
        return None
    found = np.asarray(lengths.fill_null(0)) > limit
    return found if found.any() else None


class _Files(_Rows):
    """Rows that name files."""

    def __init__(self, name: str, root: Path, names: Sequence[str], options: SourceOptions) -> None:
        super().__init__(name, names)
        self._rows = TableRows(name, root, self._names, options, text_form=True)

    def take(self, batch: pa.RecordBatch, start: int) -> Iterator[ImageRecord | VectorBatch]:
        """Yield one record a row."""
        rows, endless = self.cells(batch, self._names)
        for k, values in enumerate(rows):
            if k in endless:
                yield self._rows.bad(values, start + k, _CELL_TOO_LONG)
            else:
                yield from self._rows.take(values, start + k)


class _Pictures(_Rows):
    """Rows that hold their picture; ``place`` is that of the file below the root."""

    def __init__(
        self,
        name: str,
        place: str,
        mtime_ns: int,
        root: Path,
        picture: PictureColumn,
        names: Sequence[str],
        options: SourceOptions,
    ) -> None:
        super().__init__(name, names)
        self._place = place
        self._mtime_ns = mtime_ns
        self._root = root
        self._picture = picture
        self._columns = Columns(self._names, needs_path=False)
        self._rule = identity_rule(options)
        self._with_column = options.identity_from != "none"

    def take(self, batch: pa.RecordBatch, start: int) -> Iterator[ImageRecord | VectorBatch]:
        """Yield one record a row."""
        rows, endless = self.cells(batch, self._names)
        column = batch.column(self._picture.name)
        pictures = picture_bytes(column, self._picture)
        paths = column.field(self._picture.path) if self._picture.path else None
        for k, values in enumerate(rows):
            name = f"{self._name}/{start + k}"
            if k in endless:
                yield ImageRecord(name, None, 0, problem=problems.bad_record(_CELL_TOO_LONG))
                continue
            there = bool(column[k].is_valid and pictures[k].is_valid)
            given = paths[k].as_py() if paths is not None and column[k].is_valid else None
            try:
                yield self._record(name, start + k, pictures[k] if there else None, given, values)
            except BadRowError as error:
                yield ImageRecord(name, None, 0, problem=problems.bad_record(str(error)))

    def _record(self, name: str, row: int, picture: Any, given: str | None, values: Sequence[Any]) -> ImageRecord:
        said = self._columns.read(values)
        path = given or said.path
        if path is not None:
            check_length(path)
        if picture is not None:
            data = memoryview(picture.as_buffer())
            record = ImageRecord(
                name,
                self._rule(path) if path else None,
                len(data),
                self._mtime_ns,
                self._place,
                row,
                len(data),
                extra={"path": path} if path else {},
            )
            record = judge_head(record, bytes(data[:HEAD_BYTES]), expected=True)
        elif path is not None:
            record = named_file(self._root, from_text(path), self._rule)
        else:
            raise BadRowError("The row has neither a picture nor a path.")
        identity = said.identity if self._columns.has_identity and self._with_column else record.identity
        extra = {**record.extra, **said.extra}
        return replace(record, identity=identity, box=said.box, landmarks=said.landmarks, extra=extra)


class _Embeddings(_Rows):
    """Rows that hold an embedding."""

    def __init__(self, name: str, root: Path, names: Sequence[str], options: SourceOptions) -> None:
        column = column_of(names, VECTOR_NAMES)
        places = (column, column_of(names, PATH_NAMES), column_of(names, IDENTITY_NAMES), column_of(names, "ordinal"))
        super().__init__(name, [names[k] for k in dict.fromkeys(places) if k is not None])
        self._vector = self._names[0]
        self._rows = TableRows(name, root, self._names, replace(options, vectors=True), text_form=True)

    def take(self, batch: pa.RecordBatch, start: int) -> Iterator[ImageRecord | VectorBatch]:
        """Yield the embeddings of the rows, and a record for each row that has none."""
        # Rows are few here (about 16 MiB at a time), and all of a batch go through one array.
        others, endless = self.cells(batch, self._names[1:])
        column = batch.column(self._vector)
        if not _is_list_of_numbers(column.type):
            cells, more = self.cells(batch, self._names[:1])
            endless |= more
            for k, (cell,) in enumerate(cells):
                if k in endless:
                    yield self._rows.bad((), start + k, _CELL_TOO_LONG)
                else:
                    yield from self._rows.take((cell, *others[k]), start + k)
            return
        lengths = _list_lengths(column)
        usable = lengths[(lengths > 0) & (lengths <= LONGEST_VECTOR)]
        self._rows.dim = dim = self._rows.dim or (int(np.bincount(usable).argmax()) if len(usable) else None)
        good = lengths == (dim or -1)
        good[list(endless)] = False
        flat = column.filter(pa.array(good)).flatten()
        vectors = np.asarray(flat.to_numpy(zero_copy_only=False), np.float32).reshape(int(good.sum()), dim or 1)
        kept = np.flatnonzero(good)
        yield from self._rows.take_vectors([(int(k) + start, others[k]) for k in kept], vectors)
        for k in map(int, np.flatnonzero(~good)):
            detail = (
                _CELL_TOO_LONG if k in endless else f"The embedding has {lengths[k]:,} values instead of {dim or 0:,}."
            )
            yield self._rows.bad(others[k], start + k, detail)

    def flush(self) -> Iterator[VectorBatch]:
        """Yield the rest."""
        yield from self._rows.flush()


def _is_list_of_numbers(kind: pa.DataType) -> bool:
    listed = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    return bool(listed and (pa.types.is_floating(kind.value_type) or pa.types.is_integer(kind.value_type)))


def _list_lengths(column: pa.Array) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return the number of values in each cell, 0 for none."""
    return np.asarray(pc.list_value_length(column).fill_null(0), np.int64)


def _is_parquet(path: str) -> bool:
    return path.lower().endswith((".parquet", ".pq"))
