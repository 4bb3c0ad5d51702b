"""Sources of small pictures, ingested, and what is known of them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from facedb.core.progress import Silent
from facedb.dataset.ingest import IngestSummary, ingest
from facedb.db.connection import Database
from tests.acceptance.trees import png

FILES = {f"{name}/{n}.png": png(f"{name} {n}") for name in ("ann", "bob", "cy") for n in range(3)}


class Heard(Silent):
    """Keeps what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def say(self, message: str) -> None:
        self.lines.append(message)


def take(db: Database, place: Path | str, **options: Any) -> IngestSummary:
    return ingest(db, Path(place), reporter=options.pop("reporter", Silent()), **options)


def statuses(db: Database) -> Counter[tuple[str, str | None]]:
    with db.connection() as conn:
        return Counter(conn.execute("select status, reject_code from facedb.image").fetchall())


def identities(db: Database) -> set[str]:
    query = "select distinct n.name from facedb.image i join facedb.identity n on n.id = i.identity_id where i.status = 'ready'"
    with db.connection() as conn:
        return {row[0] for row in conn.execute(query)}


def ids(db: Database) -> dict[str, int]:
    with db.connection() as conn:
        return dict(conn.execute("select path, id from facedb.image where status = 'ready'").fetchall())


def path_list(tree: Path) -> Path:
    file = tree.parent / "list.txt"
    file.write_text("".join(f"{path}\n" for path in FILES))
    return file
