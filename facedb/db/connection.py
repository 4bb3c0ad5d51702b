"""The way to the database: the embedded server or a DSN, and the one place where driver errors become ours."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict

from facedb.core.errors import ConfigError, ConflictError, DatabaseError, FacedbError, SchemaError, UsageError
from facedb.core.files.paths import display
from facedb.core.machine import memory
from facedb.core.settings import Settings
from facedb.db import session
from facedb.db.server import room
from facedb.db.session import Connection, libpq_variables
from facedb.db.wait import Say, silent

__all__ = ["Connection", "Database", "connect", "conninfo", "describe", "translate", "translated"]


@dataclass(frozen=True, slots=True)
class Database:
    """One database that facedb may open connections to; ``embedded``: facedb's own server, whose data are at ``place``."""

    dsn: str = field(repr=False)
    embedded: bool
    reviver: Callable[[], object] | None = field(default=None, repr=False, compare=False)
    place: Path | None = field(default=None, repr=False, compare=False)

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
        given = "connect_timeout" in conninfo(self.dsn) or (not self.embedded and "PGCONNECT_TIMEOUT" in os.environ)
        if not given:
            options["connect_timeout"] = session.CONNECT_SECONDS
        with translated(self.dsn):
            return session.connect(self.dsn, own=self.embedded, autocommit=autocommit, **options)

    def revive(self) -> None:
        """Start the embedded server again where it died; nothing to do for any other one."""
        if self.reviver is not None:
            self.reviver()

    def expect_room(self) -> None:
        """Raise DatabaseError while the embedded server has no room on its disk: PostgreSQL itself stops when its log finds none."""
        if self.place is not None:
            room.expect(self.place)

    def describe(self) -> str:
        """The database in words, without any password."""
        return "the embedded database" if self.embedded else describe(self.dsn)


@contextmanager
def connect(settings: Settings, *, say: Say = silent) -> Iterator[Database]:
    """The database of the settings; the embedded server runs at least as long as this block, and ``say`` hears of waits.

    Raises ConfigError where the DSN cannot be understood, DatabaseError where the embedded server does not start, and
    TooLittleMemoryError where not even the smallest work would fit.
    """
    memory.expect_any_work()
    if settings.dsn is not None:
        conninfo(settings.dsn)
        yield Database(settings.dsn, embedded=False)
        return
    if os.name != "posix":
        raise DatabaseError("The embedded database needs Linux or macOS; name a PostgreSQL server with --dsn.")
    from facedb.db.server.embedded import EmbeddedServer

    use = EmbeddedServer(settings.home, service_dir=settings.service_dir, say=say)
    try:
        dsn = use.acquire()
        with room.named(use.place.data):
            yield Database(dsn, embedded=True, reviver=use.revive, place=use.place.data)
    finally:
        use.release()


def conninfo(dsn: str) -> dict[str, str]:
    """The parameters in a DSN; raises ConfigError, which does not repeat the DSN, for it may hold a password."""
    try:
        known = {key: str(value) for key, value in conninfo_to_dict(dsn).items() if value is not None}
    except psycopg.Error:
        raise ConfigError(
            "The DSN cannot be understood; write postgresql://USER@HOST:PORT/DATABASE or 'host=HOST dbname=DATABASE'."
        ) from None
    # libpq takes what follows an unescaped @ or / of a password for the host or the database, and would print it.
    path = dsn.partition("://")[2].partition("?")[0].partition("/")[2]
    if "@" in known.get("host", "")[1:] or "@" in known.get("port", "") or "@" in path:
        raise ConfigError("The DSN has an @ where no password ends; write @ as %40 and / as %2F in a password.")
    return known


