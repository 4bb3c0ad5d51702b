"""Roles that may do no more than they need: readers see what facedb publishes, applications do what the command line does."""

from __future__ import annotations

from psycopg import sql

from facedb.core.errors import DatabaseError, NotFoundError
from facedb.db import audit
from facedb.db.connection import Connection, Database
from facedb.db.queries import load

SQL = load("db", "roles")

_MAINTAIN_SINCE = 170000


def grant_reader(db: Database, role: str) -> None:
    """Let a role read the views of schema bi, present and future, and no table.

    In the embedded database, which is nobody else's, it cannot make tables or large objects of its own either. Raises
    NotFoundError without the role, DatabaseError where the own role may not grant.
    """
    with db.connection() as connection:
        _grant(connection, ("read", "nothing_else") if db.embedded else ("read",), role)
        audit.note(connection, "grant", "role", _key(connection, role), right="reader")


def grant_app(db: Database, role: str) -> None:
    """Let a role do what the command line does, but for upgrades, grants and indexes; raises what ``grant_reader`` raises."""
    with db.connection() as connection:
        newer = connection.info.server_version >= _MAINTAIN_SINCE
        _grant(connection, ("read", "work", "maintain") if newer else ("read", "work"), role)
        audit.note(connection, "grant", "role", _key(connection, role), right="app")


def _grant(connection: Connection, rights: tuple[str, ...], role: str) -> None:
    if _key(connection, role) is None:
        raise NotFoundError(f'The role {role} does not exist; create it in psql with: create role "{role}" login')
    row = connection.execute(SQL["database"]).fetchone()
    names = {"role": sql.Identifier(role), "database": sql.Identifier(row[0] if row else "")}
    refused: list[str] = []
    connection.add_notice_handler(lambda told: refused.append(told.message_primary or ""))
    for right in rights:
        connection.execute(sql.SQL(SQL[right]).format(**names))
    # PostgreSQL only warns a role that may not pass a right on, and grants nothing.
    if refused:
        raise DatabaseError(
            f"{connection.info.user} may not grant these rights ({refused[0]}); connect as the owner of facedb's tables."
        )


def _key(connection: Connection, role: str) -> int | None:
    row = connection.execute(SQL["role"], {"role": role}).fetchone()
    return row[0] if row else None
