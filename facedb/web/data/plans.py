"""Plans as a picture: every change of an image, grouped by where it goes, before and after."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from facedb.core.files.paths import display
from facedb.db.connection import Connection
from facedb.db.queries import load
from facedb.review.plans.plan import PlanView
from facedb.web.data.faces import Face, load_faces

SQL = load("web", "plans")

_RESIDENTS = 6


@dataclass(frozen=True, slots=True)
class Step:
    """One change of one image; ``face`` to know it by."""

    number: int
    action: str
    state: str
    image_id: int
    path_from: str
    path_to: str | None
    reason: str
    face: Face | None


@dataclass(frozen=True, slots=True)
class Group:
    """Images that take the same way for one reason: from ``before`` (None: no folder) to ``after`` (None: out of the dataset), where
    ``residents`` are some of those that are there already."""

    action: str
    before_id: int | None
    before: str | None
    after_id: int | None
    after: str | None
    residents: tuple[Face, ...]
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan with its changes; ``movable``: every file of it can be moved, else only labels can be changed."""

    id: int
    state: str
    auto: bool
    labels_only: bool | None
    created_by: str
    created_at: datetime
    steps: int
    done: int
    movable: bool
    groups: tuple[Group, ...]
    remarks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """A plan in the list of plans."""

    id: int
    state: str
    steps: int
    done: int
    created_by: str
    created_at: datetime


def picture(conn: Connection, view: PlanView) -> Plan:
    """A plan as a picture, without the steps that name people who were hidden from review."""
    steps = [step for step in view.steps if not step.hidden]
    rows = conn.execute(SQL["faces_of_images"], {"ids": [step.image_id for step in steps]}).fetchall()
    shown_by: dict[int, int] = dict(rows)
    goals = sorted({step.identity_to for step in steps if step.identity_to is not None})
    leaving = [step.image_id for step in steps]
    parameters = {"ids": goals, "leaving": leaving, "each": _RESIDENTS}
    residents: dict[int, list[int]] = defaultdict(list)
    for identity, face_id in conn.execute(SQL["residents"], parameters):
        residents[identity].append(face_id)
    faces = load_faces(conn, sorted({*shown_by.values(), *(one for some in residents.values() for one in some)}))
    groups: dict[tuple[str, int | None, int | None, str], list[Step]] = {}
    names: dict[int, str] = {}
    for s in steps:
        if s.identity_from is not None and s.name_from is not None:
            names[s.identity_from] = display(s.name_from)
        if s.identity_to is not None and s.name_to is not None:
            names[s.identity_to] = display(s.name_to)
        face = faces.get(shown_by.get(s.image_id, 0))
        path_to = None if s.path_to is None else display(s.path_to)
        step = Step(s.step, s.action, s.state, s.image_id, display(s.path_from), path_to, display(s.reason), face)
        groups.setdefault((s.action, s.identity_from, s.identity_to, s.reason), []).append(step)
    return Plan(
        view.plan.id,
        view.plan.state,
        view.plan.auto,
        view.plan.labels_only,
        view.plan.created_by,
        view.plan.created_at,
        len(view.steps),
        sum(step.state == "done" for step in view.steps),
        all(step.path_to is not None for step in view.steps),
        tuple(
            Group(
                action,
                before,
                None if before is None else names[before],
                after,
                None if after is None else names[after],
                tuple(faces[key] for key in residents.get(after or 0, ()) if key in faces),
                tuple(steps),
            )
            for (action, before, after, _), steps in groups.items()
        ),
        tuple(display(remark) for remark in (*view.remarks, *view.not_shown())),
    )


def listed(conn: Connection) -> list[Summary]:
    """Every plan, newest first."""
    return [Summary(*row) for row in conn.execute(SQL["plans"])]
