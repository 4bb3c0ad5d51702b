"""Rows of a table as images or as embeddings; csv, tsv and jsonl."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from facedb.core.errors import InputError
from facedb.core.files.paths import from_text
from facedb.core.records import Float32Array, ImageRecord, VectorBatch
from facedb.sources import problems
from facedb.sources.arrays.vectors import LONGEST_VECTOR, BatchCollector
from facedb.sources.identity import identity_rule
from facedb.sources.options import SourceOptions
from facedb.sources.tables.columns import VECTOR_NAMES, BadRowError, Columns, column_of, has_path_column
from facedb.sources.tables.csv_table import LONGEST_LINE, TextTable
from facedb.sources.tables.layouts import recognise
from facedb.sources.tables.path_list import by_layout, check_length, count_lines, is_there, named_file

_EXPORT = {"path", "ordinal", "norm", "vector"}
_TOO_LONG = f"The line has more than {LONGEST_LINE:,} characters, the most that is read."


def holds_vectors(names: Sequence[str], options: SourceOptions, *, pictures: bool = False) -> bool:
    """Say whether a table with these columns is read for its embeddings and not for its images.

    It is where embeddings were asked for, where they are all it has, and where facedb's own export wrote it.
    """
    if column_of(names, VECTOR_NAMES) is None:
        return False
    return options.vectors or set(names) >= _EXPORT or not (pictures or has_path_column(names))


class TableRows:
    """Turns the rows of one table into records; the identity of a table without such a column is found in the path.

    ``name`` stands for the table in the names of rows that have no other. ``text_form`` says that names are in the form
    of `facedb.core.files.paths`, as exports that are Unicode write them.
    """

    def __init__(
        self,
        name: str,
        root: Path,
        names: Sequence[str],
        options: SourceOptions,
        *,
        text_form: bool = False,
        separated: str = "",
    ) -> None:
        """Raises InputError for columns that name neither images nor embeddings."""
        self._name = name
        self._root = root
        self._plain = from_text if text_form else str
        self._width = len(names)
        vectors = holds_vectors(names, options)
        self._vector = column_of(names, VECTOR_NAMES) if vectors else None
        self._ordinal = column_of(names, "ordinal")
        self._columns = Columns(names, needs_path=not vectors, separated=separated)
        self._rule = identity_rule(options)
        self._with_column = options.identity_from != "none"
        self._batches = BatchCollector()
        self.dim: int | None = None

    def take(self, values: Sequence[Any], number: int) -> Iterator[ImageRecord | VectorBatch]:
        """Yield what the row with this number (of a line in a text file, from 0 elsewhere) comes to."""
        if len(values) > self._width:
            detail = (
                f"The row has {len(values)} cells and the header {self._width}: "
                "put a cell that holds the separator into quotes."
            )
            yield self.bad(values, number, detail)
            return
        try:
            if self._vector is None:
                yield self._image(values)
            else:
                yield from self._embedding(values, number)
        except BadRowError as error:
            yield self.bad(values, number, str(error))

    def take_vectors(self, rows: Sequence[tuple[int, Sequence[Any]]], vectors: Float32Array) -> Iterator[VectorBatch]:
        """Yield what embeddings float32 (n, d) come to, given n pairs of a row's number and its cells but the first one."""
        paths, identities = [], []
        for number, values in rows:
            row = self._columns.read((None, *values))
            paths.append(self._name_of(row.path, number, None if self._ordinal is None else values[self._ordinal - 1]))
            identities.append(self._identity_of(row.path, row.identity))
        if paths:
            yield from self._batches.add(paths, identities, vectors)

    def flush(self) -> Iterator[VectorBatch]:
        """Yield the embeddings that are not given out yet."""
        yield from self._batches.flush()

    def bad(self, values: Sequence[Any], number: int, detail: str) -> ImageRecord:
        """Return the record of a row that cannot be understood; it is named after its place, for want of another name."""
        shown = [str(value)[:200] for value in values[:20]]
        extra = {"row": shown} if shown else {}
        return ImageRecord(f"{self._name}#{number}", None, 0, extra=extra, problem=problems.bad_record(detail))

    def too_long(self, number: int) -> ImageRecord:
        """Return the record of a line that is too long to read."""
        return self.bad((), number, _TOO_LONG)

    def _image(self, values: Sequence[Any]) -> ImageRecord:
        row = self._columns.read(values)
        if row.path is None:
            raise BadRowError("The row has no path.")
        check_length(row.path)
        record = named_file(self._root, self._plain(row.path), self._rule)
        identity = record.identity
        if self._columns.has_identity and self._with_column:
            identity = None if row.identity is None else self._plain(row.identity)
        if record.identity == identity and not (row.box or row.landmarks or row.extra):
            return record
        return replace(record, identity=identity, box=row.box, landmarks=row.landmarks, extra=row.extra)

    def _embedding(self, values: Sequence[Any], number: int) -> Iterator[VectorBatch]:
        row = self._columns.read(values)
        vector = as_vector(values[self._vector or 0])
        self.dim = self.dim or len(vector)
        if len(vector) != self.dim:
            raise BadRowError(f"The embedding has {len(vector):,} values and those before it {self.dim:,}.")
        path = self._name_of(row.path, number, None if self._ordinal is None else values[self._ordinal])
        yield from self._batches.add([path], [self._identity_of(row.path, row.identity)], vector[None, :])

    def _name_of(self, path: str | None, number: int, ordinal: Any) -> str:
        return vector_name(f"{self._name}#{number}" if path is None else self._plain(path), ordinal)

    def _identity_of(self, path: str | None, identity: str | None) -> str | None:
        if self._columns.has_identity and self._with_column:
            return None if identity is None else self._plain(identity)
        return None if path is None else self._rule(self._plain(path))