def describe(dsn: str) -> str:
    """A DSN in words: database, host and user, never the password."""
    known = conninfo(dsn)
    words = []
    for word, key, variable in (
        ("database", "dbname", "PGDATABASE"),
        ("on", "host", "PGHOST"),
        # Where it is given, libpq connects there, whatever the host.
        ("at", "hostaddr", "PGHOSTADDR"),
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
            # Not an error of the server but a mistake in the program, whose traceback is worth more than a sentence.
            raise
        raise translate(error, dsn) from error
    except UnicodeEncodeError as error:
        # Paths may be any bytes and are stored as such; a name of a dataset, a person or a model is text.
        raise UsageError(
            f"{display(str(error.object))} is not UTF-8 text, as names must be: write it in UTF-8."
        ) from error


def translate(error: psycopg.Error, dsn: str) -> FacedbError:
    """The error of facedb that says what a driver error means and what to do; no secret of the DSN is in it."""
    said = _without_secrets(error.diag.message_primary or str(error).strip() or type(error).__name__, dsn)
    match error:
        case errors.UndefinedObject() if 'type "vector"' in said:
            return SchemaError(
                f"pgvector is out of reach ({said}); run: facedb db upgrade, which says what is missing."
            )
        case (
            errors.UndefinedTable() | errors.UndefinedColumn() | errors.InvalidSchemaName() | errors.UndefinedFunction()
        ):
            return SchemaError(f"The schema of the database does not fit this facedb ({said}); run: facedb db upgrade")
        case errors.SerializationFailure() | errors.DeadlockDetected() | errors.LockNotAvailable():
            return ConflictError(f"Another process changed the same rows ({said}); run the command again.")
        case errors.NumericValueOutOfRange() | errors.UntranslatableCharacter() | errors.CharacterNotInRepertoire():
            return UsageError(f"The database cannot hold a number or word that was given ({said}); correct it.")
        case errors.InsufficientPrivilege():
            return DatabaseError(f"The database role lacks a right ({said}); connect as the owner or have it granted.")
        case errors.DiskFull():
            return DatabaseError(
                f"The disk of the database is full ({said}); free some space and run the command again."
            )
        case errors.OutOfMemory():
            return DatabaseError(
                f"The database server ran out of memory ({said}); give it more, or lower its work_mem."
            )
        case errors.ReadOnlySqlTransaction():
            return DatabaseError(f"This database is read-only ({said}); name the primary server, or make it writable.")
        case errors.QueryCanceled():
            return DatabaseError(f"The database cancelled a statement ({said}); raise its statement_timeout.")
        case errors.IdleInTransactionSessionTimeout() | errors.IdleSessionTimeout():
            return DatabaseError(f"The server ended an idle session ({said}); raise its limit and run this again.")
        case errors.AdminShutdown() | errors.CrashShutdown() | errors.CannotConnectNow():
            return DatabaseError(f"The database server is stopping or starting ({said}); run the command again.")
        case psycopg.OperationalError() if "too many " in said or "connection slots" in said:
            return DatabaseError(f"The server has no connection left ({said}); end other clients or raise its limit.")
        case psycopg.OperationalError() if error.sqlstate is None:
            return DatabaseError(f"No connection to {describe(dsn)}: {said}{_from_environment()}.")
        case _:
            return DatabaseError(f"PostgreSQL refused: {said}.")


def _without_secrets(said: str, dsn: str) -> str:
    """What a server or libpq said, in one line, without the passwords of the DSN and the environment."""
    known = conninfo(dsn)
    for secret in (known.get("password"), known.get("sslpassword"), os.environ.get("PGPASSWORD")):
        if secret:
            # A password of a letter or two is part of every other word: blotted out there too, it could be read from the gaps.
            whole = re.escape(secret) if len(secret) > 5 else rf"(?<!\w){re.escape(secret)}(?!\w)"
            said = re.sub(whole, "***", said)
    return " ".join(said.split()).rstrip(".")


def _from_environment() -> str:
    """A reminder that variables of libpq also affect a connection."""
    found = libpq_variables()
    return f" (the environment sets {', '.join(found)})" if found else ""
