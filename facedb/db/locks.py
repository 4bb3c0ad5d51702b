"""Locks of a session: what two processes must not do at the same time. They end with the connection."""

from __future__ import annotations

import time

from facedb.db.connection import Connection
from facedb.db.queries import load
from facedb.db.session import expect_same

SQL = load("db", "locks")

# A server notices within about two seconds that a process was killed, and only then gives its locks back.
_PATIENCE_SECONDS = 3.0
_EVERY_SECONDS = 0.05


def claim(conn: Connection, *name: object, shared: bool = False) -> bool:
    """Take the lock called ``name`` for this session, alone or ``shared``; False when another session has and keeps it."""
    words = " ".join(("facedb", *map(str, name)))
    until = time.monotonic() + _PATIENCE_SECONDS
    while True:
        row = conn.execute(SQL["claim_shared" if shared else "claim"], {"name": words}).fetchone()
        if row and row[0]:
            expect_same(conn)
            return True
        if time.monotonic() >= until:
            return False
        time.sleep(_EVERY_SECONDS)
