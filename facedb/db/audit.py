"""The audit: who did what when, written in the transaction of the act, by keys and counts alone."""

from __future__ import annotations

from psycopg.types.json import Jsonb

from facedb.core.machine.user_name import user_name
from facedb.db.connection import Connection
from facedb.db.queries import load

SQL = load("db", "audit")


def note(
    conn: Connection,
    act: str,
    kind: str | None = None,
    key: int | None = None,
    *,
    by: str | None = None,
    **counts: int | str | bool | None,
) -> None:
    """Write that ``act`` was done to the thing with ``key``; the caller commits.

    ``counts`` are numbers and fixed words: no name of a person, no path and no vector, for a row is never changed again.
    """
    conn.execute(
        SQL["note"],
        {"act": act, "kind": kind, "key": key, "by": by or user_name(), "counts": Jsonb(counts)},
    )
