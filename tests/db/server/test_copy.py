"""Binary COPY against what plain SELECT says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pytest
from psycopg import sql

from facedb.db.connection import Connection, Database
from facedb.db.copy import Column, read_chunks, read_columns, row_dtype, write_columns

if TYPE_CHECKING:
    from tests.conftest import Server

SCALARS: dict[str, np.ndarray] = {
    "int2": np.array([-32768, 0, 32767], np.int16),
    "int4": np.array([-(2**31), 0, 2**31 - 1], np.int32),
    "int8": np.array([-(2**63), 0, 2**63 - 1], np.int64),
    "float4": np.array([-1.5, np.float32(0.1), np.inf], np.float32),
    "float8": np.array([-1.5, 0.1, np.nan], np.float64),
}


@pytest.fixture(scope="module")
def scratch(server: Server, template: str) -> Iterator[Database]:
    """A database for temporary tables only, so all tests here may share it."""
    server.administer("create database {} template {}", "copies", template)
    yield Database(server.database("copies"), embedded=True)
    server.administer("drop database {} with (force)", "copies")


@pytest.fixture
def connection(scratch: Database) -> Iterator[Connection]:
    """A connection of the test's own: temporary tables go with it."""
    opened = scratch.open()
    yield opened
    opened.close()


@pytest.mark.parametrize("kind", SCALARS)
def test_a_scalar_column_comes_back_as_it_was_written(connection: Connection, kind: str) -> None:
    values = SCALARS[kind]
    connection.execute(sql.SQL("create temp table t (x {})").format(sql.SQL(kind)))
    columns = [Column("x", kind)]
    assert write_columns(connection.cursor(), sql.SQL("t"), columns, {"x": values}) == 3
    said = [row[0] for row in connection.execute("select x from t order by ctid")]
    np.testing.assert_array_equal(np.array(said, values.dtype), values)
    read = read_columns(connection.cursor(), sql.SQL("select x from t order by ctid"), columns)["x"]
    assert read.dtype == values.dtype
    np.testing.assert_array_equal(read, values)


def test_bytes_of_fixed_size_come_back_as_they_were_written(connection: Connection) -> None:
    connection.execute("create temp table t (x bytea)")
    values = np.frombuffer(bytes(range(64)), np.dtype(("V", 32)))
    write_columns(connection.cursor(), sql.SQL("t"), [Column("x", "bytea", 32)], {"x": values})
    assert [row[0] for row in connection.execute("select x from t order by ctid")] == [v.tobytes() for v in values]
    read = read_columns(connection.cursor(), sql.SQL("select x from t order by ctid"), [Column("x", "bytea", 32)])["x"]
    assert read.tobytes() == values.tobytes()


@pytest.mark.parametrize(
    ("dim", "storage"),
    [*((dim, "plain") for dim in (1, 128, 512, 2000)), *((dim, "external") for dim in (1, 512, 2001, 16000))],
)
def test_vectors_of_every_storage_come_back_bit_for_bit(connection: Connection, dim: int, storage: str) -> None:
    connection.execute("create temp table t (id int8, vec vector, small int4)")
    connection.execute(sql.SQL("alter table t alter vec set storage {}").format(sql.SQL(storage)))
    vectors = np.random.default_rng(dim).standard_normal((37, dim)).astype(np.float32)
    vectors[0, 0] = np.float32(1e-42)
    columns = [Column("id", "int8"), Column("vec", "vector", dim), Column("small", "int4")]
    write_columns(
        connection.cursor(), sql.SQL("t"), columns, {"id": np.arange(37, dtype=np.int64), "vec": vectors, "small": 7}
    )
    said = connection.execute("select vec::real[], small from t order by id").fetchall()
    np.testing.assert_array_equal(np.array([row[0] for row in said], np.float32), vectors)
    assert {row[1] for row in said} == {7}
    chunks = list(
        read_chunks(
            connection.cursor(),
            sql.SQL("select id, vec, small from t order by id"),
            columns,
            chunk_bytes=5 * row_dtype(columns).itemsize,
        )
    )
    assert len(chunks) > 1
    np.testing.assert_array_equal(np.concatenate([c["vec"]["x"] for c in chunks]).astype(np.float32), vectors)
    np.testing.assert_array_equal(np.concatenate([c["id"] for c in chunks]), np.arange(37))


@pytest.mark.parametrize("rows", [0, 1, 2, 3, 1000, 70_000])
def test_any_number_of_rows_in_any_chunks(connection: Connection, rows: int) -> None:
    connection.execute("create temp table t (a int8, b float4)")
    columns = [Column("a", "int8"), Column("b", "float4")]
    a, b = np.arange(rows, dtype=np.int64), np.arange(rows, dtype=np.float32)
    assert write_columns(connection.cursor(), sql.SQL("t"), columns, {"a": a, "b": b}) == rows
    for chunk in (1, 7, 4096):
        if rows <= 1000 or chunk == 4096:
            parts = list(
                read_chunks(
                    connection.cursor(), sql.SQL("select a, b from t order by a"), columns, chunk_bytes=22 * chunk
                )
            )
            assert all(len(part) for part in parts)
            np.testing.assert_array_equal(np.concatenate([p["a"] for p in parts]) if parts else np.empty(0), a)
    read = read_columns(connection.cursor(), sql.SQL("select a, b from t order by a"), columns)
    np.testing.assert_array_equal(read["b"], b)


@pytest.mark.parametrize(
    ("query", "columns"),
    [
        ("select null::int8", [Column("x", "int8")]),
        ("select x from (values (1::int8), (null), (3::int8)) as t(x)", [Column("x", "int8")]),
        ("select 1::int4", [Column("x", "int8")]),
        ("select 1::int8, 2::int8", [Column("x", "int8")]),
        ("select '[1,2,3]'::vector", [Column("x", "vector", 4)]),
        ("select 'ab'::bytea", [Column("x", "bytea", 3)]),
        ("select repeat('x', 100000)::bytea", [Column("x", "int8")]),
    ],
)
def test_a_row_of_another_shape_raises(connection: Connection, query: str, columns: list[Column]) -> None:
    with pytest.raises(ValueError, match=r"binary COPY|column x"):
        read_columns(connection.cursor(), sql.SQL(query), columns)


def test_columns_of_different_lengths_raise_before_anything_is_sent(connection: Connection) -> None:
    connection.execute("create temp table t (a int8, b int8)")
    with pytest.raises(ValueError, match="different lengths"):
        write_columns(
            connection.cursor(),
            sql.SQL("t"),
            [Column("a", "int8"), Column("b", "int8")],
            {"a": np.arange(3), "b": np.arange(4)},
        )
    assert connection.execute("select count(*) from t").fetchone() == (0,)


@pytest.mark.parametrize("width", [1, 3, 5])
def test_vectors_of_another_width_than_the_column_raise(connection: Connection, width: int) -> None:
    connection.execute("create temp table t (vec vector)")
    with pytest.raises(ValueError, match="vec"):
        write_columns(
            connection.cursor(), sql.SQL("t"), [Column("vec", "vector", 4)], {"vec": np.ones((2, width), np.float32)}
        )
