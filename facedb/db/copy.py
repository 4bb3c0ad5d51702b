"""Binary COPY to and from NumPy without a Python loop over values.

In PostgreSQL's binary COPY format a row of fixed-size columns without nulls has a fixed stride, so one structured dtype
describes the whole stream: a field count (int16), then for each column its length in bytes (int32) and its value, all
big-endian. A pgvector value is uint16 dimension, uint16 zero, then float32 values.
Source: PostgreSQL manual, COPY, "Binary Format"; pgvector, vector_send.
"""

from __future__ import annotations

import select
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg import pq, sql

SIGNATURE = b"PGCOPY\n\xff\r\n\0"
HEADER = SIGNATURE + bytes(8)
TRAILER = b"\xff\xff"
_SCALARS = {"int2": ">i2", "int4": ">i4", "int8": ">i8", "float4": ">f4", "float8": ">f8"}
_CHUNK_BYTES = 1 << 20
# array_send: the number of dimensions, whether there are nulls, the type; then for each dimension its size and lower bound.
_ARRAY_HEAD = 20
_EMPTY_ARRAY = 12
_ONE_DIMENSION = bytes([0, 0, 0, 1, 0, 0, 0, 0])


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
    cursor: psycopg.Cursor[Any], query: sql.Composable, columns: Sequence[Column], chunk_bytes: int = 1 << 19
) -> Iterator[NDArray[Any]]:
    """Yield structured arrays (dtype ``row_dtype(columns)``) of about ``chunk_bytes`` of ``query``, a plain SELECT without nulls.

    A chunk that stays in the second-level cache costs half the CPU of one of 8 MB. Raises ValueError when a row does not have
    the fixed shape that ``columns`` promise.
    """
    dtype = row_dtype(columns)
    statement = sql.SQL("copy ({}) to stdout (format binary)").format(query)
    parts: list[bytes | memoryview] = []
    held, start = 0, len(HEADER)
    wanted = max(chunk_bytes, dtype.itemsize)
    with closing(_messages(cursor.connection, statement.as_bytes(cursor))) as messages:
        for part in messages:
            parts.append(part)
            held += len(part)
            if held - start >= wanted:
                whole = b"".join(parts)
                # The trailer is shorter than a row, so whole rows are data for certain.
                count = (held - start) // dtype.itemsize
                yield _checked(np.frombuffer(whole, dtype, count, start), columns)
                rest = whole[start + count * dtype.itemsize :]
                parts, held, start = [rest], len(rest), 0
    whole = b"".join(parts)
    count, left = divmod(held - start - len(TRAILER), dtype.itemsize)
    if left or not whole.endswith(TRAILER):
        raise ValueError("binary COPY ended within a row; a column has another type or is null")
    if count:
        yield _checked(np.frombuffer(whole, dtype, count, start), columns)


