"""Binary COPY to and from NumPy without a Python loop over values.

In PostgreSQL's binary COPY format a row of fixed-size columns without nulls has a fixed stride, so one structured dtype
describes the whole stream: a field count (int16), then for each column its length in bytes (int32) and its value, all
big-endian. A pgvector value is uint16 dimension, uint16 zero, then float32 values.
Source: PostgreSQL manual, COPY, "Binary Format"; pgvector, vector_send.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg import sql

SIGNATURE = b"PGCOPY\n\xff\r\n\0"
HEADER = SIGNATURE + bytes(8)
TRAILER = b"\xff\xff"
_SCALARS = {"int2": ">i2", "int4": ">i4", "int8": ">i8", "float4": ">f4", "float8": ">f8"}
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Column:
    """A column of fixed size: ``type`` is int2, int4, int8, float4, float8, bytea or vector; ``size`` its bytes or dimension."""

    name: str
    type: str
    size: int = 0

    @property
    def value_dtype(self) -> np.dtype[Any]:
        """The dtype of one value on the wire."""
        if self.type == "vector":
            return np.dtype([("dim", ">u2"), ("zero", ">u2"), ("x", ">f4", (self.size,))])
        if self.type == "bytea":
            return np.dtype(("V", self.size))
        return np.dtype(_SCALARS[self.type])


def row_dtype(columns: Sequence[Column]) -> np.dtype[Any]:
    """The structured dtype of one binary COPY row of ``columns``."""
    fields: list[tuple[str, Any]] = [("fields", ">i2")]
    for column in columns:
        fields += [(f"{column.name}_length", ">i4"), (column.name, column.value_dtype)]
    return np.dtype(fields)


def read_chunks(
    cursor: psycopg.Cursor[Any], query: sql.Composable, columns: Sequence[Column], rows: int = 4096
) -> Iterator[NDArray[Any]]:
    """Yield structured arrays (dtype ``row_dtype(columns)``) of about ``rows`` rows of ``query``, a plain SELECT without nulls.

    Raises ValueError when a row does not have the fixed shape that ``columns`` promise.
    """
    dtype = row_dtype(columns)
    statement = sql.SQL("copy ({}) to stdout (format binary)").format(query)
    with cursor.copy(statement) as copy:
        parts: list[bytes | bytearray | memoryview] = []
        held = 0
        wanted = rows * dtype.itemsize
        first = True
        for part in copy:
            if first:
                part = memoryview(part)[len(HEADER) :]
                first = False
            parts.append(part)
            held += len(part)
            if held >= wanted:
                whole = b"".join(parts)
                usable = held - held % dtype.itemsize
                # The trailer is shorter than a row, so whole rows are data for certain.
                yield _checked(np.frombuffer(whole, dtype, usable // dtype.itemsize), columns)
                rest = whole[usable:]
                parts, held = [rest], len(rest)
        whole = b"".join(parts)
        count, left = divmod(len(whole) - len(TRAILER), dtype.itemsize)
        if left or not whole.endswith(TRAILER):
            raise ValueError("binary COPY ended within a row; a column has another type or is null")
        if count:
            yield _checked(np.frombuffer(whole, dtype, count), columns)


def _checked(rows: NDArray[Any], columns: Sequence[Column]) -> NDArray[Any]:
    if (rows["fields"] != len(columns)).any():
        raise ValueError("binary COPY row has another number of columns than expected")
    for column in columns:
        if (rows[f"{column.name}_length"] != column.value_dtype.itemsize).any():
            raise ValueError(f"column {column.name} is null or has another size than expected")
    return rows


def read_columns(
    cursor: psycopg.Cursor[Any], query: sql.Composable, columns: Sequence[Column]
) -> dict[str, NDArray[Any]]:
    """All rows of ``query`` as one native-endian array per column, each of shape (n,)."""
    chunks = [
        [chunk[c.name].astype(c.value_dtype.newbyteorder("=")) for c in columns]
        for chunk in read_chunks(cursor, query, columns, rows=65536)
    ]
    return {
        column.name: np.concatenate([chunk[k] for chunk in chunks])
        if chunks
        else np.empty(0, column.value_dtype.newbyteorder("="))
        for k, column in enumerate(columns)
    }


def write_columns(
    cursor: psycopg.Cursor[Any],
    table: sql.Composable,
    columns: Sequence[Column],
    values: Mapping[str, NDArray[Any] | int | float],
) -> int:
    """COPY arrays of equal length (scalars are repeated) into ``table``; vectors are float32 (n, size); returns the rows written.

    Raises ValueError when the lengths differ or a vector has another dimension than its column.
    """
    lengths = {len(v) for v in values.values() if isinstance(v, np.ndarray)}
    if len(lengths) != 1:
        raise ValueError(f"columns of different lengths: {sorted(lengths)}")
    for column in columns:
        # NumPy would repeat a single value over the whole vector without a word.
        if column.type == "vector" and np.shape(values[column.name])[1:] != (column.size,):
            raise ValueError(f"{column.name} has shape {np.shape(values[column.name])}, not (n, {column.size})")
    (n,) = lengths
    dtype = row_dtype(columns)
    step = max(1, _CHUNK_BYTES // dtype.itemsize)
    buffer = np.zeros(min(step, n), dtype)
    buffer["fields"] = len(columns)
    for column in columns:
        buffer[f"{column.name}_length"] = column.value_dtype.itemsize
        if column.type == "vector":
            buffer[column.name]["dim"] = column.size
    names = sql.SQL(", ").join(sql.Identifier(c.name) for c in columns)
    with cursor.copy(sql.SQL("copy {} ({}) from stdin (format binary)").format(table, names)) as copy:
        copy.write(HEADER)
        for start in range(0, n, step):
            stop = min(start + step, n)
            rows = buffer[: stop - start]
            for column in columns:
                value = values[column.name]
                part = value[start:stop] if isinstance(value, np.ndarray) else value
                if column.type == "vector":
                    rows[column.name]["x"] = part
                else:
                    rows[column.name] = part
            copy.write(rows.tobytes())
        copy.write(TRAILER)
    return n
