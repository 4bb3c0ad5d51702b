"""One plan in the hands of one session: its steps and the trees of files that it is about, from which everybody else is kept away."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from facedb.core.errors import ConflictError, NotFoundError
from facedb.core.files.paths import display
from facedb.dataset.places import source_rows
from facedb.db.connection import Connection
from facedb.review import decision_rows
from facedb.review.files.checkpoints import reached
from facedb.review.files.safe_moves import Tree
from facedb.review.plans import plan_rows
from facedb.review.plans.plan_rows import PlanRow, StepRow


@dataclass(frozen=True, slots=True)
class Outcome:
    """A plan and its steps as they stand afterwards; ``changed`` how many steps this call took, or would take when dry."""

    plan: PlanRow
    steps: tuple[StepRow, ...]
    changed: int
    dry: bool


class Carrying:
    """A plan that this session alone works on, with the trees that it is about; no ingest of them runs meanwhile."""

    def __init__(self, conn: Connection, plan_id: int, hard_links: bool) -> None:
        self.conn = conn
        self.plan = _claimed(conn, plan_id)
        self.steps = plan_rows.steps(conn, plan_id)
        self._roots = {step.source_id: step.root for step in self.steps}
        self._hard_links = hard_links
        self._stack = ExitStack()
        self._trees: dict[int, Tree] = {}

    def __enter__(self) -> Carrying:
        for source_id, root in self._roots.items():
            claimed = source_rows.lock_source(self.conn, source_id)
            if not claimed:
                raise ConflictError(
                    f"{display(root)} is being ingested right now{claimed.holder}; wait for it, then run this again."
                )
        self.conn.commit()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def tree(self, source_id: int) -> Tree:
        """The files of a source; raises InputError where its root cannot be opened."""
        if source_id not in self._trees:
            tree = Tree(self._roots[source_id], hard_links=self._hard_links)
            self._trees[source_id] = self._stack.enter_context(tree)
        return self._trees[source_id]

    def check_row(self, step: StepRow) -> None:
        """Raise ConflictError where the image of a step is not what it was when planned."""
        now = decision_rows.image_now(self.conn, step.image_id)
        planned = (step.path_from, step.identity_from, "ready", step.sha256)
        if now is None or (now.path, now.identity_id, now.status, now.sha256) != planned:
            raise ConflictError(f"{display(step.path_from)} is not what it was when planned: make a new plan.")

    def commit(self, point: str) -> None:
        """Commit, and say so to a test that watches."""
        reached(f"before {point}")
        self.conn.commit()
        reached(point)

    def reopen(self) -> None:
        """Take the plan up again after an undo."""
        plan_rows.reopen_plan(self.conn, self.plan.id)
        plan = plan_rows.find_plan(self.conn, self.plan.id)
        assert plan is not None  # noqa: S101 - it is locked by this session
        self.plan, self.steps = plan, plan_rows.steps(self.conn, plan.id)

    def outcome(self, changed: int, *, dry: bool) -> Outcome:
        """How the plan stands now."""
        plan = plan_rows.find_plan(self.conn, self.plan.id)
        assert plan is not None  # noqa: S101 - it is locked by this session
        return Outcome(plan, tuple(plan_rows.steps(self.conn, plan.id)), changed, dry)


def _claimed(conn: Connection, plan_id: int) -> PlanRow:
    claimed = plan_rows.lock_plan(conn, plan_id)
    if not claimed:
        raise ConflictError(f"Another facedb is carrying out plan {plan_id} right now{claimed.holder}; wait for it.")
    plan = plan_rows.find_plan(conn, plan_id)
    if plan is None:
        raise NotFoundError(f"There is no plan {plan_id}: see `facedb plans`.")
    return plan


def refuse(problems: Sequence[str]) -> None:
    """Raise ConflictError with the first of ``problems``, if there is one, and the number of the others."""
    if problems:
        more = f" ({len(problems) - 1} more steps have such problems.)" if len(problems) > 1 else ""
        raise ConflictError(f"{problems[0]} Nothing was changed.{more}")
