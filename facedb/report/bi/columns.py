"""The columns of the views, as a tool needs them described."""

from __future__ import annotations

from dataclasses import dataclass

from facedb.db.connection import Connection
from facedb.db.queries import load

SQL = load("report.bi", "columns")


@dataclass(frozen=True, slots=True)
class ViewColumn:
    """A column of a view: its name, PostgreSQL type, and meaning."""

    name: str
    type: str
    meaning: str


def view_columns(conn: Connection, view: str) -> tuple[str, tuple[ViewColumn, ...]]:
    """What a view of schema bi means, and its columns; raises LookupError for a view that does not exist."""
    rows = conn.execute(SQL["columns"], {"view": view}).fetchall()
    if not rows:
        raise LookupError(f"there is no view bi.{view}")
    return str(rows[0][3] or ""), tuple(ViewColumn(row[0], row[1], row[2] or "") for row in rows)
