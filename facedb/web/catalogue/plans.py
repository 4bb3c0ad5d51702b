"""Plans: made, carried out, taken back."""

from __future__ import annotations

from typing import Final

TEXT: Final[dict[str, str]] = {
    "plan.make": "Make a plan",
    "plan.sitting": "only what I decided in this session",
    "plan.auto": "also findings that are certain",
    "plan.safe": "Making a plan touches no file.",
    "plan.all": "All plans",
    "plan.none": "There is no plan yet.",
    "plan.number": "Plan",
    "plan.one": "Plan {plan}",
    "plan.state": "State",
    "plan.steps": "Changes",
    "plan.done": "Done",
    "plan.state.proposed": "proposed",
    "plan.state.applying": "begun",
    "plan.state.applied": "carried out",
    "plan.state.undoing": "being undone",
    "plan.state.undone": "undone",
    "plan.sum": "{steps} changes, by {by}",
    "plan.empty": "These decisions change nothing.",
    "plan.action.move": "move",
    "plan.action.merge": "merge",
    "plan.action.quarantine": "quarantine",
    "plan.action.drop": "drop",
    "plan.outside": "outside all folders",
    "plan.out.quarantine": "out of the dataset",
    "plan.out.drop": "out of the dataset",
    "plan.label_only": "only the label changes",
    "plan.apply": "Move the files…",
    "plan.labels": "Change labels only…",
    "plan.undo": "Undo it",
    "plan.sure": "Carry it out?",
    "plan.sure_files": "{changes} files will be moved. This can be undone, to the last byte.",
    "plan.sure_labels": "{changes} labels will change in the database; no file is moved. This can be undone.",
    "plan.go": "Carry it out",
    "plan.working": "Working…",
    "plan.progress": "Progress of the plan",
}
