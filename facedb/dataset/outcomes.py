"""What became of the files, counted after each change, so that sums over a million of them take no time."""

from __future__ import annotations

from contextlib import closing

from psycopg import IsolationLevel

from facedb.db.connection import Database, translated
from facedb.db.queries import load

SQL = load("dataset", "outcomes")


def count_outcomes(db: Database) -> bool:
    """Count the outcomes of all files anew if anything changed; says whether it did.

    Where this is not called, the views of schema ``bi`` count by themselves, correctly and slowly. All is counted in one snapshot:
    what commits meanwhile leaves its mark for the next time.
    """
    # The lock comes before the snapshot, or two that count at once would undo each other's marks; it is held by a transaction
    # of its own, because a session may not be ours alone behind a pooler.
    with db.connection() as guard, closing(db.open()) as conn, translated(db.dsn):
        guard.execute(SQL["lock"])
        due = guard.execute(SQL["is_due"]).fetchone()
        if due is None or not due[0]:
            return False
        conn.isolation_level = IsolationLevel.REPEATABLE_READ
        for name in ("count_contracts", "count_photos", "count_outcomes", "know_sizes"):
            conn.execute(SQL[name])
        conn.commit()
        return True
