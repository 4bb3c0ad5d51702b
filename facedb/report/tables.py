"""Rows to files: csv, jsonl, parquet and npz, with the same columns in each, streamed where the format allows."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from facedb.core.paths import to_text

if TYPE_CHECKING:
    import pyarrow as pa

Row = Sequence[Any]
_BATCH = 65536
_WHOLE = {"rank", "pairs", "faces_a", "faces_b", "size_a", "size_b"}
_REAL = {"score", "confidence", "coverage_a", "coverage_b", "norm"}
_LISTS = {"images"}


def write_rows(file: BinaryIO, columns: Sequence[str], rows: Iterable[Row], form: str) -> int:
    """Write ``rows`` as csv, jsonl, parquet or npz (one array a column); returns how many there were.

    Names that are not UTF-8 are written as their bytes in csv, as a list of files needs it, and in the text form of
    `facedb.core.paths` in the others.
    """
    match form:
        case "csv":
            return _csv(file, columns, rows)
        case "jsonl":
            return _jsonl(file, columns, rows)
        case "parquet":
            return _parquet(file, columns, rows)
        case "npz":
            return _npz(file, columns, rows)
        case _:
            raise ValueError(f"rows cannot be written as {form!r}")


def is_real(column: str) -> bool:
    """Whether a column holds float32 numbers."""
    return column in _REAL or column.endswith("_score")


def arrow_schema(columns: Sequence[str]) -> pa.Schema:
    """The Arrow types of columns by their names, the same for every table of facedb."""
    import pyarrow as pa

    def kind(column: str) -> pa.DataType:
        if is_real(column):
            return pa.float32()
        if column in _WHOLE:
            return pa.int64()
        return pa.list_(pa.string()) if column in _LISTS else pa.string()

    return pa.schema([(column, kind(column)) for column in columns])


def arrow_batches(columns: Sequence[str], rows: Iterable[Row]) -> Iterator[pa.RecordBatch]:
    """Rows as record batches of ``arrow_schema``."""
    import pyarrow as pa

    schema = arrow_schema(columns)
    for batch in _batches(rows):
        arrays = [pa.array([_text(row[k]) for row in batch], schema.field(k).type) for k in range(len(columns))]
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    left = iter(rows)
    while batch := list(islice(left, _BATCH)):
        yield batch


def _csv(file: BinaryIO, columns: Sequence[str], rows: Iterable[Row]) -> int:
    text = io.TextIOWrapper(file, encoding="utf-8", errors="surrogateescape", newline="", write_through=True)
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    count = 0
    for row in rows:
        writer.writerow([json.dumps(v, ensure_ascii=False) if isinstance(v, (list, tuple)) else v for v in row])
        count += 1
    text.flush()
    text.detach()
    return count


def _jsonl(file: BinaryIO, columns: Sequence[str], rows: Iterable[Row]) -> int:
    count = 0
    for row in rows:
        values = dict(zip(columns, map(_text, row), strict=True))
        file.write(json.dumps(values, ensure_ascii=False).encode() + b"\n")
        count += 1
    return count


def _parquet(file: BinaryIO, columns: Sequence[str], rows: Iterable[Row]) -> int:
    import pyarrow.parquet as pq

    count = 0
    with pq.ParquetWriter(file, arrow_schema(columns)) as writer:
        for batch in arrow_batches(columns, rows):
            writer.write_batch(batch)
            count += batch.num_rows
    return count


def _npz(file: BinaryIO, columns: Sequence[str], rows: Iterable[Row]) -> int:
    body = list(rows)
    arrays: dict[str, Any] = {}
    for k, column in enumerate(columns):
        values = [row[k] for row in body]
        if is_real(column):
            arrays[column] = np.array([np.nan if v is None else v for v in values], np.float32)
        elif column in _WHOLE:
            arrays[column] = np.array(values, np.int64)
        else:
            arrays[column] = np.array([_flat(v) for v in values], np.str_)
    np.savez(file, **arrays)
    return len(body)


def _flat(value: Any) -> str:
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (list, tuple)) else str(value)


def _text(value: Any) -> Any:
    """A value as formats of Unicode text hold it; file names that are not UTF-8 get their text form."""
    if isinstance(value, str):
        return value if value.isascii() else to_text(value)
    return [_text(item) for item in value] if isinstance(value, (list, tuple)) else value
