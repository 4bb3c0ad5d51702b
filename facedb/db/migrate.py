"""The schema: how far a database is, and bringing it to the head of ``migrations/``.

The question is asked at every command and answered by one SELECT; alembic and SQLAlchemy are imported only to upgrade.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, cast

import psycopg
from psycopg import errors

from facedb.core.errors import ConflictError, FacedbError, SchemaError
from facedb.db import session, views
from facedb.db.connection import Connection, Database, translated
from facedb.db.queries import load
from facedb.db.wait import Say, Wait, silent

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection as SqlConnection

SQL = load("db", "schema")

# How long one try waits for a lock, and all of them together.
_LOCK_SECONDS = 3.0
_PATIENCE_SECONDS = 300.0
_EVERY_SECONDS = 0.2
OLDEST_SERVER = 160000
OLDEST_PGVECTOR = (0, 8, 3)


@dataclass(frozen=True, slots=True)
class SchemaState:
    """How far a database is: its revision (None: no schema of facedb), whether its views are this facedb's, its encoding."""

    revision: str | None
    views_fit: bool
    encoding: str

    @property
    def at_head(self) -> bool:
        """Whether the tables are those of this facedb."""
        return self.revision == head()


@cache
def migrations_dir() -> Path:
    """The migrations: inside an installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    for place in (package / "_migrations", package.parent / "migrations"):
        if (place / "env.py").is_file():
            return place
    raise SchemaError("The migrations are missing from this installation; install facedb again.")


@cache
def revisions() -> tuple[str, ...]:
    """Every revision from the first to the head, read from the files without importing them."""
    after: dict[str | None, str] = {}
    for file in sorted((migrations_dir() / "versions").glob("*.py")):
        text = file.read_text(encoding="utf-8")
        revision, down = _assigned("revision", text), _assigned("down_revision", text)
        if revision is None or down in after:
            raise SchemaError(f"The migration {file.name} has no revision, or shares its predecessor with another.")
        after[down] = revision
    chain: list[str] = []
    while (following := after.get(chain[-1] if chain else None)) is not None:
        chain.append(following)
    if len(chain) != len(after) or not chain:
        raise SchemaError("The migrations of this installation are not one chain; install facedb again.")
    return tuple(chain)


def head() -> str:
    """The revision that this facedb works with."""
    return revisions()[-1]


def current(db: Database) -> SchemaState:
    """How far the database is; one SELECT."""
    with db.connection(autocommit=True) as connection:
        encoding = connection.info.parameter_status("server_encoding") or ""
        try:
            row = connection.execute(SQL["state"]).fetchone()
        except (errors.UndefinedTable, errors.InvalidSchemaName):
            return SchemaState(None, views_fit=False, encoding=encoding)
    revision, comment = row or (None, None)
    return SchemaState(revision, views.fit(comment, _views()), encoding)


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """Versions of the server and of pgvector (None: not created), and the size of the database in bytes."""

    postgresql: str
    pgvector: str | None
    size: int


def server_facts(db: Database) -> ServerFacts:
    """What serves the database."""
    with db.connection(autocommit=True) as connection:
        row = connection.execute(SQL["facts"]).fetchone()
    postgresql, pgvector, size = row or ("", None, 0)
    return ServerFacts(postgresql, pgvector, size)


def ensure(db: Database, *, say: Say = silent) -> None:
    """Make sure that the database has this facedb's schema: the embedded one is upgraded, any other must be already.

    Raises SchemaError where a server behind a DSN needs `facedb db upgrade` and where a database is newer than facedb.
    """
    state = current(db)
    _refuse(state)
    if state.at_head and (state.views_fit or not db.embedded):
        return
    if not db.embedded:
        found = "has no facedb schema yet" if state.revision is None else f"is at schema {state.revision}"
        raise SchemaError(f"The database {found} and this facedb needs {head()}; run: facedb db upgrade")
    upgrade(db, say=say)


def upgrade(db: Database, revision: str | None = None, *, say: Say = silent) -> SchemaState:
    """Bring the schema to the head and make the views again, all in one transaction; returns what was there before.

    With an earlier ``revision`` it goes only that far and leaves no views, which belong to the head.
    Raises SchemaError where the server or pgvector is too old, or the database newer than this facedb.
    """
    before = current(db)
    _refuse(before)
    target = head() if revision is None else revision

    def bring() -> None:
        if before.revision == target == head() and _views_again(db):
            return
        with _one_transaction(db) as (outer, connection):
            readers = views.readers(connection)
            views.drop(connection, _views())
            _bring(db, outer, connection, target)
            if target == head():
                views.create(connection, _views(), readers)

    _patiently(db, bring, say)
    return before


@contextmanager
def made(db: Database, revision: str) -> Iterator[Connection]:
    """The tables as they were at ``revision``, made in an empty database by a transaction that ends with the block.

    Raises ConflictError where facedb's schema is there already, and what ``upgrade`` raises.
    """
    before = current(db)
    if before.revision is not None:
        raise ConflictError(
            f"{db.describe()} already holds data of facedb; restore into an empty database or a fresh FACEDB_HOME."
        )
    _refuse(SchemaState(revision, views_fit=False, encoding=before.encoding))
    with _one_transaction(db) as (outer, connection):
        _bring(db, outer, connection, revision)
        yield connection


def _bring(db: Database, outer: SqlConnection, connection: Connection, target: str) -> None:
    """Bring the tables of a server that fits to a revision."""
    check_server(connection, embedded=db.embedded)
    connection.execute("create schema if not exists facedb")
    _alembic(outer, "upgrade", target)
    connection.execute(SQL["name_version"])


def _views_again(db: Database) -> bool:
    """Make the views again where the tables are those of the head, without loading what only migrations need.

    False where another upgrade changed the schema meanwhile.
    """
    with db.connection() as connection:
        _lock(connection)
        if connection.execute("select version_num from facedb.alembic_version").fetchone() != (head(),):
            return False
        check_server(connection, embedded=db.embedded)
        readers = views.readers(connection)
        views.drop(connection, _views())
        connection.execute(SQL["name_version"])
        views.create(connection, _views(), readers)
    return True


def downgrade(db: Database, revision: str) -> None:
    """Take the schema back to a revision, without views, which belong to the head; for tests and emergencies."""
    with _one_transaction(db) as (outer, connection):
        views.drop(connection, _views())
        _alembic(outer, "downgrade", revision)


def _patiently(db: Database, bring: Callable[[], None], say: Say) -> None:
    """Upgrade, and where others hold what is needed, say who they are and try again until patience ends."""
    wait = Wait(say)
    while True:
        try:
            return bring()
        except FacedbError as error:
            if not isinstance(
                error.__cause__, errors.LockNotAvailable | errors.UniqueViolation | errors.DeadlockDetected
            ):
                raise
            holders = _holders(db)
            if wait.on(f"{holders or 'another upgrade'} to let go of facedb's tables") > _PATIENCE_SECONDS:
                raise ConflictError(
                    f"{holders or 'Another session'} holds facedb's tables, so they cannot be upgraded; "
                    "end it, then run this again."
                ) from error
            time.sleep(_EVERY_SECONDS)


def _holders(db: Database) -> str:
    """Who holds locks on facedb's tables and views, in words."""
    with db.connection(autocommit=True) as connection:
        rows = connection.execute(SQL["holders"]).fetchall()
    return ", ".join(session.in_words(*row) for row in rows)


