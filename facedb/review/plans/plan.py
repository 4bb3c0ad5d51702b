"""Plan: from confirmed verdicts to steps on single images, shown before anything is done.

What contradicts itself or cannot be decided from the verdicts is left out with a remark; nothing is guessed.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime

from facedb.core.counting import counted
from facedb.core.errors import NotFoundError
from facedb.core.files.paths import display, to_text
from facedb.core.machine.user_name import user_name
from facedb.core.row_schema import table
from facedb.dataset.names import find_datasets
from facedb.db import audit
from facedb.db.connection import Connection, Database
from facedb.db.rows import stream
from facedb.review import decision_rows
from facedb.review.answers.certain import NO_VERDICT
from facedb.review.files.new_paths import Places
from facedb.review.files.on_disk import absent, is_linked, remarks
from facedb.review.plans import plan_rows
from facedb.review.plans.changes import Changes, decide
from facedb.review.plans.plan_rows import NewStep, PlanRow, StepRow
from facedb.scan.which_scan import find_scan

NOTHING_TO_DO = "No plan was made: the verdicts call for nothing that has not been done already."


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One change of one image, as a person reads it; names in their text form."""

    step: int
    action: str
    path: str
    identity_from: str | None
    identity_to: str | None
    path_to: str | None
    reason: str
    state: str


@dataclass(frozen=True, slots=True)
class PlanSummary:
    """A plan and how far it is carried out."""

    plan_id: int
    state: str
    steps: int
    done: int
    moves: int
    merges: int
    quarantines: int
    drops: int
    auto: bool
    labels_only: bool | None
    created_by: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class PlanView:
    """A plan with its steps, and what could not be planned; ``kept`` None: there was nothing to do, so no plan was made."""

    kept: PlanRow | None
    steps: tuple[StepRow, ...]
    remarks: tuple[str, ...] = ()

    @property
    def plan(self) -> PlanRow:
        """The plan; raises NotFoundError where none was made."""
        if self.kept is None:
            raise NotFoundError(" ".join((NOTHING_TO_DO, *self.remarks)))
        return self.kept

    @property
    def has_files(self) -> bool:
        """Whether every step has a file that can be moved: vectors without photos have labels alone."""
        return all(step.path_to is not None for step in self.steps)

    def rows(self, *, hidden: bool = False) -> list[PlannedStep]:
        """The steps as a person reads them; without ``hidden`` not those that name people who were hidden from review."""
        return [
            PlannedStep(
                s.step,
                s.action,
                to_text(s.path_from),
                to_text(s.name_from),
                to_text(s.name_to),
                to_text(s.path_to),
                s.reason,
                s.state,
            )
            for s in self.steps
            if hidden or not s.hidden
        ]

    def not_shown(self) -> tuple[str, ...]:
        """What to say of the steps that name people who were hidden from review."""
        count = sum(step.hidden for step in self.steps)
        if not count:
            return ()
        shown = f"facedb plan --show {self.plan.id} --all"
        return (f"Not shown: {counted(count, 'step')} on people hidden from review; see also: {shown}",)


def make_plan(
    db: Database,
    *,
    dataset: str | None = None,
    auto: bool = False,
    by: str | None = None,
    only: frozenset[int] | None = None,
    hidden: bool = False,
) -> PlanView:
    """Plan what the standing verdicts (of the keys ``only``, if given) ask for; ``auto`` adds the certain findings. The remarks
    name people who were hidden from review only where ``hidden`` asks for it.

    Writes no file, and no plan where there is nothing to do. A plan with the same steps that nobody carried out yet is given
    back. Raises NotFoundError for an unknown dataset.
    """
    with db.connection() as conn:
        find_datasets(conn, [dataset])
        changes = decide(conn, dataset=dataset, auto=auto, only=only, hidden=hidden)
        leave_out_what_cannot_move(changes)
        steps = _steps(conn, changes)
        if not steps:
            return PlanView(None, (), tuple(changes.remarks))
        plan = plan_rows.find_plan(conn, None)
        if plan is None or plan.state != "proposed" or plan.auto != auto or _again(conn, plan.id) != steps:
            key = plan_rows.add_plan(
                conn, steps, auto=auto, created_by=by or user_name(), scan_id=_scan_taken_up(conn, dataset, auto)
            )
            plan = plan_rows.find_plan(conn, key)
            audit.note(conn, "plan", "plan", key, by=by, steps=len(steps), auto=auto)
        assert plan is not None  # noqa: S101 - written in this transaction
        return PlanView(plan, tuple(plan_rows.steps(conn, plan.id)), tuple(changes.remarks))


