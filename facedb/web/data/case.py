"""A case: one finding with everything that is needed to decide it, gathered for one look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from facedb.core.errors import NotFoundError
from facedb.db.connection import Connection
from facedb.db.queries import load
from facedb.review import people
from facedb.review.copies import which_stay
from facedb.web.data import sittings
from facedb.web.data.faces import (
    Face,
    Scores,
    Vectors,
    identity_faces,
    identity_size,
    load_faces,
    load_vectors,
    shown,
    table,
)
from facedb.web.data.said import Said, history

SQL = load("web", "case")

FACES_A_SIDE = 24
_NEXT_BEST_FACES = 8
_GROUP = 200


@dataclass(frozen=True, slots=True)
class Side:
    """An identity beside the question: ``faces``, the linking ones first, of ``total``; ``concerned`` of ``size`` in the scan."""

    identity_id: int
    name: str
    dataset: str
    size: int
    concerned: int
    total: int
    faces: tuple[Face, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """A finding to decide. ``subject``: the stray, the second group, the copies, or what has no label; ``keep``: the image that would stay
    of copies, where that can be told; ``name_stays``: whose name would of two in one dataset. ``a`` is None where no image has a label;
    of an unlabelled photo it is whom that shows, and ``b`` the next best. ``confidence`` follows the verdicts so far, ``uncalibrated`` is
    what the scan gave; ``proposed``: a free name for a newcomer.

    ``seen`` is the newest verdict on it: an answer is refused where somebody said something since. ``others`` have it open.
    """

    scan_id: int
    rank: int
    kind: str
    confidence: float
    uncalibrated: float
    sentence: str
    threshold: float
    model_id: int
    dataset_id: int
    dataset: str
    proposed: str | None
    state: str
    answer: str | None
    answered_by: str | None
    answered_at: datetime | None
    hidden: bool
    seen: int
    max_score: float | None
    mean_score: float | None
    own_score: float | None
    hash_distance: int | None
    swap_rank: int | None
    subject: tuple[Face, ...]
    a: Side | None
    b: Side | None
    next_best: Side | None
    keep: int | None
    name_stays: int | None
    scores: Scores
    others: tuple[str, ...]
    history: tuple[Said, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """A finding as its row says it, with where it stands."""

    rank: int
    kind: str
    confidence: float
    uncalibrated: float
    a_id: int | None
    a_name: str | None
    a_dataset: str
    dataset_id: int
    b_id: int | None
    b_name: str | None
    b_dataset: str | None
    faces_a: int
    faces_b: int
    size_a: int
    size_b: int
    max_score: float | None
    mean_score: float | None
    own_score: float | None
    hash_distance: int | None
    swap_rank: int | None
    detail: str
    state: str
    answer: str | None
    said_by: str | None
    said_at: datetime | None
    hidden: bool
    model_id: int
    threshold: float
    roles: dict[int, str]

    @property
    def own(self) -> list[int]:
        """The faces that are in question: the stray, the second group, or the copies."""
        return [key for key, role in self.roles.items() if role in ("wrong", "copy")]


def find(conn: Connection, scan_id: int, rank: int) -> Finding:
    """One finding; raises NotFoundError."""
    row = conn.execute(SQL["finding"], {"scan_id": scan_id, "rank": rank}).fetchone()
    if row is None:
        raise NotFoundError(f"Scan {scan_id} has no finding {rank}.")
    roles: dict[int, str] = dict(conn.execute(SQL["finding_faces"], {"scan_id": scan_id, "rank": rank}).fetchall())
    return Finding(*[*row, roles])


def load_case(conn: Connection, scan_id: int, rank: int, sitting_id: int) -> Case:
    """One finding, ready to be looked at; raises NotFoundError."""
    found = find(conn, scan_id, rank)
    gather = _Gather(conn, scan_id, found)
    side_a = gather.whole_side("a", _GROUP if found.kind == "mixed" else FACES_A_SIDE)
    side_b = gather.whole_side("b", FACES_A_SIDE)
    next_best = _next_best(conn, gather, scan_id) if found.kind == "stray" else None
    subject = gather.subject()
    faces = [*subject, *(face for side in (side_a, side_b, next_best) if side is not None for face in side.faces)]
    return Case(
        scan_id,
        rank,
        found.kind,
        found.confidence,
        found.uncalibrated,
        found.detail,
        found.threshold,
        found.model_id,
        found.dataset_id,
        found.a_dataset,
        people.free_name(conn, found.a_dataset) if found.kind == "newcomer" else None,
        found.state,
        found.answer,
        found.said_by,
        found.said_at,
        found.hidden,
        last_word(conn, scan_id, rank),
        found.max_score,
        found.mean_score,
        found.own_score,
        found.hash_distance,
        found.swap_rank,
        subject,
        side_a,
        side_b,
        next_best,
        which_stay(conn, scan_id, [rank]).get(rank),
        _name_that_stays(conn, found) if found.kind in ("merge", "look-alike") else None,
        table(gather.vectors.only([face.id for face in faces])),
        sittings.others_at(conn, scan_id, rank, sitting_id),
        history(conn, sorted({face.image_id for face in subject}), _link(found), limit=20),
    )


def side_faces(conn: Connection, scan_id: int, rank: int, side: str, start: int) -> tuple[tuple[Face, ...], Scores]:
    """More faces of a side from the ``start``-th on, twice as many again, with the scores between them."""
    found = find(conn, scan_id, rank)
    if (found.b_id if side == "b" else found.a_id) is None:
        raise NotFoundError(f"Finding {rank} has no such identity.")
    gather = _Gather(conn, scan_id, found)
    faces = gather.side(side, start + 2 * FACES_A_SIDE)[start:]
    return faces, table(gather.vectors.only([face.id for face in faces]))


def last_word(conn: Connection, scan_id: int, rank: int) -> int:
    """The newest verdict on what a finding is about; 0 while there is none."""
    row = conn.execute(SQL["last_word"], {"scan_id": scan_id, "rank": rank}).fetchone()
    return int(row[0]) if row else 0


class _Gather:
    """The faces of a finding with their vectors, put into the order in which they are looked at."""

    def __init__(self, conn: Connection, scan_id: int, found: Finding) -> None:
        self._conn, self._scan_id, self.found, self.own = conn, scan_id, found, found.own
        own = set(self.own)
        self._sides = {
            side: []
            if identity is None
            else [k for k in identity_faces(conn, found.model_id, identity, scan_id) if k not in own]
            for side, identity in (("a", found.a_id), ("b", found.b_id))
        }
        self.vectors = load_vectors(conn, found.model_id, [*self.own, *self._sides["a"], *self._sides["b"]])

    def add(self, ids: Sequence[int]) -> None:
        """Load the vectors of further faces."""
        known = set(self.vectors.ids)
        new = load_vectors(self._conn, self.found.model_id, [key for key in ids if key not in known])
        if new.ids:
            self.vectors = Vectors((*self.vectors.ids, *new.ids), np.concatenate([self.vectors.matrix, new.matrix]))

    def side(self, side: str, limit: int) -> tuple[Face, ...]:
        """The first faces of a side: those of a stray's folder against the stray, others against what the finding sets beside them."""
        a, b = self._sides["a"], self._sides["b"]
        if self.found.kind in ("stray", "mixed", "unlabelled"):
            return self.ordered(a if side == "a" else b, self.own, limit)
        return self.ordered(a, b, limit) if side == "a" else self.ordered(b, a, limit)

    def whole_side(self, side: str, limit: int) -> Side | None:
        """An identity with the first faces of its side; None where the finding has none."""
        found = self.found
        identity, name, dataset, size, concerned = (
            (found.a_id, found.a_name, found.a_dataset, found.size_a, found.faces_a)
            if side == "a"
            else (found.b_id, found.b_name, found.b_dataset, found.size_b, found.faces_b)
        )
        if identity is None or name is None or dataset is None:
            return None
        total = identity_size(self._conn, found.model_id, identity, self._scan_id)
        return Side(identity, shown(name), dataset, size, concerned, total, self.side(side, limit))

    def subject(self) -> tuple[Face, ...]:
        """The faces in question, in the order of the finding; of a photo in which none was found the whole."""
        told = {face.id: face for face in self.ordered(self.own, [], len(self.own))}
        bare = load_faces(self._conn, [key for key in self.own if key not in told])
        told |= {key: replace(face, role=self.found.roles[key]) for key, face in bare.items()}
        return tuple(told[key] for key in self.own if key in told)

    def ordered(self, ids: Sequence[int], against: Sequence[int], limit: int) -> tuple[Face, ...]:
        """The first ``limit`` of ``ids``: those that reach the threshold against the others, then the most alike among themselves."""
        mine, others = self.vectors.only(ids), self.vectors.only(against)
        nothing = np.full(len(mine.ids), np.nan)
        best = mine.scores(others).max(axis=1) if others.ids and mine.ids else nothing
        inner = mine.scores(mine)
        likeness = (inner.sum(axis=1) - inner.diagonal()) / (len(mine.ids) - 1) if len(mine.ids) > 1 else nothing
        linking = np.nan_to_num(best, nan=-2.0) >= self.found.threshold
        order = np.lexsort((-np.nan_to_num(likeness), np.where(linking, -np.nan_to_num(best), 0), ~linking))
        chosen = order[:limit].tolist()
        faces = load_faces(self._conn, [mine.ids[k] for k in chosen])
        return tuple(
            replace(
                faces[mine.ids[k]],
                linking=bool(linking[k]),
                best=_rounded(best[k]),
                likeness=_rounded(likeness[k]),
                role=self.found.roles.get(mine.ids[k]),
            )
            for k in chosen
            if mine.ids[k] in faces
        )


