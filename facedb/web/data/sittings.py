"""Sittings of reviewers, and the finding that each of them has open."""

from __future__ import annotations

from dataclasses import dataclass

from facedb.db.connection import Connection
from facedb.db.queries import load

SQL = load("web", "sittings")

NOBODY = 0
"""The sitting of a page that writes nothing."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A reviewer has a finding open."""

    scan_id: int
    rank: int
    sitting_id: int
    reviewer: str


def begin(conn: Connection, reviewer: str) -> int:
    """Write that a reviewer sits down; returns the key of the sitting."""
    row = conn.execute(SQL["begin_sitting"], {"reviewer": reviewer}).fetchone()
    assert row is not None  # noqa: S101 - insert ... returning always yields a row
    return int(row[0])


def claim(conn: Connection, sitting_id: int, scan_id: int, rank: int) -> None:
    """Note that a sitting has a finding open, and no other one."""
    conn.execute(SQL["claim"], {"sitting_id": sitting_id, "scan_id": scan_id, "rank": rank})


def leave(conn: Connection, sitting_id: int) -> None:
    """Note that a sitting has nothing open."""
    conn.execute(SQL["leave"], {"sitting_id": sitting_id})


def claims(conn: Connection) -> list[Claim]:
    """Who has what open right now."""
    return [Claim(*row) for row in conn.execute(SQL["claims"])]


def others_at(conn: Connection, scan_id: int, rank: int, sitting_id: int) -> tuple[str, ...]:
    """The reviewers who have a finding open in other sittings."""
    rows = conn.execute(SQL["claims_of"], {"scan_id": scan_id, "rank": rank, "sitting_id": sitting_id})
    return tuple(row[0] for row in rows)


def verdicts_of(conn: Connection, sitting_id: int) -> frozenset[int]:
    """The keys of the verdicts that count and were said in a sitting."""
    return frozenset(row[0] for row in conn.execute(SQL["sitting_verdicts"], {"sitting_id": sitting_id}))
