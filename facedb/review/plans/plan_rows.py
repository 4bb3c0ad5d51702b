"""Plans, their steps and the journal of what was done: rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from facedb.core.files.paths import from_text, to_text
from facedb.db import audit
from facedb.db.connection import Connection
from facedb.db.locks import Claim, claim
from facedb.review.decision_rows import SQL, added, decoded

# What is done when a plan comes to a state.
_ACTS = {"applied": "apply", "undone": "undo"}


@dataclass(frozen=True, slots=True)
class PlanRow:
    """A plan and how far it is."""

    id: int
    state: str
    auto: bool
    labels_only: bool | None
    created_by: str
    created_at: datetime
    applied_at: datetime | None
    undone_at: datetime | None


@dataclass(frozen=True, slots=True)
class NewStep:
    """A step that is about to be planned; paths below the root of the source; ``identity_from`` None: it had no label."""

    action: str
    source_id: int
    image_id: int
    sha256: bytes
    identity_from: int | None
    identity_to: int | None
    labelled_by: str
    path_from: str
    path_to: str | None
    reason: str
    verdict_id: int | None
    kept_image: int | None = None


@dataclass(frozen=True, slots=True)
class StepRow:
    """A step of a plan; ``root`` is what both paths are below; ``hidden``: it names somebody who was hidden from review."""

    step: int
    action: str
    state: str
    source_id: int
    root: str
    format: str
    image_id: int
    sha256: bytes
    identity_from: int | None
    name_from: str | None
    identity_to: int | None
    name_to: str | None
    labelled_by: str
    path_from: str
    path_to: str | None
    reason: str
    verdict_id: int | None
    kept_image: int | None
    hidden: bool


@dataclass(frozen=True, slots=True)
class FolderRow:
    """A folder as it was before a plan touched it; ``path`` is empty for the root."""

    source_id: int
    root: str
    path: str
    existed: bool
    mode: int | None
    mtime_ns: int | None


def add_plan(conn: Connection, steps: Sequence[NewStep], *, auto: bool, created_by: str, scan_id: int | None) -> int:
    """Write a plan with its steps, numbered from 1 in their order; returns its key. ``scan_id``: whose findings it takes up."""
    plan_id = added(conn, "add_plan", {"auto": auto, "created_by": created_by, "scan_id": scan_id})
    conn.cursor().executemany(
        SQL["add_step"],
        [
            {
                "plan_id": plan_id,
                "step": number,
                **asdict(step),
                "path_from": to_text(step.path_from),
                "path_to": to_text(step.path_to),
            }
            for number, step in enumerate(steps, 1)
        ],
    )
    return plan_id


def plan_meant(conn: Connection, *, undo: bool) -> int | None:
    """The plan that is to be carried out, or undone, when nobody names one; None where there is none."""
    row = conn.execute(SQL["plan_to_undo" if undo else "plan_to_do"]).fetchone()
    return None if row is None else int(row[0])


def find_plan(conn: Connection, plan_id: int | None) -> PlanRow | None:
    """A plan by key, or the newest one; None where there is none."""
    name = "newest_plan" if plan_id is None else "find_plan"
    row = conn.execute(SQL[name], {"plan_id": plan_id}).fetchone()
    return None if row is None else PlanRow(*row)


def steps(conn: Connection, plan_id: int) -> list[StepRow]:
    """The steps of a plan in order."""
    return [StepRow(*decoded(row, 4, 9, 11, 13, 14)) for row in conn.execute(SQL["steps"], {"plan_id": plan_id})]


def old_plans(conn: Connection, keep: int) -> list[int]:
    """Plans with nothing left to undo or to finish, except the ``keep`` newest plans."""
    return [row[0] for row in conn.execute(SQL["old_plans"], {"keep": keep})]


def drop_plans(conn: Connection, numbers: Sequence[int]) -> None:
    """Remove plans with their steps."""
    conn.execute(SQL["drop_plans"], {"plans": list(numbers)})


def lock_plan(conn: Connection, plan_id: int) -> Claim:
    """Claim a plan for this session; False when another process carries it out."""
    return claim(conn, "plan", plan_id)


def reopen_plan(conn: Connection, plan_id: int) -> None:
    """Make a plan that was undone, or is being undone, one that can be carried out again."""
    conn.execute(SQL["reopen_steps"], {"plan_id": plan_id})
    conn.execute(SQL["forget_folders"], {"plan_id": plan_id})
    conn.execute(SQL["reopen_plan"], {"plan_id": plan_id})


def set_plan_state(conn: Connection, plan_id: int, state: str, labels_only: bool | None = None) -> None:
    """Note how far a plan is."""
    conn.execute(SQL["set_plan_state"], {"plan_id": plan_id, "state": state, "labels_only": labels_only})
    if state in _ACTS:
        audit.note(conn, _ACTS[state], "plan", plan_id)


def set_step_state(conn: Connection, plan_id: int, step: int, state: str) -> None:
    """Note how far a step is."""
    conn.execute(SQL["set_step_state"], {"plan_id": plan_id, "step": step, "state": state})


def add_folders(conn: Connection, plan_id: int, folders: Sequence[FolderRow]) -> None:
    """Note folders as they are before the first step; what was noted first stays."""
    conn.cursor().executemany(
        SQL["add_folder"],
        [{"plan_id": plan_id, **asdict(folder), "path": to_text(folder.path)} for folder in folders],
    )


def folders(conn: Connection, plan_id: int) -> list[FolderRow]:
    """The folders of a plan, the deepest first."""
    rows = conn.execute(SQL["folders"], {"plan_id": plan_id})
    return [FolderRow(row[0], from_text(row[1]), from_text(row[2]), *row[3:]) for row in rows]
