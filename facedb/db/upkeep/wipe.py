"""Wipe: after rows were deleted for good, rewrite what held them, so that their bytes are in no file of the database.

Deleted rows stay in their pages until a table is rewritten, samples of their values in the statistics of the planner, and all of
them in the write-ahead log. A table that others still look at in an old snapshot keeps them too, so that is waited for.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing

import psycopg
from psycopg import errors, sql

from facedb.core.counting import are
from facedb.core.errors import ConflictError
from facedb.db import audit
from facedb.db.connection import Connection, Database, translated
from facedb.db.queries import load
from facedb.db.session import in_words
from facedb.db.wait import Say, Wait

SQL = load("db", "wipe")

_PATIENCE_SECONDS = 60.0
_EVERY_SECONDS = 0.1


def due(db: Database) -> bool:
    """Whether something was forgotten whose bytes may still be there."""
    with db.connection() as conn:
        return conn.execute(SQL["unwiped"]).fetchone() is not None


def wipe(db: Database, say: Say) -> list[str]:
    """Rewrite what held forgotten rows; returns what facedb could not reach and somebody else has to see to.

    Raises ConflictError where others look at an old state of the rows; running it again goes on.
    """
    with closing(db.open(autocommit=True)) as conn, translated(db.dsn):
        rows = conn.execute(SQL["unwiped"]).fetchall()
        if not rows:
            return []
        _wait_for_lookers(conn, rows[-1][1], say)
        partitions = sorted({name for names, _ in rows for name in (names or "").split()})
        tables = [row[0] for row in conn.execute(SQL["tables"])]
        tables += [row[0] for row in conn.execute(SQL["there"], {"names": partitions})]
        for table in tables:
            # The analysis replaces the samples that the planner keeps of the old rows.
            conn.execute(sql.SQL("vacuum (full, analyze) {}").format(sql.Identifier("facedb", table)))
        left = list(_statistics(conn))
        left += _log(conn, embedded=db.embedded)
        audit.note(conn, "wipe", tables=len(tables))
        return left


def _wait_for_lookers(conn: Connection, number: str, say: Say) -> None:
    wait = Wait(say)
    while lookers := conn.execute(SQL["looking_back"], {"number": number}).fetchall():
        who = ", ".join(in_words(*looker) for looker in lookers)
        if wait.on(f"{who} to end a transaction that still sees the old rows") > _PATIENCE_SECONDS:
            raise ConflictError(
                f"{who} still sees what was forgotten in an open transaction, so its bytes are still in the files; "
                "end that session, then finish with: facedb forget --yes"
            )
        time.sleep(_EVERY_SECONDS)


def _statistics(conn: Connection) -> Iterator[str]:
    """The statistics of the planner hold samples of values: rewrite them too, where the role may."""
    try:
        conn.execute("vacuum full pg_catalog.pg_statistic")
    except errors.InsufficientPrivilege:
        yield "Samples of the old values may be left in pg_statistic; have an administrator run: vacuum full pg_catalog.pg_statistic"


def _log(conn: Connection, *, embedded: bool) -> Iterator[str]:
    """Bring everything into the tables, so that the server removes the segments of its log that speak of the old rows."""
    if embedded:
        conn.execute("checkpoint")
        ahead = conn.execute(SQL["segments_ahead"]).fetchone()
        for _ in range(1 + (int(ahead[0]) if ahead else 0)):
            conn.execute(SQL["write_a_little"])
            conn.execute(SQL["close_segment"])
        # What is before the last checkpoint goes with it; the first one leaves the segment that it began in.
        conn.execute("checkpoint")
        conn.execute("checkpoint")
        return
    try:
        conn.execute("checkpoint")
    except psycopg.Error:
        yield "This role may not ask for a checkpoint, so the server's log (pg_wal) still holds the rows until the next checkpoints."
    row = conn.execute(SQL["archive"]).fetchone()
    mode, slots = row or ("off", 0)
    yield "The server reuses the files of its log: pg_wal, replicas and base backups hold the rows until they are overwritten or removed."
    if mode != "off":
        yield "The server archives its log, which holds the rows too: whoever keeps the archive has to delete them there."
    if slots:
        yield f"{are(slots, 'replication slot')} holding the server's log; whatever reads from there receives the rows."