def _next_best(conn: Connection, gather: _Gather, scan_id: int) -> Side | None:
    """Of the other identities that the folder is linked with, the one that holds the face most like the stray."""
    found = gather.found
    parameters = {"scan_id": scan_id, "identity_a": found.a_id, "identity_b": found.b_id}
    best: tuple[float, int, str, str, list[int]] | None = None
    for identity, name, dataset in conn.execute(SQL["next_best"], parameters).fetchall():
        ids = identity_faces(conn, found.model_id, identity, scan_id)
        gather.add(ids)
        scores = gather.vectors.only(gather.own).scores(gather.vectors.only(ids))
        if scores.size and (best is None or scores.max() > best[0]):
            best = (float(scores.max()), identity, name, dataset, ids)
    if best is None:
        return None
    _, identity, name, dataset, ids = best
    faces = gather.ordered(ids, gather.own, _NEXT_BEST_FACES)
    return Side(identity, shown(name), dataset, len(ids), sum(face.linking for face in faces), len(ids), faces)


def _name_that_stays(conn: Connection, found: Finding) -> int | None:
    row = conn.execute(SQL["name_that_stays"], {"identity_a": found.a_id, "identity_b": found.b_id}).fetchone()
    return None if row is None else int(row[0])


def _link(found: Finding) -> tuple[int, int]:
    low, high = sorted((found.a_id or 0, found.b_id or found.a_id or 0))
    return low, high


def _rounded(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 3)
