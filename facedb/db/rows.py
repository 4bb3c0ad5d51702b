"""Rows of a result from SQL: its columns make the SELECT, and its rows stream out as they are read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from psycopg import sql

from facedb.core.row_schema import Table
from facedb.db.connection import Connection
from facedb.db.queries import Query


def select_list(table: Table[Any]) -> sql.Composable:
    """The columns of a table as the list of a SELECT, each under its name."""
    return sql.SQL(", ").join(
        sql.Identifier(column.name)
        if column.sql is None
        else sql.SQL("{} as {}").format(sql.SQL(column.sql), sql.Identifier(column.name))
        for column in table.columns
    )


def stream(
    conn: Connection, query: Query, table: Table[Any], parameters: Mapping[str, Any]
) -> Iterator[tuple[Any, ...]]:
    """The values of a query whose text says ``{columns}`` where those of ``table`` go, without holding more than a few."""
    with conn.cursor(name="rows") as cursor:
        cursor.execute(sql.SQL(query).format(columns=select_list(table)), parameters)
        yield from cursor
