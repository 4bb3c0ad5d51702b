"""Locks of a session: what two processes must not do at the same time. They end with the connection."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from facedb.core.errors import ConflictError
from facedb.db.connection import Connection
from facedb.db.queries import load
from facedb.db.session import expect_same, in_words

SQL = load("db", "locks")

# A server notices within about two seconds that a process was killed, and only then gives its locks back.
_PATIENCE_SECONDS = 3.0
_EVERY_SECONDS = 0.05

Held = TypeVar("Held")


@dataclass(frozen=True, slots=True)
class Claim:
    """Whether a lock was ``taken``, as truth; if not, ``holder`` says in words who has it, or is empty."""

    taken: bool
    holder: str = ""

    def __bool__(self) -> bool:
        return self.taken


def claim(conn: Connection, *name: object, shared: bool = False) -> Claim:
    """Take the lock called ``name`` for this session, alone or ``shared``; untrue when another session has and keeps it."""
    words = " ".join(("facedb", *map(str, name)))

    def is_held() -> bool:
        row = conn.execute(SQL["claim_shared" if shared else "claim"], {"name": words}).fetchone()
        return row is None or not row[0]

    if once_free(is_held):
        return Claim(False, _holder(conn, words))
    expect_same(conn)
    return Claim(True)


def once_free(held: Callable[[], Held]) -> Held:
    """What still holds after the time that a server may take to release the locks of a killed process; falsy once nothing does."""
    until = time.monotonic() + _PATIENCE_SECONDS
    while (found := held()) and time.monotonic() < until:
        time.sleep(_EVERY_SECONDS)
    return found


def alone(conn: Connection, harm: str) -> None:
    """Raise ConflictError where another facedb is at work in this database and could do ``harm`` ("bring back what goes")."""
    others = once_free(lambda: conn.execute(SQL["at_work"]).fetchall())
    if others:
        who = ", ".join(in_words(*other) for other in others)
        raise ConflictError(
            f"Another facedb is at work here ({who}) and could {harm}; wait for it, then run this again."
        )


def wait_briefly(conn: Connection, seconds: float) -> None:
    """Let no statement of the open transaction wait longer than this for what others hold."""
    conn.execute(SQL["wait_briefly"], {"limit": f"{1000 * seconds:.0f}ms"})


def _holder(conn: Connection, words: str) -> str:
    row = conn.execute(SQL["holder"], {"name": words}).fetchone()
    return "" if row is None else f" (process {row[0]} of {row[1]}, {row[2] or 'unnamed'})"
