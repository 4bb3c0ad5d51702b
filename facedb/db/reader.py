"""Roles that may read what facedb publishes and nothing else."""

from __future__ import annotations

from psycopg import sql

from facedb.core.errors import NotFoundError
from facedb.db.connection import Database


def grant(db: Database, role: str) -> None:
    """Let a role read the views of schema bi, present and future, and no table.

    Raises NotFoundError where the role does not exist.
    """
    name = sql.Identifier(role)
    with db.connection() as connection:
        if connection.execute("select from pg_roles where rolname = %s", [role]).fetchone() is None:
            raise NotFoundError(f'The role {role} does not exist; create it in psql with: create role "{role}" login')
        connection.execute(sql.SQL("grant usage on schema bi to {}").format(name))
        connection.execute(sql.SQL("grant select on all tables in schema bi to {}").format(name))
        connection.execute(sql.SQL("alter default privileges in schema bi grant select on tables to {}").format(name))
