"""People on whose photos verdicts were said, and what is planned from them."""

from __future__ import annotations

from pathlib import Path

from facedb.core.progress import Silent
from facedb.db.connection import Database
from facedb.review.verdicts import Statement, say
from tests.acceptance.trees import take

SILENT = Silent()


def unchanged(db: Database, root: Path) -> bool:
    """Whether an ingest finds on disk what the tables say."""
    found = take(db, root)
    return (found.new, found.changed, found.moved, found.vanished, found.rejected) == (0, 0, 0, 0, 0)


def eve_says(db: Database, *statements: Statement, dataset: str | None = None) -> None:
    say(db, [Statement(s.kind, s.a, s.verdict, s.b, s.target, s.note, "eve") for s in statements], dataset=dataset)


EXPECTED = [
    ("merge", "anna/1.png", "ann/1-2.png"),
    ("merge", "anna/2.png", "ann/2-2.png"),
    ("merge", "anna/deep/3.png", "ann/deep/3.png"),
    ("move", "bob/stray.png", "ann/stray.png"),
    ("quarantine", "bob/nobody.png", ".facedb-quarantine/bob/nobody.png"),
    ("drop", "bob/1.png", ".facedb-quarantine/bob/1.png"),
]
