"""The API of plans: from decisions to files, shown first, carried out with progress, and taken back."""

from __future__ import annotations

from fastapi import APIRouter

from facedb.db.connection import Database
from facedb.review.files import apply as applying
from facedb.review.plans.plan import make_plan, show_plan
from facedb.web.data import plans, sittings
from facedb.web.data.plans import Plan, Summary
from facedb.web.deps import Body, Integer, PartsHere, Refusal, SessionHere, ShortText
from facedb.web.jobs import Job, JobReporter

router = APIRouter(prefix="/api", tags=["plans"], responses={409: {"model": Refusal}, 404: {"model": Refusal}})


class NewPlan(Body):
    """What to plan: the decisions of all people, or those of this ``sitting``; ``auto`` adds findings that are certain."""

    dataset: ShortText | None = None
    auto: bool = False
    sitting: bool = False


class Carry(Body):
    """How to carry a plan out: files are moved, or with ``labels_only`` only the labels of the database change."""

    labels_only: bool = False


@router.get("/plans")
def listed(parts: PartsHere) -> list[Summary]:
    """Every plan, newest first."""
    with parts.pool.connection() as conn:
        return plans.listed(conn)


@router.post("/plans")
def make(parts: PartsHere, session: SessionHere, wanted: NewPlan) -> Plan:
    """Turn decisions into a plan; touches no file."""
    only = None
    if wanted.sitting:
        with parts.pool.connection() as conn:
            only = sittings.verdicts_of(conn, session.sitting_id)
    view = make_plan(parts.pool.db, dataset=wanted.dataset, auto=wanted.auto, by=session.reviewer, only=only)
    with parts.pool.connection() as conn:
        return plans.picture(conn, view)


@router.get("/plans/{plan_id}")
def one(parts: PartsHere, plan_id: Integer) -> Plan:
    """A plan as it stands."""
    view = show_plan(parts.pool.db, plan_id)
    with parts.pool.connection() as conn:
        return plans.picture(conn, view)


@router.post("/plans/{plan_id}/check")
def check(parts: PartsHere, plan_id: Integer, how: Carry) -> dict[str, int]:
    """Check whether a plan can be carried out, and change nothing."""
    outcome = applying.apply(parts.pool.db, plan_id, labels_only=how.labels_only, reporter=JobReporter(_nothing))
    return {"changes": outcome.changed}


@router.post("/plans/{plan_id}/apply", status_code=202)
def apply(parts: PartsHere, plan_id: Integer, how: Carry) -> Job:
    """Carry a plan out; the job tells how far it is."""
    show_plan(parts.pool.db, plan_id)
    return parts.jobs.start(
        "apply", plan_id, lambda reporter: _apply(parts.pool.db, plan_id, how.labels_only, reporter)
    )


@router.post("/plans/{plan_id}/undo", status_code=202)
def undo(parts: PartsHere, plan_id: Integer) -> Job:
    """Take back whatever a plan did; the job tells how far it is."""
    show_plan(parts.pool.db, plan_id)
    return parts.jobs.start("undo", plan_id, lambda reporter: _undo(parts.pool.db, plan_id, reporter))


@router.get("/jobs/{job_id}")
def job(parts: PartsHere, job_id: Integer) -> Job:
    """How far a piece of work is."""
    return parts.jobs.find(job_id)


def _apply(db: Database, plan_id: int, labels_only: bool, reporter: JobReporter) -> str:
    outcome = applying.apply(db, plan_id, yes=True, labels_only=labels_only, reporter=reporter)
    return f"{outcome.changed:,} changes were made."


def _undo(db: Database, plan_id: int, reporter: JobReporter) -> str:
    outcome = applying.undo(db, plan_id, yes=True, reporter=reporter)
    return f"{outcome.changed:,} changes were taken back."


def _nothing(**_: object) -> None:
    """Progress of a check that nobody watches."""
