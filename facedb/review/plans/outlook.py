"""Outlook: what a plan made now would do, without making one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from facedb.core.counting import counted
from facedb.core.files.paths import display
from facedb.db.connection import Database
from facedb.review import decision_rows
from facedb.review.plans.changes import decide

_ACTIONS = ("merge", "move", "quarantine", "drop")
_FEW = 3


@dataclass(frozen=True, slots=True)
class Outlook:
    """The steps of a plan made now, counted by what they do; ``own`` describes those that follow from some verdicts."""

    steps: Counter[str]
    own: tuple[str, ...]
    remarks: tuple[str, ...]

    def sentences(self) -> list[str]:
        """What to say after verdicts were written."""
        total = self.steps.total()
        if not total:
            return ["Nothing decided so far gives a plan anything to do.", *self.remarks]
        shown = "; ".join(self.own[:_FEW]) + (f"; and {len(self.own) - _FEW:,} more" if len(self.own) > _FEW else "")
        counts = ", ".join(counted(self.steps[action], action) for action in _ACTIONS if self.steps[action])
        first = f"In a plan this is: {shown}." if self.own else "This changes no file."
        return [
            first,
            f"Everything decided so far makes {counted(total, 'step')}: {counts}. See them: facedb plan",
            *self.remarks,
        ]


def outlook(db: Database, verdicts: Collection[int], *, dataset: str | None = None) -> Outlook:
    """What the standing verdicts ask for, and which of it follows from ``verdicts`` (their keys); remarks that were there without these
    are only counted."""
    with db.connection() as conn:
        changes = decide(conn, dataset=dataset)
        others = frozenset(verdict.id for verdict in decision_rows.verdicts(conn)) - set(verdicts)
        before = set(decide(conn, dataset=dataset, only=others).remarks)
        targets = {change.identity_to for change in changes.by_image.values() if change.identity_to is not None}
        names = changes.names | decision_rows.identity_names(conn, sorted(targets - changes.names.keys()))
    own, hidden = [], 0
    for key, change in changes.by_image.items():
        if change.verdict_id in verdicts:
            if not changes.unseen.isdisjoint((changes.images[key].identity_id, change.identity_to)):
                hidden += 1
                continue
            path = display(changes.images[key].path)
            into = "into" if change.action == "merge" else "to"
            where = "" if change.identity_to is None else f" {into} {display(names[change.identity_to][0])}"
            own.append(f"{change.action} {path}{where}")
    if hidden:
        own.insert(0, f"{counted(hidden, 'step')} on people hidden from review")
    new = [remark for remark in changes.remarks if remark not in before][:_FEW]
    if more := len(changes.remarks) - len(new):
        new.append(f"{counted(more, 'other remark')}: facedb plan shows {'it' if more == 1 else 'them'}.")
    return Outlook(Counter(change.action for change in changes.by_image.values()), tuple(own), tuple(new))
