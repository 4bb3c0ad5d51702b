"""A plan carried out on labels alone, and undone: no file moves."""

from __future__ import annotations

from collections.abc import Iterable

from facedb.core.errors import ConflictError
from facedb.core.files.paths import display
from facedb.db.connection import Connection
from facedb.review import decision_rows
from facedb.review.files.carrying import Carrying, refuse
from facedb.review.plans import plan_rows
from facedb.review.plans.plan_rows import StepRow


def check(work: Carrying, todo: Iterable[StepRow]) -> None:
    """Raise ConflictError where an image, or the one that stays for it, is not what it was when planned."""
    problems = []
    for step in todo:
        try:
            work.check_row(step)
            _check_kept(work.conn, step)
        except ConflictError as error:
            problems.append(str(error))
    refuse(problems)


def _check_kept(conn: Connection, step: StepRow) -> None:
    if step.kept_image is None:
        return
    kept = decision_rows.image_now(conn, step.kept_image)
    taken_out = kept is not None and kept.identity_id is None and kept.labelled_by == "person"
    if kept is None or kept.status != "ready" or taken_out:
        raise ConflictError(
            f"{display(step.path_from)} is a duplicate of an image that is not in the dataset any more: make a new plan."
        )


def check_done(work: Carrying, todo: Iterable[StepRow]) -> None:
    """Raise ConflictError where an image got another label since the plan was carried out."""
    problems = []
    for step in todo:
        now = decision_rows.image_now(work.conn, step.image_id)
        if now is not None and (now.identity_id, now.labelled_by) != (step.identity_to, "person"):
            problems.append(f"{display(now.path)} got another label since the plan was carried out.")
    refuse(problems)


def apply(work: Carrying, todo: Iterable[StepRow]) -> None:
    """All labels change in one transaction; a label that a person set is one that ingest leaves alone."""
    for step in todo:
        decision_rows.label_image(work.conn, step.image_id, step.identity_to, "person")
        plan_rows.set_step_state(work.conn, work.plan.id, step.step, "done")
    plan_rows.set_plan_state(work.conn, work.plan.id, "applied", labels_only=True)
    work.commit("labels")


def undo(work: Carrying, todo: Iterable[StepRow]) -> None:
    """Give every image the label that it had, in one transaction."""
    for step in todo:
        decision_rows.label_image(work.conn, step.image_id, step.identity_from, step.labelled_by)
        plan_rows.set_step_state(work.conn, work.plan.id, step.step, "undone")
    plan_rows.set_plan_state(work.conn, work.plan.id, "undone")
    work.commit("labels undone")