def _views() -> Path:
    return migrations_dir() / "views"


def _assigned(name: str, text: str) -> str | None:
    found = re.search(rf"""^{name}\s*(?::[^=\n]*)?=\s*["']([^"']+)["']""", text, re.MULTILINE)
    return found[1] if found else None


def _refuse(state: SchemaState) -> None:
    """Refuse a database that cannot hold every name, or that is newer than this facedb."""
    if state.encoding != "UTF8":
        raise SchemaError(
            f"The database is in {state.encoding}, which cannot hold every name; make one in UTF-8 and name that: "
            "create database NAME encoding 'UTF8' template template0"
        )
    if state.revision is not None and state.revision not in revisions():
        raise SchemaError(
            f"The database is at schema {state.revision}, which this facedb does not know (its newest is {head()}); "
            "install the facedb that upgraded it, or a newer one."
        )


@contextmanager
def _one_transaction(db: Database) -> Iterator[tuple[SqlConnection, Connection]]:
    """One transaction under the advisory lock: SQLAlchemy's connection for alembic, psycopg's for plain SQL."""
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    engine = create_engine("postgresql+psycopg://", creator=db.open, poolclass=NullPool)
    with translated(db.dsn), engine.begin() as outer:
        connection = cast("Connection", outer.connection.driver_connection)
        _lock(connection)
        yield outer, connection


def _lock(connection: Connection) -> None:
    """Keep other upgrades away until the transaction ends, where there is a schema already."""
    connection.execute("select set_config('lock_timeout', %s, true)", [f"{_LOCK_SECONDS:.0f}s"])
    # Readers have no right to take this lock, as they would have to an advisory one.
    if connection.execute("select to_regclass('facedb.alembic_version') is not null").fetchone() == (True,):
        connection.execute("lock table facedb.alembic_version in share row exclusive mode")


def _alembic(connection: SqlConnection, command: str, revision: str) -> None:
    from alembic import command as commands
    from alembic.config import Config
    from sqlalchemy.exc import DBAPIError

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(migrations_dir()).replace("%", "%%"))
    try:
        getattr(commands, command)(config, revision)
    except DBAPIError as error:
        if isinstance(error.orig, psycopg.Error):
            raise error.orig from error
        raise


def check_server(connection: Connection, *, embedded: bool) -> None:
    """Refuse a server that is too old, and see to a pgvector that is new enough."""
    if connection.info.server_version < OLDEST_SERVER:
        raise SchemaError(f"facedb needs PostgreSQL {OLDEST_SERVER // 10000} or newer, and this server is older.")
    try:
        with connection.transaction():
            connection.execute("create extension if not exists vector")
    except (
        errors.InsufficientPrivilege,
        errors.UndefinedFile,
        errors.FeatureNotSupported,
        errors.InvalidSchemaName,
    ) as error:
        raise SchemaError(
            f"The extension pgvector cannot be created ({error.diag.message_primary}); "
            "have it installed on the server, then have an administrator run: create extension vector"
        ) from error
    connection.execute(session.SQL["reach"])
    row = connection.execute(SQL["pgvector"]).fetchone()
    installed, place, usable = row or ("0", "", False)
    if not usable:
        raise SchemaError(
            f"pgvector is in the schema {place}, which {connection.info.user} may not use; "
            f'have an administrator run: grant usage on schema "{place}" to "{connection.info.user}"'
        )
    if version(installed) >= OLDEST_PGVECTOR:
        return
    if embedded:
        connection.execute("alter extension vector update")
        return
    wanted = ".".join(map(str, OLDEST_PGVECTOR))
    raise SchemaError(
        f"pgvector {installed} may corrupt its HNSW indexes on vacuum; install {wanted} or newer on the server, "
        "then run in this database: alter extension vector update"
    )


def version(text: str) -> tuple[int, ...]:
    """The numbers of a version."""
    return tuple(int(number) for number in re.findall(r"\d+", text))