def read_packed_vectors(
    cursor: psycopg.Cursor[Any], query: sql.Composable, dim: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
    """Yield (ids (n,), vectors (n, dim)) for each row of ``query``: the int8send and vector_send of many rows strung together.

    A message for a few hundred vectors instead of one for each: libpq and Python then cost almost nothing a vector. The
    vectors are views of what arrived, big-endian. Raises ValueError for another shape than promised.
    """
    stride = np.dtype([("dim", ">u2"), ("zero", ">u2"), ("x", ">f4", (dim,))])
    with closing(_packed_rows(cursor, query, 2)) as packed:
        for ids, vectors in packed:
            count, left = divmod(len(ids), 8)
            if left or len(vectors) != count * stride.itemsize:
                raise ValueError("packed vectors have another shape than expected")
            rows = np.frombuffer(vectors, stride)
            if (rows["dim"] != dim).any():
                raise ValueError(f"a vector has another width than {dim}")
            yield np.frombuffer(ids, ">i8").astype(np.int64), rows["x"]


def sent_array(sent: bytes | memoryview, column: Column) -> NDArray[Any]:
    """The values (n,) of what array_send gave, as ``column`` describes them; raises ValueError for another type or a null."""
    if len(sent) == _EMPTY_ARRAY:
        return np.empty(0, column.value_dtype.newbyteorder("="))
    dtype = np.dtype([("length", ">i4"), ("value", column.value_dtype)])
    values = sent[_ARRAY_HEAD:]
    if bytes(sent[:8]) != _ONE_DIMENSION or len(values) % dtype.itemsize:
        raise ValueError(f"the array of {column.name} is null or no plain one of {column.type}")
    rows = np.frombuffer(values, dtype)
    if (rows["length"] != column.value_dtype.itemsize).any():
        raise ValueError(f"the array of {column.name} has a value that is null or has another size than expected")
    return np.asarray(rows["value"].astype(column.value_dtype.newbyteorder("=")))


def read_packed_chunks(
    cursor: psycopg.Cursor[Any], query: sql.Composable, columns: Sequence[Column]
) -> Iterator[dict[str, NDArray[Any]]]:
    """Yield one array (n,) per column for each row of ``query``, which holds many rows: for every column the array_send of its values.

    Raises ValueError for another shape than promised, such as a null.
    """
    with closing(_packed_rows(cursor, query, len(columns))) as packed:
        for row in packed:
            yield {column.name: sent_array(sent, column) for sent, column in zip(row, columns, strict=True)}


def read_packed_columns(
    cursor: psycopg.Cursor[Any], query: sql.Composable, columns: Sequence[Column]
) -> dict[str, NDArray[Any]]:
    """As `read_columns`, of a ``query`` that `read_packed_chunks` takes."""
    chunks = list(read_packed_chunks(cursor, query, columns))
    return {
        column.name: np.concatenate(
            [np.empty(0, column.value_dtype.newbyteorder("=")), *(chunk[column.name] for chunk in chunks)]
        )
        for column in columns
    }


def _packed_rows(cursor: psycopg.Cursor[Any], query: sql.Composable, count: int) -> Generator[list[memoryview]]:
    """The ``count`` fields of each row of ``query`` as they were sent; raises ValueError for another number of them, or a null."""
    statement = sql.SQL("copy ({}) to stdout (format binary)").format(query)
    with closing(_messages(cursor.connection, statement.as_bytes(cursor))) as messages:
        start = len(HEADER)
        for message in messages:
            data, start = message[start:], 0
            if bytes(data[:2]) == TRAILER:
                # It is the last message, but until libpq says so the connection is not free.
                continue
            if int.from_bytes(data[:2], "big") != count:
                raise ValueError(f"a packed row has not the {count} columns that were expected")
            fields, at = [], 2
            for _ in range(count):
                size = int.from_bytes(data[at : at + 4], "big", signed=True)
                if size < 0:
                    raise ValueError("a packed column is null")
                fields.append(data[at + 4 : at + 4 + size])
                at += 4 + size
            yield fields


def _messages(conn: psycopg.Connection[Any], statement: bytes) -> Generator[memoryview]:
    """The data messages of a COPY TO STDOUT, one a row, straight from libpq.

    psycopg's own loop costs three times the CPU of this one (`facedb bench load`), which with several connections on few
    cores is what the load waits for.
    """
    pgconn = conn.pgconn
    pgconn.send_query(statement)
    wait_for_read = select.poll()
    wait_for_read.register(pgconn.socket, select.POLLIN)
    finished = False
    try:
        started = _result(pgconn, wait_for_read)
        if started is None or started.status != pq.ExecStatus.COPY_OUT:
            raise (
                psycopg.errors.error_from_result(started) if started else psycopg.OperationalError("no answer to COPY")
            )
        while True:
            length, data = pgconn.get_copy_data(1)
            if length > 0:
                yield data
            elif length == 0:
                wait_for_read.poll()
                pgconn.consume_input()
            else:
                break
        while (result := _result(pgconn, wait_for_read)) is not None:
            if result.status != pq.ExecStatus.COMMAND_OK:
                raise psycopg.errors.error_from_result(result)
        finished = True
    finally:
        if not finished:
            # Half a COPY is left on the wire: nothing else can be said over this connection.
            conn.close()


def _result(pgconn: pq.abc.PGconn, wait_for_read: select.poll) -> pq.abc.PGresult | None:
    while pgconn.is_busy():
        wait_for_read.poll()
        pgconn.consume_input()
    return pgconn.get_result()


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
        for chunk in read_chunks(cursor, query, columns)
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