def _scan_taken_up(conn: Connection, dataset: str | None, auto: bool) -> int | None:
    """The scan whose certain findings a plan takes up."""
    return find_scan(conn, datasets=[dataset]).scan.id if auto else None


def prune(db: Database, keep: int, *, yes: bool) -> list[int]:
    """Remove plans that were never begun or were taken back, but for the ``keep`` newest plans; without ``yes`` only name them."""
    with db.connection() as conn:
        old = plan_rows.old_plans(conn, keep)
        if yes and old:
            plan_rows.drop_plans(conn, old)
            audit.note(conn, "prune", "plan", old[0] if len(old) == 1 else None, plans=len(old), keep=keep)
    return old


def show_plan(db: Database, plan_id: int) -> PlanView:
    """A plan as it stands; raises NotFoundError."""
    with db.connection() as conn:
        plan = plan_rows.find_plan(conn, plan_id)
        if plan is None:
            raise NotFoundError(f"There is no plan {plan_id}: see `facedb plans`.")
        return PlanView(plan, tuple(plan_rows.steps(conn, plan_id)))


def plan_meant(db: Database, *, undo: bool) -> int:
    """The plan that is to be carried out, or undone, when nobody names one; raises NotFoundError where there is none."""
    with db.connection() as conn:
        found = plan_rows.plan_meant(conn, undo=undo)
    if found is None:
        raise NotFoundError(
            "No plan is applied, so there is nothing to undo: see `facedb plans`."
            if undo
            else "No new plan waits: make one with `facedb plan`, or name one of `facedb plans`."
        )
    return found


def plans(db: Database) -> list[PlanSummary]:
    """Every plan, newest first."""
    with db.connection() as conn:
        return [PlanSummary(*row) for row in stream(conn, decision_rows.SQL["plans"], table(PlanSummary), {})]


def _again(conn: Connection, plan_id: int) -> list[NewStep]:
    names = [field.name for field in fields(NewStep)]
    return [NewStep(**{name: getattr(step, name) for name in names}) for step in plan_rows.steps(conn, plan_id)]


def leave_out_what_cannot_move(changes: Changes) -> None:
    """Leave out changes of files that are not on the disk or behind a link, so that one of them does not stop all others."""
    chosen = [changes.images[key] for key in changes.by_image]
    gone = absent(chosen)
    linked = {image.id for image in chosen if image.id not in gone.images and is_linked(image)}
    # Where all are, the plan is for --labels-only.
    if len(linked) < len(chosen) - len(gone.images):
        for image in chosen:
            if image.id in linked:
                changes.remark(
                    f"{display(image.path)} leads through a symbolic link, where facedb moves nothing: move it by hand.",
                    {image.identity_id},
                )
    else:
        linked = set()
    changes.remarks += remarks(gone, "the plan")
    for key in gone.images | linked:
        del changes.by_image[key]


def _steps(conn: Connection, changes: Changes) -> list[NewStep]:
    """The changes as steps in a stable order, each with a free path to go to."""
    chosen = [(changes.images[key], change) for key, change in changes.by_image.items()]
    order = {"merge": 0, "move": 1, "quarantine": 2, "drop": 3}
    chosen.sort(key=lambda pair: (pair[0].source_id, order[pair[1].action], pair[0].path))
    targets = sorted({change.identity_to for _, change in chosen if change.identity_to is not None})
    changes.names |= decision_rows.identity_names(conn, targets)
    places = Places(conn, decision_rows.images_of_identities(conn, targets))
    steps = []
    for image, change in chosen:
        if is_linked(image):
            path = None
        elif change.identity_to is None:
            path = places.in_quarantine(image)
        else:
            path = places.under(image, change.identity_to, changes.names[change.identity_to][0])
        assert image.sha256 is not None  # noqa: S101 - verdicts are only on images whose bytes are known
        steps.append(
            NewStep(
                change.action,
                image.source_id,
                image.id,
                image.sha256,
                image.identity_id,
                change.identity_to,
                image.labelled_by,
                image.path,
                path,
                change.reason,
                None if change.verdict_id == NO_VERDICT else change.verdict_id,
                change.kept,
            )
        )
    return steps
