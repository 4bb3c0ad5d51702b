"""The API of the queue and of single cases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query

from facedb.web.data import case, queue, sittings
from facedb.web.data.case import Case
from facedb.web.data.faces import Face, Scores
from facedb.web.data.queue import Filter, Item, Kind, Progress, Scan, State
from facedb.web.deps import AskedInteger, AskedText, Integer, PartsHere, SessionHere

router = APIRouter(prefix="/api", tags=["cases"])

Share = Annotated[float | None, Query(ge=0, le=1, allow_inf_nan=False)]


@dataclass(frozen=True, slots=True)
class Page:
    """A part of the queue; ``more``: there is a further one, after the last rank of this."""

    items: tuple[Item, ...]
    more: bool


@dataclass(frozen=True, slots=True)
class MoreFaces:
    """Further faces of a side, with the scores between them."""

    faces: tuple[Face, ...]
    scores: Scores


@router.get("/scans")
def scans(parts: PartsHere) -> list[Scan]:
    """Finished scans, newest first."""
    with parts.pool.connection() as conn:
        return queue.scans(conn)


@router.get("/scans/{scan_id}/queue")
def page(
    parts: PartsHere,
    scan_id: Integer,
    kind: Annotated[Kind | None, Query(description="Only this class of findings.")] = None,
    dataset: AskedText = None,
    identity_id: AskedInteger = None,
    words: AskedText = None,
    least: Share = None,
    most: Share = None,
    state: State = "open",
    after: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Page:
    """Findings of a scan in the order of their rank, under a filter."""
    chosen = Filter(kind, dataset, identity_id, words, least, most, state)
    with parts.pool.connection() as conn:
        items = queue.cases(conn, parts.standing.at(conn, scan_id), scan_id, chosen, after=after, limit=limit + 1)
    return Page(tuple(items[:limit]), len(items) > limit)


@router.get("/scans/{scan_id}/progress")
def progress(parts: PartsHere, session: SessionHere, scan_id: Integer) -> Progress:
    """How far the review of a scan is, and how often the tool was right."""
    with parts.pool.connection() as conn:
        return queue.progress(conn, parts.standing.at(conn, scan_id), scan_id, session.sitting_id)


@router.get("/cases/{scan_id}/{rank}")
def one(parts: PartsHere, session: SessionHere, scan_id: Integer, rank: Integer) -> Case:
    """One finding with everything that is needed to decide it."""
    with parts.pool.connection() as conn:
        return case.load_case(conn, scan_id, rank, session.sitting_id)


@router.get("/cases/{scan_id}/{rank}/faces")
def more_faces(
    parts: PartsHere,
    scan_id: Integer,
    rank: Integer,
    side: Annotated[str, Query(pattern="^[ab]$")],
    start: Annotated[int, Query(ge=0, le=1_000_000)],
) -> MoreFaces:
    """Further faces of one side of a finding."""
    with parts.pool.connection() as conn:
        return MoreFaces(*case.side_faces(conn, scan_id, rank, side, start))


@router.post("/cases/{scan_id}/{rank}/open", status_code=204)
def open_case(parts: PartsHere, session: SessionHere, scan_id: Integer, rank: Integer) -> None:
    """Say that this reviewer has a finding open; say it again within a minute while it is."""
    with parts.pool.connection() as conn:
        sittings.claim(conn, session.sitting_id, scan_id, rank)


@router.post("/cases/leave", status_code=204)
def leave(parts: PartsHere, session: SessionHere) -> None:
    """Say that this reviewer has no finding open any more."""
    with parts.pool.connection() as conn:
        sittings.leave(conn, session.sitting_id)
