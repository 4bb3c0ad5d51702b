"""Pictures inside parquet: which column holds them, and reading one by the number of its row."""

from __future__ import annotations

import re
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from facedb.sources.tables.columns import has_path_column

_NAMES = "image img picture photo face imagebytes imagedata jpg jpeg png webp bytes data content file"
# Under these names bytes are pictures only where nothing else in the row names one.
_VAGUE = frozenset(("bytes", "data", "content", "file"))
_BATCH_BYTES = 16 << 20
_WINDOW_BYTES = 64 << 20
_MOST_ROWS = 8192


@dataclass(frozen=True, slots=True)
class PictureColumn:
    """A column of pictures: its name, and the leaves of it that hold their bytes and, in some rows, their path."""

    name: str
    data: str
    path: str | None


def picture_column(schema: pa.Schema) -> PictureColumn | None:
    """Return the column of a table that holds pictures: a struct of bytes and path, or bytes under a usual name; or None."""
    names = _NAMES.split()
    found: dict[str, PictureColumn] = {}
    named = has_path_column([field.name for field in schema if not _is_bytes(field.type)])
    for field in schema:
        plain = re.sub(r"[^a-z0-9]", "", field.name.lower())
        if pa.types.is_struct(field.type):
            children = {field.type.field(k).name: field.type.field(k).type for k in range(field.type.num_fields)}
            if "bytes" in children and _is_bytes(children["bytes"]):
                path = "path" if "path" in children else None
                found.setdefault(plain, PictureColumn(field.name, "bytes", path))
        elif _is_bytes(field.type) and plain in names and not (named and plain in _VAGUE):
            found.setdefault(plain, PictureColumn(field.name, "", None))
    first = min(found, key=lambda plain: names.index(plain) if plain in names else len(names), default=None)
    return None if first is None else found[first]


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind))


def open_parquet(path: Any) -> pq.ParquetFile:
    """Open a parquet file for reading page by page; raises OSError or ArrowException."""
    return pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20)


def rows_per_batch(metadata: pq.FileMetaData) -> int:
    """Return as many rows as take about 16 MiB in the row group with the largest rows, by what the footer states."""
    groups = (metadata.row_group(k) for k in range(metadata.num_row_groups))
    largest = max((g.total_byte_size / g.num_rows for g in groups if g.num_rows > 0), default=1.0)
    return max(1, min(_MOST_ROWS, int(_BATCH_BYTES / max(largest, 1.0))))


def picture_bytes(column: pa.Array, picture: PictureColumn) -> pa.Array:
    """Return the array of bytes in a batch of the column of pictures."""
    return column.field(picture.data) if picture.data else column


class PictureContainer:
    """The pictures of one parquet file, asked for about in the order of the rows; the last 64 MiB of them stay.

    A row before those is read again from the start of its row group.
    """

    def __init__(self, path: str) -> None:
        """Open the file; raises OSError where it is no parquet or has no pictures."""
        try:
            self._file = open_parquet(path)
        except pa.ArrowException as error:
            raise OSError(f"{path} is not a parquet file: {error}") from error
        picture = picture_column(self._file.schema_arrow)
        if picture is None:
            self._file.close()
            raise OSError(f"{path} holds no pictures any more")
        self._picture = picture
        self._lock = threading.Lock()
        self._starts = [0]
        for k in range(self._file.metadata.num_row_groups):
            self._starts.append(self._starts[-1] + self._file.metadata.row_group(k).num_rows)
        self._batches: Iterator[pa.RecordBatch] | None = None
        self._window: deque[tuple[int, pa.Array]] = deque()
        self._held = 0
        self._next = 0

    def read_at(self, offset: int, length: int) -> bytes:
        """Return the picture in row ``offset``, which has ``length`` bytes; raises OSError where the file says otherwise."""
        with self._lock:
            try:
                data = self._row(offset)
            except pa.ArrowException as error:
                raise OSError(f"the parquet file is damaged: {error}") from error
        if data is None or len(data) != length:
            raise OSError("the parquet file changed: its rows hold other pictures now")
        return data

    def close(self) -> None:
        """Close the file."""
        self._batches = None
        self._window.clear()
        self._file.close()

    def _row(self, row: int) -> bytes | None:
        if not 0 <= row < self._starts[-1]:
            return None
        first = self._window[0][0] if self._window else self._next
        group = max(k for k, start in enumerate(self._starts[:-1]) if start <= row)
        batches = self._batches
        if batches is None or row < first or self._starts[group] > self._next:
            batches = self._restart(group)
        while True:
            for start, pictures in reversed(self._window):
                if start <= row < start + len(pictures):
                    value = pictures[row - start].as_py()
                    return None if value is None else bytes(value)
            self._advance(batches)

    def _restart(self, group: int) -> Iterator[pa.RecordBatch]:
        self._window.clear()
        self._held = 0
        self._next = self._starts[group]
        leaf = f"{self._picture.name}.{self._picture.data}" if self._picture.data else self._picture.name
        groups = range(group, self._file.metadata.num_row_groups)
        size = rows_per_batch(self._file.metadata)
        batches: Iterator[pa.RecordBatch] = self._file.iter_batches(
            size, row_groups=list(groups), columns=[leaf], use_threads=False
        )
        self._batches = batches
        return batches

    def _advance(self, batches: Iterator[pa.RecordBatch]) -> None:
        batch = next(batches, None)
        if batch is None:
            raise OSError("the parquet file ends before the row that is asked for")
        pictures = picture_bytes(batch.column(0), self._picture)
        self._window.append((self._next, pictures))
        self._next += len(pictures)
        self._held += pictures.nbytes
        while self._held > _WINDOW_BYTES and len(self._window) > 1:
            self._held -= self._window.popleft()[1].nbytes
