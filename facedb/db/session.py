"""A session as facedb needs it: reached by the parameters that are meant for it, settled, and really one session.

The embedded server is reached by its own parameters alone, whatever variables of libpq are set for another server. On
every session, embedded or not, facedb sets what it relies on. A pooler that hands each transaction to another backend
loses locks, settings and temporary tables without a word, so it is noticed and refused.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, nullcontext
from typing import Any

import psycopg

from facedb.core.errors import DatabaseError
from facedb.core.machine.runlog import SQL_LOGGER
from facedb.db.queries import load
from facedb.db.timed import TimedCursor

Connection = psycopg.Connection[tuple[Any, ...]]

SQL = load("db", "session")

CONNECT_SECONDS = 15
_PROBES = 4

_environment = threading.Lock()
# DSNs behind a pooler that was found to keep sessions together.
_whole_sessions: set[str] = set()


class PoolerError(DatabaseError):
    """A pooler in transaction mode stands between facedb and the server."""

    def __init__(self) -> None:
        super().__init__(
            "A connection pooler in transaction mode stands between facedb and PostgreSQL, and loses the locks and "
            "temporary tables of a session; connect to the server directly, or through a pool in session mode."
        )


def libpq_variables() -> list[str]:
    """The names of the variables in the environment that libpq may take parameters from."""
    return sorted(name for name in os.environ if name.startswith("PG"))


def without_libpq_variables() -> dict[str, str]:
    """The environment for a program that is to reach the embedded server and nothing else."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")}


def connect(dsn: str, *, own: bool, autocommit: bool = False, **parameters: Any) -> Connection:
    """Open a settled session; ``own`` says that it is the embedded server, which no variable may redirect.

    Raises psycopg.Error, and PoolerError where sessions do not hold.
    """
    # A parameter, not a setting: it outranks what a role or a database is told to use.
    parameters["client_encoding"] = "utf8"
    with _own_parameters() if own else nullcontext():
        conn = psycopg.connect(dsn, autocommit=True, fallback_application_name="facedb", **parameters)
    try:
        settle(conn)
        if conn.prepare_threshold is None and dsn not in _whole_sessions:
            _expect_whole_sessions(conn, dsn, parameters)
            _whole_sessions.add(dsn)
        conn.autocommit = autocommit
        if SQL_LOGGER.isEnabledFor(logging.DEBUG):
            conn.cursor_factory = TimedCursor
    except BaseException:
        conn.close()
        raise
    return conn


def settle(conn: Connection) -> None:
    """Set what facedb relies on."""
    row = conn.execute(SQL["settle"], {"token": _token(conn)}).fetchone()
    if row is not None and row[0] != conn.info.backend_pid:
        # A pooler speaks to the server for us. Statements that it prepared for others must never be met.
        conn.prepare_threshold = None


def expect_same(conn: Connection) -> None:
    """Raise PoolerError where the open transaction of ``conn`` is not served by the session that was settled."""
    row = conn.execute(SQL["whose"]).fetchone()
    if row is None or row[0] != _token(conn):
        raise PoolerError


def in_words(pid: int, role: str, program: str | None) -> str:
    """A session of the server as an error names it, by the columns of pg_stat_activity."""
    return f"process {pid} of {role} ({program or 'unnamed'})"


def _token(conn: Connection) -> str:
    return f"{os.getpid()}-{conn.info.backend_pid}-{id(conn)}"


def _expect_whole_sessions(conn: Connection, dsn: str, parameters: Mapping[str, Any]) -> None:
    """Look whether two sessions side by side keep their backends apart, with one of them inside a transaction."""
    first = _served_by(conn)
    try:
        with closing(psycopg.connect(dsn, autocommit=True, prepare_threshold=None, **parameters)) as other:
            # The name of a session that lives on must not be given to another one.
            second = _served_by(other)
            for _ in range(_PROBES):
                other.execute("begin")
                inside = _served_by(other)
                outside = _served_by(conn)
                other.execute("commit")
                if inside != second or outside != first or inside == outside:
                    raise PoolerError
                expect_same(conn)
    except psycopg.Error as error:
        # PgBouncer in statement mode refuses transactions in these words.
        if "pooling" in str(error):
            raise PoolerError from error
        raise


def _served_by(conn: Connection) -> int:
    row = conn.execute("select pg_backend_pid()").fetchone()
    return int(row[0]) if row else 0


@contextmanager
def _own_parameters() -> Iterator[None]:
    """Hide the variables of libpq while a connection is opened: some of them outrank what a program says."""
    hidden = libpq_variables()
    if not hidden:
        yield
        return
    with _environment:
        kept = {name: os.environ.pop(name) for name in hidden if name in os.environ}
        try:
            yield
        finally:
            os.environ.update(kept)
