"""How a database is: versions, schema, sizes, rows that are dead, clock, locks that nobody uses."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

from facedb.db import migrate
from facedb.db.connection import Connection, Database, translated
from facedb.db.queries import load
from facedb.db.session import in_words
from facedb.db.upkeep import wipe

SQL = load("db", "health")

_CLOCK_SECONDS = 5.0
_OLD_TRANSACTIONS = 0.5


@dataclass(frozen=True, slots=True)
class Health:
    """One thing about a database: ``state`` is ok, warning or problem, ``cure`` what to do about it (empty: nothing)."""

    subject: str
    state: str
    finding: str
    cure: str = ""


def look(db: Database) -> Iterator[Health]:
    """Everything about a database; raises what a connection raises."""
    with closing(db.open(autocommit=True)) as conn, translated(db.dsn):
        yield from _server(conn, db)
        state = migrate.current(db)
        if not state.at_head:
            yield _schema(state, embedded=db.embedded)
            return
        yield (
            Health("schema", "ok", f"{state.revision}, with its views")
            if state.views_fit
            else Health("schema", "warning", "its views are from another version of facedb", "facedb db upgrade")
        )
        yield _tables(conn)
        for name, dead, live in conn.execute(SQL["bloated"]).fetchall():
            yield Health(
                "bloat",
                "warning",
                f"{name} has {dead:,} dead rows beside {live:,} live ones",
                f"vacuum full facedb.{name}",
            )
        row = conn.execute(SQL["wraparound"]).fetchone()
        if row and float(row[0]) > _OLD_TRANSACTIONS:
            yield Health(
                "vacuum", "problem", f"{float(row[0]):.0%} of the transaction numbers are used up", "vacuum freeze"
            )
        for pid, *who, seconds in conn.execute(SQL["locks"]).fetchall():
            yield Health(
                "stale lock",
                "warning",
                f"{in_words(pid, *who)} has been holding a lock while idle for {seconds // 3600} h",
                f"stop that facedb, or run: select pg_terminate_backend({pid})",
            )
        if wipe.due(db):
            yield Health(
                "forgotten",
                "problem",
                "what was forgotten has not been wiped from the files yet",
                "facedb forget --yes",
            )


def _schema(state: migrate.SchemaState, *, embedded: bool) -> Health:
    """A schema that is not the one of this facedb; every command that needs it upgrades the embedded database by itself."""
    if state.revision is None:
        found = "no schema of facedb yet"
    else:
        found = f"schema {state.revision}, this facedb needs {migrate.head()}"
        if state.revision not in migrate.revisions():
            return Health("schema", "problem", found, "install the facedb that upgraded it, or a newer one")
    if embedded:
        return Health("schema", "ok", f"{found}: the next command that needs it sees to that")
    return Health("schema", "problem", found, "facedb db upgrade")


def _server(conn: Connection, db: Database) -> Iterator[Health]:
    before = time.time()
    row = conn.execute(SQL["server"]).fetchone()
    assert row is not None  # noqa: S101 - one row always
    version, number, encoding, vector, offered, size, clock, replica = row
    enough = number >= migrate.OLDEST_SERVER
    yield Health(
        "database",
        "ok" if enough else "problem",
        f"PostgreSQL {version}, {db.describe()}, {size / 1e6:,.1f} MB" + (", a read-only replica" if replica else ""),
        "" if enough else f"use a server with PostgreSQL {migrate.OLDEST_SERVER // 10000} or newer",
    )
    least = ".".join(map(str, migrate.OLDEST_PGVECTOR))
    if vector is None and offered is None:
        yield Health("pgvector", "problem", "not on this server", f"install pgvector {least} or newer on the server")
    elif vector is None:
        # It comes with the schema, which has its own line.
        yield Health("pgvector", "ok", f"{offered}, not created in this database yet")
    elif migrate.version(vector) < migrate.OLDEST_PGVECTOR:
        yield Health(
            "pgvector", "problem", f"{vector} may corrupt HNSW indexes on vacuum", "alter extension vector update"
        )
    else:
        yield Health("pgvector", "ok", vector)
    if encoding != "UTF8":
        yield Health(
            "encoding", "problem", f"{encoding} cannot hold every name", "create a database in UTF-8 and use that one"
        )
    after = time.time()
    off = max(clock - after, before - clock, 0.0)
    yield Health(
        "clock",
        "ok" if off < _CLOCK_SECONDS else "warning",
        f"the database's clock is {off:.1f} s off this machine's",
        "" if off < _CLOCK_SECONDS else "set both by NTP: these clocks decide which of two changes is the newer",
    )


def _tables(conn: Connection) -> Health:
    rows = conn.execute(SQL["tables"]).fetchall()
    words = [
        f"{name} {size / 1e6:,.1f} MB ({live:,} rows, {dead:,} dead, {'never vacuumed' if at is None else f'vacuumed {at:%Y-%m-%d %H:%M}'})"
        for name, size, live, dead, at in rows
    ]
    return Health("tables", "ok", "; ".join(words))
