"""The API of decisions: one, many at once, and taking them back."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import Field

from facedb.core.errors import UsageError
from facedb.db.connection import Connection
from facedb.review import people
from facedb.web.data import case, decisions, identities, photos
from facedb.web.data.decisions import Decided, Undone
from facedb.web.data.statements import Answer, Wish
from facedb.web.deps import (
    Bigint,
    Body,
    GivenBigint,
    GivenInteger,
    GivenText,
    Integer,
    Parts,
    PartsHere,
    Refusal,
    SessionHere,
)
from facedb.web.sessions import Session

router = APIRouter(prefix="/api", tags=["decisions"], responses={409: {"model": Refusal}, 404: {"model": Refusal}})


class Decision(Body):
    """An answer; ``target_name`` may be new; ``seen`` is the one of the case that was looked at, or null to overrule.

    Of other-face, ``faces`` holds the face of the photo in question that stands for its label.
    """

    answer: Answer | Literal["other-face"]
    seen: Annotated[int, Field(ge=0, le=2**63 - 1)] | None
    faces: Annotated[list[GivenBigint], Field(max_length=2000, default_factory=list)]
    target_id: GivenInteger | None = None
    target_name: GivenText | None = None
    stays: GivenBigint | None = None
    note: GivenText | None = None


class CaseSeen(Body):
    """A case of a list, and the newest verdict on it that the reviewer saw."""

    scan_id: GivenInteger
    rank: GivenInteger
    seen: Annotated[int, Field(ge=0, le=2**63 - 1)] | None


class Taken(Body):
    """The face that stands for its photo; ``seen`` is the one of the photo that was looked at, or null to overrule."""

    face_id: GivenBigint
    seen: Annotated[int, Field(ge=0, le=2**63 - 1)] | None


class Bulk(Body):
    """One answer to many cases."""

    answer: Answer
    cases: Annotated[list[CaseSeen], Field(min_length=1, max_length=1000)]


@router.post("/cases/{scan_id}/{rank}/decision")
def decide(parts: PartsHere, session: SessionHere, scan_id: Integer, rank: Integer, said: Decision) -> Decided:
    """Answer a finding, or say something of some of its images; refused where somebody said something since ``seen``."""
    with parts.pool.connection() as conn:
        target = said.target_id
        if said.target_name is not None:
            target = people.make(conn, case.find(conn, scan_id, rank).dataset_id, said.target_name)
        wish = Wish(scan_id, rank, said.answer, said.seen, tuple(said.faces), target, said.stays, said.note)
        if target is not None and said.target_id is not None:
            identities.must_exist(conn, target)
        return _decided(parts, conn, session, [wish])[0]


@router.post("/decisions")
def decide_many(parts: PartsHere, session: SessionHere, said: Bulk) -> list[Decided]:
    """Give many findings the same answer, all or none; they are undone together."""
    if len({(one.scan_id, one.rank) for one in said.cases}) != len(said.cases):
        raise UsageError("A case is named twice: name each once.")
    with parts.pool.connection() as conn:
        wishes = [decisions.as_proposed(conn, Wish(one.scan_id, one.rank, said.answer, one.seen)) for one in said.cases]
        return _decided(parts, conn, session, wishes)


@router.post("/photos/{image_id}/face")
def take_face(parts: PartsHere, session: SessionHere, image_id: Bigint, said: Taken) -> Decided:
    """Say which face of a photo stands for its label, from the next scan on."""
    with parts.pool.connection() as conn:
        photos.expect_face(conn, image_id, said.face_id)
        return decisions.take_face(conn, session.sitting_id, session.reviewer, said.face_id, said.seen)


@router.post("/undo")
def undo(parts: PartsHere, session: SessionHere) -> Undone:
    """Take back the last decision of this sitting."""
    with parts.pool.connection() as conn:
        undone = decisions.undo(conn, session.sitting_id, session.reviewer)
        conn.commit()
        parts.learning.learn()
        also = []
        for scan in sorted({one for one, _ in undone.cases}):
            before, ranks = parts.standing.last(scan), {rank for one, rank in undone.cases if one == scan}
            if before is not None:
                also += [(scan, rank) for rank in decisions.settled(parts.standing.at(conn, scan), before, ranks)]
        return replace(undone, also=tuple(also))


def _decided(parts: Parts, conn: Connection, session: Session, wishes: list[Wish]) -> list[Decided]:
    """Write answers, then find out what else they settle: only after the write, so that no other writer waits for it."""
    before = {scan: parts.standing.at(conn, scan) for scan in {wish.scan_id for wish in wishes}}
    decided = decisions.decide(conn, session.sitting_id, session.reviewer, wishes)
    conn.commit()
    parts.learning.learn()
    for scan, stood in before.items():
        place = max(k for k, wish in enumerate(wishes) if wish.scan_id == scan)
        ranks = {wish.rank for wish in wishes if wish.scan_id == scan}
        decided[place] = replace(decided[place], also=decisions.settled(stood, parts.standing.at(conn, scan), ranks))
    return decided
