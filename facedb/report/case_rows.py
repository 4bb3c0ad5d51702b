"""Cases: findings with the faces that a person needs to see for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from facedb.core.files.paths import display, from_text
from facedb.db.connection import Connection
from facedb.db.queries import load
from facedb.report.pictures.place import Place, place_of
from facedb.scan.scan_rows import with_identities

SQL = load("report", "cases")


@dataclass(frozen=True, slots=True)
class CaseFace:
    """A face of a case; ``role`` is what it is to the finding (None: it is there to compare), ``score`` its best one to the other side."""

    id: int
    identity: str
    path: str
    role: str | None
    score: float | None
    width: int | None
    height: int | None
    bytes: int
    place: Place


@dataclass(frozen=True, slots=True)
class Case:
    """A finding to look at: ``subject`` is the stray, the second group, the copies or what has no label; ``a`` and ``b`` are faces of the
    two sides, those that link them first; of an unlabelled photo ``a`` is whom it shows and ``b`` the next best. ``size_a`` and ``size_b``
    count all, ``identity_a`` is empty where no image has a label. ``uncalibrated`` is the confidence that the scan gave."""

    rank: int
    kind: str
    confidence: float
    uncalibrated: float
    identity_a: str
    identity_b: str | None
    faces_a: int
    faces_b: int
    size_a: int
    size_b: int
    max_score: float | None
    mean_score: float | None
    sentence: str
    verdict: str | None
    verdict_by: str | None
    verdict_note: str | None
    subject: tuple[CaseFace, ...]
    a: tuple[CaseFace, ...]
    b: tuple[CaseFace, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The identities that it is about, or the words that stand in their place where there are none."""
        a = self.identity_a or ("a new person" if self.kind == "newcomer" else "no label")
        return (a,) if self.identity_b is None else (a, self.identity_b)

    @property
    def faces(self) -> tuple[CaseFace, ...]:
        """All its faces, those in question first."""
        return (*self.subject, *self.a, *self.b)


def cases(
    conn: Connection,
    scan_id: int,
    *,
    ranks: Sequence[int] | None = None,
    only_open: bool = False,
    limit: int | None = None,
    faces: int,
) -> Iterator[Case]:
    """The findings of a scan by rank (those of ``ranks``; ``only_open``: that nobody decided), with ``faces`` faces a side at most."""
    wanted = {
        "scan_id": scan_id,
        "ranks": None if ranks is None else list(ranks),
        "only_open": only_open,
        "limit": limit,
    }
    for row in conn.execute(with_identities(SQL["cases"]), wanted).fetchall():
        rank, kind, confidence, uncalibrated, a_id, name_a, b_id, name_b, *facts, model_id = row
        members = conn.execute(SQL["members"], {"scan_id": scan_id, "rank": rank}).fetchall()
        roles: dict[int, str] = dict(members)
        own = [key for key, role in members if role in ("wrong", "copy")]
        nearest = [key for key, role in members if role == "example"]
        scope = {"scan_id": scan_id, "model_id": model_id, "own": own, "nearest": nearest, "limit": faces}
        # A stray, a second group and a photo without a label are compared with both sides; of a link each side is with the other.
        inner = kind in ("stray", "mixed", "unlabelled")
        side_a, side_b = [], []
        if kind != "duplicate":
            side_a = conn.execute(
                SQL["side"], {**scope, "identity": a_id, "against": None if inner else b_id}
            ).fetchall()
            if b_id is not None:
                side_b = conn.execute(
                    SQL["side"], {**scope, "identity": b_id, "against": None if inner else a_id}
                ).fetchall()
        scores: dict[int, float | None] = dict((*side_a, *side_b))
        shown = own[: 2 * faces]
        found = _faces(conn, [*shown, *scores], roles, scores)
        yield Case(
            rank,
            kind,
            confidence,
            uncalibrated,
            display(from_text(name_a)),
            None if name_b is None else display(from_text(name_b)),
            *facts,
            *(
                tuple(found[key] for key in keys if key in found)
                for keys in (shown, [k for k, _ in side_a], [k for k, _ in side_b])
            ),
        )


def _faces(
    conn: Connection, ids: Sequence[int], roles: dict[int, str], scores: dict[int, float | None]
) -> dict[int, CaseFace]:
    return {row[0]: _face(row, roles, scores) for row in conn.execute(SQL["faces"], {"ids": list(ids)})}


def _face(row: tuple[Any, ...], roles: dict[int, str], scores: dict[int, float | None]) -> CaseFace:
    key, name, *where, width, height, size = row
    place = place_of(where)
    identity = "" if name is None else display(from_text(name))
    return CaseFace(key, identity, display(place.path), roles.get(key), scores.get(key), width, height, size, place)