def vector_name(path: str, ordinal: Any) -> str:
    """Return the name of a face's embedding: the path of its image, ``photo.jpg#2`` for the second face in it."""
    try:
        number = int(ordinal or 0)
    except (TypeError, ValueError, OverflowError):
        number = 0
    return f"{path}#{number + 1}" if number > 0 else path


def as_vector(cell: Any) -> Float32Array:
    """Return a cell, a list of numbers or its text, as float32 (d,); raises BadRowError for anything else."""
    if isinstance(cell, str):
        try:
            cell = json.loads(cell) if cell.lstrip().startswith("[") else cell.replace(",", " ").split()
        except (ValueError, RecursionError):
            raise BadRowError(f"The embedding is not a list of numbers: {cell[:60]!r}.") from None
    if not isinstance(cell, (list, tuple)) or not 0 < len(cell) <= LONGEST_VECTOR:
        raise BadRowError(f"The row has no embedding that can be used: {str(cell)[:60]!r}.")
    try:
        with np.errstate(over="ignore"):
            vector = np.array([np.nan if value is None else value for value in cell], np.float64).astype(np.float32)
    except (TypeError, ValueError, OverflowError):
        raise BadRowError(f"The embedding is not a list of numbers: {str(cell)[:60]!r}.") from None
    if vector.ndim != 1:
        raise BadRowError("The embedding is not one list of numbers.")
    return vector


class CsvSource:
    """A csv or tsv file, read as `facedb.sources.tables.csv_table` finds it written; without a header, of a known layout."""

    format = "csv"
    remarks: Sequence[str] = ()

    def __init__(self, path: Path, options: SourceOptions) -> None:
        self._table = path.absolute()
        self.root = (options.root or self._table.parent).absolute()
        self._options = options

    def records(self) -> Iterator[ImageRecord | VectorBatch]:
        """Yield one record or embedding per row, blank lines left out; raises InputError where no column is understood."""
        with TextTable(self._table) as table:
            known = has_path_column(table.header) or holds_vectors(table.header, self._options)
            layout = None if known else recognise(table.sample(), is_there(self.root))
            if layout is not None:
                yield from by_layout(table, layout, self.root, self._options)
                return
            rows = TableRows(
                self._table.name, self.root, table.header, self._options, separated=table.dialect.separated
            )
            for number, values in table.rows():
                if values is None:
                    yield rows.too_long(number)
                else:
                    yield from rows.take(values, number)
            yield from rows.flush()

    def count_hint(self) -> int | None:
        """Return the number of lines below the header; rows that hold line breaks make it too high."""
        lines = count_lines(self._table, b"\n")
        return None if lines is None else max(lines - 1, 0)


class JsonLinesSource:
    """A file with one JSON object a line, whose keys are what the columns of a csv are."""

    format = "jsonl"
    remarks: Sequence[str] = ()

    def __init__(self, path: Path, options: SourceOptions) -> None:
        self._table = path.absolute()
        self.root = (options.root or self._table.parent).absolute()
        self._options = options

    def records(self) -> Iterator[ImageRecord | VectorBatch]:
        """Yield one record or embedding per line that is not blank, in the order of the file."""
        seen: dict[tuple[str, ...], TableRows] = {}
        bad = TableRows(self._table.name, self.root, ("path",), self._options)
        with TextTable(self._table, quotes=False) as table:
            for number, line in table.plain_lines():
                values = None if line is None else _parse(line)
                if line is None:
                    yield bad.too_long(number)
                elif values is None:
                    yield bad.bad([line], number, "The line is not a JSON object.")
                else:
                    names = tuple(values)
                    if names not in seen and len(seen) < _KINDS_OF_ROWS:
                        try:
                            seen[names] = TableRows(self._table.name, self.root, names, self._options, text_form=True)
                        except InputError as error:
                            if not seen:
                                raise
                            yield bad.bad([line], number, str(error))
                            continue
                    if names in seen:
                        yield from seen[names].take(list(values.values()), number)
                    else:
                        yield bad.bad([line], number, "The lines of the file have too many different sets of keys.")
        for rows in seen.values():
            yield from rows.flush()

    def count_hint(self) -> int | None:
        """Return the number of lines."""
        return count_lines(self._table, b"\n")


_KINDS_OF_ROWS = 1000


def _parse(line: str) -> dict[str, Any] | None:
    try:
        values = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return values if isinstance(values, dict) else None
