"""What was said before: the verdicts on a case or a photo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from facedb.db.connection import Connection
from facedb.db.queries import load
from facedb.web.data.faces import shown

SQL = load("web", "said")


@dataclass(frozen=True, slots=True)
class Said:
    """A verdict of the past."""

    verdict_id: int
    kind: str
    verdict: str
    target: str | None
    note: str | None
    by: str
    at: datetime


def history(conn: Connection, images: Sequence[int], link: tuple[int, int] = (0, 0), *, limit: int) -> tuple[Said, ...]:
    """What was said of images (by key), and of two identities as a ``link`` (the smaller key first), newest first."""
    asked = {"images": list(images), "low": link[0], "high": link[1], "limit": limit}
    return tuple(
        Said(*[*row[:3], None if row[3] is None else shown(row[3]), *row[4:]])
        for row in conn.execute(SQL["history"], asked)
    )
