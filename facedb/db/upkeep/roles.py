"""Roles that may do no more than they need: readers see what facedb publishes, applications do what the command line does."""

from __future__ import annotations

from psycopg import sql

from facedb.core.errors import DatabaseError, NotFoundError
from facedb.db import audit
from facedb.db.connection import Connection, Database

# What is granted on what; {role} is the role, {database} this database. Default rights are for what is made later.
_READER = (
    "grant usage on schema bi to {role}",
    "grant select on all tables in schema bi to {role}",
    "alter default privileges in schema bi grant select on tables to {role}",
)
# Whoever reads shall have nowhere to write: neither tables of its own nor large objects, which outlive what they were copied from.
_NOTHING_ELSE = (
    "revoke temporary on database {database} from public",
    "revoke execute on function lo_creat(integer), lo_create(oid), lo_from_bytea(oid, bytea) from public",
)
_APP = (
    *_READER,
    "grant temporary on database {database} to {role}",
    "grant usage on schema facedb to {role}",
    "grant select, insert, update, delete, truncate on all tables in schema facedb to {role}",
    "grant usage, select on all sequences in schema facedb to {role}",
    "grant execute on all functions in schema facedb to {role}",
    "alter default privileges in schema facedb grant select, insert, update, delete, truncate on tables to {role}",
    "alter default privileges in schema facedb grant usage, select on sequences to {role}",
    # What is written in the audit stays, with the role and the time that the server puts there; how far the schema is belongs to its owner.
    "revoke insert, update, delete, truncate on facedb.audit from {role}",
    "grant insert (act, subject_kind, subject_id, done_by, counts) on facedb.audit to {role}",
    "revoke insert, update, delete, truncate on facedb.alembic_version from {role}",
)
# PostgreSQL 17 has a right to rewrite tables, without which only their owner can wipe what was forgotten from their files.
_MAINTAIN_SINCE = 170000
_MAINTAIN = (
    "grant maintain on all tables in schema facedb to {role}",
    "alter default privileges in schema facedb grant maintain on tables to {role}",
)


def grant_reader(db: Database, role: str) -> None:
    """Let a role read the views of schema bi, present and future, and no table.

    In the embedded database, which is nobody else's, it cannot make tables or large objects of its own either. Raises
    NotFoundError without the role, DatabaseError where the own role may not grant.
    """
    with db.connection() as connection:
        _grant(connection, _READER if not db.embedded else (*_READER, *_NOTHING_ELSE), role)
        audit.note(connection, "grant", "role", _key(connection, role), right="reader")


def grant_app(db: Database, role: str) -> None:
    """Let a role do what the command line does, but for upgrades, grants and indexes; raises what ``grant_reader`` raises."""
    with db.connection() as connection:
        newer = connection.info.server_version >= _MAINTAIN_SINCE
        _grant(connection, (*_APP, *_MAINTAIN) if newer else _APP, role)
        audit.note(connection, "grant", "role", _key(connection, role), right="app")


def _grant(connection: Connection, statements: tuple[str, ...], role: str) -> None:
    if connection.execute("select from pg_roles where rolname = %s", [role]).fetchone() is None:
        raise NotFoundError(f'The role {role} does not exist; create it in psql with: create role "{role}" login')
    row = connection.execute("select current_database()").fetchone()
    names = {"role": sql.Identifier(role), "database": sql.Identifier(row[0] if row else "")}
    refused: list[str] = []
    connection.add_notice_handler(lambda told: refused.append(told.message_primary or ""))
    for statement in statements:
        connection.execute(sql.SQL(statement).format(**names))
    # PostgreSQL only warns whoever may not pass a right on, and grants nothing.
    if refused:
        raise DatabaseError(
            f"{connection.info.user} may not grant these rights ({refused[0]}); connect as the owner of facedb's tables."
        )


def _key(connection: Connection, role: str) -> int | None:
    row = connection.execute("select oid::bigint from pg_roles where rolname = %s", [role]).fetchone()
    return row[0] if row else None
