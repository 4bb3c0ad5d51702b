"""Rows to files and to stdout: csv, json, jsonl, parquet and npz, with the same columns and types in each.

Names that are not UTF-8 are written as their bytes in csv, as a list of files needs it, and in the text form of
`facedb.core.files.paths` in the others.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, BinaryIO

from facedb.core.files.paths import to_text
from facedb.core.row_schema import Column, Kind, Table, Values
from facedb.core.spreadsheet_cells import defused

if TYPE_CHECKING:
    import pyarrow as pa

_BATCH = 65536


def write_rows(file: BinaryIO, table: Table[Any], rows: Iterable[Any], form: str, *, raw: bool = False) -> int:
    """Write ``rows`` (frozen rows or their values) as csv, json, jsonl, parquet or npz; returns how many there were.

    Streamed but for npz, which is one array a column. ``file`` need not be seekable. Cells of a csv that a spreadsheet would run as
    formulas are defused (`facedb.core.spreadsheet_cells`) unless ``raw``; the other formats hold no formulas.
    """
    if form == "csv":
        return _csv(file, table, map(table.values, rows), raw=raw)
    writers = {"json": _json, "jsonl": _jsonl, "parquet": _parquet, "npz": _npz}
    return writers[form](file, table, map(table.values, rows))


def arrow_schema(table: Table[Any]) -> pa.Schema:
    """The Arrow types of the columns; they follow from the definition alone, so an empty table has them too."""
    import pyarrow as pa

    types = {
        Kind.TEXT: pa.string(),
        Kind.WHOLE: pa.int64(),
        Kind.REAL: pa.float32(),
        Kind.NUMBER: pa.float64(),
        Kind.FLAG: pa.bool_(),
        Kind.TIME: pa.timestamp("us", tz="UTC"),
        Kind.TEXTS: pa.list_(pa.string()),
        Kind.VALUE: pa.string(),
    }
    return pa.schema([(column.name, types[column.kind]) for column in table.columns])


def arrow_batches(table: Table[Any], rows: Iterable[Values]) -> Iterator[pa.RecordBatch]:
    """Rows of values as record batches of ``arrow_schema``."""
    import pyarrow as pa

    schema = arrow_schema(table)
    left = iter(rows)
    while batch := list(islice(left, _BATCH)):
        arrays = [
            pa.array([_flat(row[k]) if column.kind is Kind.VALUE else json_value(row[k]) for row in batch], type_)
            for k, (column, type_) in enumerate(zip(table.columns, schema.types, strict=True))
        ]
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def _csv(file: BinaryIO, table: Table[Any], rows: Iterable[Values], *, raw: bool) -> int:
    text = io.TextIOWrapper(file, encoding="utf-8", errors="surrogateescape", newline="", write_through=True)
    try:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(table.names)
        count = 0
        for row in rows:
            cells = [cell(value) for value in row]
            writer.writerow(cells if raw else [defused(value) if isinstance(value, str) else value for value in cells])
            count += 1
        text.flush()
    finally:
        text.detach()
    return count


def cell(value: Any) -> Any:
    """A value as one cell of text: times in ISO 8601, lists and mappings as JSON."""
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, (dict, list, tuple)):
        return json.dumps(value, ensure_ascii=False, default=str)
    return value


def _json(file: BinaryIO, table: Table[Any], rows: Iterable[Values]) -> int:
    count = 0
    file.write(b"[")
    for row in rows:
        file.write((",\n " if count else "\n ").encode() + _object(table, row))
        count += 1
    file.write(b"\n]\n")
    return count


def _jsonl(file: BinaryIO, table: Table[Any], rows: Iterable[Values]) -> int:
    count = 0
    for row in rows:
        file.write(_object(table, row) + b"\n")
        count += 1
    return count


def _object(table: Table[Any], row: Values) -> bytes:
    values = dict(zip(table.names, map(json_value, row), strict=True))
    return json.dumps(values, ensure_ascii=False, default=str).encode()


def json_value(value: Any) -> Any:
    """A value as formats of Unicode text hold it; file names that are not UTF-8 get their text form."""
    if isinstance(value, str):
        return value if value.isascii() else to_text(value)
    return [json_value(item) for item in value] if isinstance(value, (list, tuple)) else value


def _parquet(file: BinaryIO, table: Table[Any], rows: Iterable[Values]) -> int:
    import pyarrow.parquet as pq

    count = 0
    with pq.ParquetWriter(file, arrow_schema(table)) as writer:
        for batch in arrow_batches(table, rows):
            writer.write_batch(batch)
            count += batch.num_rows
    return count


def _npz(file: BinaryIO, table: Table[Any], rows: Iterable[Values]) -> int:
    import numpy as np

    body = list(rows)
    arrays = {column.name: _array(column, [row[k] for row in body]) for k, column in enumerate(table.columns)}
    np.savez(file, **arrays)
    return len(body)


def _array(column: Column, values: list[Any]) -> Any:
    """A column as NumPy holds it: no number is NaN, so whole numbers that may be missing are float64; no text is empty."""
    import numpy as np

    if column.kind is Kind.WHOLE and not column.nullable:
        return np.array(values, np.int64)
    if column.numeric:
        dtype = np.float32 if column.kind is Kind.REAL else np.float64
        return np.array([np.nan if value is None else value for value in values], dtype)
    if column.kind is Kind.FLAG and not column.nullable:
        return np.array(values, np.bool_)
    return np.array([_flat(value) or "" for value in values], np.str_)


def _flat(value: Any) -> str | None:
    return None if value is None else str(cell(value))
