"""Copies: which of several files of one photo stays, for plans, answers and the page alike."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from facedb.core.finding import LIKELY, side_at_home
from facedb.db.connection import Connection
from facedb.db.queries import load
from facedb.review import decision_rows
from facedb.review.decision_rows import PlannedImage
from facedb.review.originals import Looks

SQL = load("review", "copies")

Label = int | None
"""The identity that an image lies in; None: in none."""


def home(a: Label, b: Label, margin: float | None, labels: Collection[Label], sure: float = LIKELY) -> Label:
    """Which of the identities ``a`` and ``b`` copies that lie in the folders of both belong to, by the ``margin`` of their finding (see
    `facedb.core.finding.side_at_home`); None: that cannot be told, or none of them is there any more (``labels``)."""
    side = None if b is None else side_at_home(margin, sure)
    found = None if side is None else (a, b)[side]
    return found if found in labels else None


def that_stays(
    copies: Collection[PlannedImage],
    label: Callable[[PlannedImage], Label],
    at_home: Label = None,
    looks: Looks | None = None,
) -> PlannedImage | None:
    """The copy that stays: of those ``at_home``, else of those with a label, the best by their ``looks``; one in which no face was found
    goes before any other. None where they lie in several folders and nobody knows which of them is right."""
    copies = [image for image in copies if image.clearest > 0] or copies
    known = {label(image) for image in copies} - {None}
    if len(known) > 1 and at_home not in known:
        return None
    right = at_home if at_home in known else next(iter(known), None)
    return (looks or Looks()).best(image for image in copies if label(image) == right)


def which_stay(conn: Connection, scan_id: int, ranks: Sequence[int]) -> dict[int, int]:
    """By rank, of those findings of a scan that are of copies, the key of the image that stays where that can be told."""
    rows = conn.execute(SQL["copies"], {"scan_id": scan_id, "ranks": list(ranks)}).fetchall() if ranks else []
    images = decision_rows.images_by_key(conn, sorted({key for row in rows for key in row[4]}))
    looks = Looks.load(conn, images)
    found = {}
    for rank, a, b, margin, keys in rows:
        there = [images[key] for key in keys if key in images and images[key].status == "ready"]
        at_home = home(a, b, margin, {image.identity_id for image in there})
        kept = that_stays(there, lambda image: image.identity_id, at_home, looks)
        if kept is not None:
            found[rank] = kept.id
    return found
