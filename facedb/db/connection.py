"""The way to the database: the embedded server or a DSN, and the one place where driver errors become ours."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict

from facedb.core.errors import ConfigError, ConflictError, DatabaseError, FacedbError, SchemaError
from facedb.core.settings import Settings

Connection = psycopg.Connection[tuple[Any, ...]]

_CONNECT_SECONDS = 15


@dataclass(frozen=True, slots=True)
class Database:
    """One database that facedb may open connections to; ``embedded`` says that it is facedb's own server."""

    dsn: str = field(repr=False)
    embedded: bool

    @contextmanager
    def connection(self, *, autocommit: bool = False) -> Iterator[Connection]:
        """Open a connection; leaving the block commits, an exception rolls back, and it is closed either way.

        Driver errors from inside the block leave it as DatabaseError, SchemaError or ConflictError.
        """
        with translated(self.dsn), self.open(autocommit=autocommit) as connection:
            yield connection

    def open(self, *, autocommit: bool = False) -> Connection:
        """Open a connection that the caller closes, for long-lived use and threads; raises DatabaseError."""
        options: dict[str, Any] = {}
        if "connect_timeout" not in conninfo(self.dsn) and "PGCONNECT_TIMEOUT" not in os.environ:
            options["connect_timeout"] = _CONNECT_SECONDS
        with translated(self.dsn):
            return psycopg.connect(self.dsn, autocommit=autocommit, fallback_application_name="facedb", **options)

    def describe(self) -> str:
        """The database in words, without any password."""
        return "the embedded database" if self.embedded else describe(self.dsn)


@contextmanager
def connect(settings: Settings) -> Iterator[Database]:
    """The database of the settings; the embedded server runs at least as long as this block.

    Raises ConfigError where the DSN cannot be understood and DatabaseError where the embedded server does not start.
    """
    if settings.dsn is not None:
        conninfo(settings.dsn)
        yield Database(settings.dsn, embedded=False)
        return
    if os.name != "posix":
        raise DatabaseError("The embedded database needs Linux or macOS; name a PostgreSQL server with --dsn.")
    from facedb.db import embedded

    with embedded.server(settings.home, service_dir=settings.service_dir) as dsn:
        yield Database(dsn, embedded=True)


def conninfo(dsn: str) -> dict[str, str]:
    """The parameters in a DSN; raises ConfigError, which does not repeat the DSN, for it may hold a password."""
    try:
        return {key: str(value) for key, value in conninfo_to_dict(dsn).items() if value is not None}
    except psycopg.Error:
        raise ConfigError(
            "The DSN cannot be understood; write postgresql://USER@HOST:PORT/DATABASE or 'host=HOST dbname=DATABASE'."
        ) from None


def describe(dsn: str) -> str:
    """A DSN in words: database, host and user, never the password."""
    known = conninfo(dsn)
    words = []
    for word, key, variable in (
        ("database", "dbname", "PGDATABASE"),
        ("on", "host", "PGHOST"),
        ("port", "port", "PGPORT"),
    ):
        value = known.get(key) or os.environ.get(variable)
        if value:
            words.append(f"{word} {value}")
    if "service" in known:
        words.append(f"service {known['service']}")
    if "user" in known:
        words.append(f"as {known['user']}")
    return " ".join(words) or "the default database of libpq"


@contextmanager
def translated(dsn: str) -> Iterator[None]:
    """Turn what psycopg raises inside the block into one of facedb's errors."""
    try:
        yield
    except psycopg.Error as error:
        if isinstance(error, psycopg.ProgrammingError) and error.sqlstate is None:
            # Not the server's word but a mistake in the program, whose traceback is worth more than a sentence.
            raise
        raise translate(error, dsn) from error


def translate(error: psycopg.Error, dsn: str) -> FacedbError:
    """The error of facedb that says what a driver error means and what to do; the password of the DSN is not in it."""
    known = conninfo(dsn)
    said = (error.diag.message_primary or str(error).strip() or type(error).__name__).replace("\n", " ")
    password = known.get("password")
    if password:
        said = said.replace(password, "***")
    said = said.rstrip(".")
    match error:
        case (
            errors.UndefinedTable() | errors.UndefinedColumn() | errors.InvalidSchemaName() | errors.UndefinedFunction()
        ):
            return SchemaError(f"The schema of the database does not fit this facedb ({said}); run: facedb db upgrade")
        case errors.SerializationFailure() | errors.DeadlockDetected() | errors.LockNotAvailable():
            return ConflictError(f"Another process changed the same rows ({said}); run the command again.")
        case errors.InsufficientPrivilege():
            return DatabaseError(f"The database role lacks a right ({said}); connect as the owner or have it granted.")
        case errors.DiskFull():
            return DatabaseError(
                f"The disk of the database is full ({said}); free some space and run the command again."
            )
        case errors.QueryCanceled():
            return DatabaseError(f"The database cancelled a statement ({said}); raise its statement_timeout.")
        case errors.AdminShutdown() | errors.CrashShutdown() | errors.CannotConnectNow():
            return DatabaseError(f"The database server is stopping or starting ({said}); run the command again.")
        case psycopg.OperationalError() if error.sqlstate is None:
            return DatabaseError(f"No connection to {describe(dsn)}: {said}.")
        case _:
            return DatabaseError(f"PostgreSQL refused: {said}.")
