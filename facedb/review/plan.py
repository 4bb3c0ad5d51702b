"""Plan: from confirmed verdicts to steps on single images, shown before anything is done.

What contradicts itself or cannot be decided from the verdicts is left out and said; nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from facedb.core.counting import counted
from facedb.core.errors import NotFoundError
from facedb.core.machine.person import user_name
from facedb.core.paths import display, to_text
from facedb.core.result_columns import table
from facedb.dataset.names import find_datasets
from facedb.db import audit
from facedb.db.connection import Connection, Database
from facedb.db.rows import stream
from facedb.review import decision_rows as store
from facedb.review.certain import NO_VERDICT, certain_findings, without_chains
from facedb.review.components import components
from facedb.review.decision_rows import NewStep, PlannedImage, PlanRow, StepRow, VerdictRow
from facedb.review.new_paths import Places
from facedb.review.on_disk import absent, is_linked, is_one_file, remarks
from facedb.review.verdicts import find_conflicts
from facedb.scan.which_scan import find_scan


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
    """A plan with its steps, and what could not be planned."""

    plan: PlanRow
    steps: tuple[StepRow, ...]
    remarks: tuple[str, ...] = ()

    def rows(self) -> list[PlannedStep]:
        """The steps as a person reads them."""
        return [
            PlannedStep(
                s.step,
                s.action,
                to_text(s.path_from),
                None if s.name_from is None else to_text(s.name_from),
                None if s.name_to is None else to_text(s.name_to),
                None if s.path_to is None else to_text(s.path_to),
                s.reason,
                s.state,
            )
            for s in self.steps
        ]


@dataclass(frozen=True, slots=True)
class Change:
    """What is to become of one image: another identity, or None: out of the dataset.

    ``kept`` is the image that stays for a duplicate.
    """

    action: str
    identity_to: int | None
    reason: str
    verdict_id: int | None
    kept: int | None = None


@dataclass(slots=True)
class Changes:
    """The changes that verdicts ask for, by image; ``heads`` maps a merged identity to the one it goes into."""

    images: dict[int, PlannedImage] = field(default_factory=dict)
    by_image: dict[int, Change] = field(default_factory=dict)
    heads: dict[int, int] = field(default_factory=dict)
    names: dict[int, tuple[str, str]] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    def head(self, identity: int) -> int:
        """The identity that ``identity`` is after all merges."""
        return self.heads.get(identity, identity)

    def stays(self, image: PlannedImage) -> bool:
        """Whether an image is still in the dataset after all changes."""
        change = self.by_image.get(image.id)
        return change is None or change.identity_to is not None

    def final(self, image: PlannedImage) -> int | None:
        """The identity that an image has after all changes; None: none."""
        change = self.by_image.get(image.id)
        if change is not None:
            return change.identity_to
        return None if image.identity_id is None else self.head(image.identity_id)


def make_plan(
    db: Database,
    *,
    dataset: str | None = None,
    auto: bool = False,
    by: str | None = None,
    only: frozenset[int] | None = None,
) -> PlanView:
    """Plan what the standing verdicts (of the keys ``only``, if given) ask for; ``auto`` adds findings above *certain*.

    Writes no file. A plan with the same steps that nobody carried out yet is given back. Raises NotFoundError for an unknown
    dataset.
    """
    with db.connection() as conn:
        find_datasets(conn, [dataset])
        changes = decide(conn, dataset=dataset, auto=auto, only=only)
        _leave_out_what_cannot_move(changes)
        steps = _steps(conn, changes)
        plan = store.find_plan(conn, None)
        if plan is None or plan.state != "proposed" or plan.auto != auto or _again(conn, plan.id) != steps:
            key = store.add_plan(
                conn, steps, auto=auto, created_by=by or user_name(), scan_id=_scan_taken_up(conn, dataset, auto)
            )
            plan = store.find_plan(conn, key)
            audit.note(conn, "plan", "plan", key, by=by, steps=len(steps), auto=auto)
        assert plan is not None  # noqa: S101 - written in this transaction
        return PlanView(plan, tuple(store.steps(conn, plan.id)), tuple(changes.remarks))


def _scan_taken_up(conn: Connection, dataset: str | None, auto: bool) -> int | None:
    """The scan whose certain findings a plan takes up."""
    return find_scan(conn, datasets=[dataset]).scan.id if auto else None


def prune(db: Database, keep: int, *, yes: bool) -> list[int]:
    """Remove plans that were never begun or were taken back, but for the ``keep`` newest plans; without ``yes`` only name them."""
    with db.connection() as conn:
        old = store.old_plans(conn, keep)
        if yes and old:
            store.drop_plans(conn, old)
            audit.note(conn, "prune", "plan", old[0] if len(old) == 1 else None, plans=len(old), keep=keep)
    return old


def show_plan(db: Database, plan_id: int) -> PlanView:
    """A plan as it stands; raises NotFoundError."""
    with db.connection() as conn:
        plan = store.find_plan(conn, plan_id)
        if plan is None:
            raise NotFoundError(f"There is no plan {plan_id}: see `facedb plans`.")
        return PlanView(plan, tuple(store.steps(conn, plan_id)))


def plans(db: Database) -> list[PlanSummary]:
    """Every plan, newest first."""
    with db.connection() as conn:
        return [PlanSummary(*row) for row in stream(conn, store.SQL["plans"], table(PlanSummary), {})]


def _again(conn: Connection, plan_id: int) -> list[NewStep]:
    return [
        NewStep(
            s.action,
            s.source_id,
            s.image_id,
            s.sha256,
            s.identity_from,
            s.identity_to,
            s.labelled_by,
            s.path_from,
            s.path_to,
            s.reason,
            s.verdict_id,
            s.kept_image,
        )
        for s in store.steps(conn, plan_id)
    ]


def decide(
    conn: Connection, *, dataset: str | None = None, auto: bool = False, only: frozenset[int] | None = None
) -> Changes:
    """What the standing verdicts (and with ``auto`` the certain findings) ask for, image by image.

    ``only`` leaves out other verdicts, except that they may contradict.
    """
    everything = standing = store.verdicts(conn, dataset=dataset)
    if only is not None:
        standing = [v for v in standing if v.id in only]
    changes = Changes()
    if auto:
        found, remarks = without_chains(everything, certain_findings(conn, everything, dataset))
        standing = [*standing, *found]
        everything = [*everything, *found]
        changes.remarks += remarks
    keys = {key for v in standing for key in (v.image_a_id, v.image_b_id) if key is not None}
    changes.images = {k: i for k, i in store.images_by_key(conn, sorted(keys)).items() if i.status == "ready"}
    merged = _merge_groups(conn, standing, everything, changes)
    _wrong_faces(conn, standing, changes)
    _duplicates(standing, changes)
    _merge_images(conn, merged, changes)
    return changes


def _merge_groups(
    conn: Connection, standing: Sequence[VerdictRow], everything: Sequence[VerdictRow], changes: Changes
) -> dict[int, VerdictRow]:
    """Choose the head of every group of identities called the same; returns a verdict for each that goes into one."""
    same = [v for v in standing if v.kind == "link" and v.verdict == "same" and v.identity_b_id is not None]
    groups = components((v.identity_a_id or 0, v.identity_b_id or 0) for v in same)
    troubled = set[int]()
    for conflict in find_conflicts(conn, everything):
        troubled |= conflict.identity_ids
        row = conflict.row()
        changes.remarks.append(f"Not merged: {row.said}, but {row.against}; say one of them anew.")
    ids = [key for group in groups for key in group]
    changes.names |= store.identity_names(conn, ids)
    counts = dict.fromkeys(ids, 0)
    for image in store.images_of_identities(conn, ids):
        counts[image.identity_id or 0] += 1
    merged: dict[int, VerdictRow] = {}
    for group in groups:
        if group & troubled:
            continue
        datasets = {changes.names[key][1] for key in group}
        if len(datasets) > 1:
            called = " = ".join("/".join(changes.names[key][::-1]) for key in sorted(group))
            changes.remarks.append(f"Not merged: {called}; they are in different datasets, which stay apart.")
            continue
        # Whose name stays is what was said of it last, else the larger of them.
        named = next((v.target_id for v in same if v.target_id in group), None)
        head = min(group, key=lambda key: (key != named, -counts[key], key))
        for key in group - {head}:
            changes.heads[key] = head
            merged[key] = next(v for v in same if key in (v.identity_a_id, v.identity_b_id))
    return merged


def _wrong_faces(conn: Connection, standing: Sequence[VerdictRow], changes: Changes) -> None:
    """Images that do not belong where they are: to where they do belong if somebody said it, else into quarantine."""
    wrong = {v.image_a_id for v in standing if v.kind == "face" and v.verdict in ("wrong-identity", "duplicate")}
    for v in standing:
        image = changes.images.get(v.image_a_id or 0)
        # A verdict is about the label that the image had: under another one it is settled.
        if v.kind != "face" or image is None or image.identity_id != v.identity_a_id:
            continue
        if v.verdict == "duplicate":
            changes.by_image[image.id] = Change("drop", None, f"a duplicate, says {v.said_by}", v.id)
        elif v.verdict == "wrong-identity":
            targets = {v.target_id} if v.target_id is not None else _seen_as(standing, image, wrong, changes)
            targets = {changes.head(key) for key in targets if key is not None}
            # Of an image without a label it is no news that nobody knows whose it is.
            if targets or image.identity_id is not None:
                _correct(conn, v, image, targets, changes)


def _correct(conn: Connection, v: VerdictRow, image: PlannedImage, targets: set[int], changes: Changes) -> None:
    changes.names |= store.identity_names(conn, sorted(targets))
    was = None if v.identity_a is None else display(v.identity_a)
    if len(targets) > 1:
        either = " and ".join(sorted(changes.names[key][0] for key in targets))
        changes.remarks.append(
            f"{display(image.path)} is said to be {either}; say which with `facedb verdict face … --to`."
        )
        return
    if not targets:
        changes.by_image[image.id] = Change("quarantine", None, f"not {was}, says {v.said_by}", v.id)
        return
    (target,) = targets
    name, home = changes.names[target]
    if image.identity_id is not None and target == changes.head(image.identity_id):
        changes.remarks.append(
            f"{display(image.path)} is said not to be {was} but {display(name)}, and the two are said to be the same."
        )
    elif home != image.dataset:
        changes.remarks.append(
            f"{display(image.path)} belongs to {home}/{display(name)}, another dataset: move it by hand."
        )
    else:
        changes.by_image[image.id] = Change(
            "move", target, f"{display(name)}{'' if was is None else f', not {was}'}, says {v.said_by}", v.id
        )


def _seen_as(
    standing: Sequence[VerdictRow], image: PlannedImage, wrong: set[int | None], changes: Changes
) -> set[int | None]:
    """The identities of the images that somebody called the same person as ``image``, as far as their labels are right."""
    found: set[int | None] = set()
    for v in standing:
        if v.kind == "pair" and v.verdict == "same" and image.id in (v.image_a_id, v.image_b_id):
            other = v.image_b_id if v.image_a_id == image.id else v.image_a_id
            if other in changes.images and other not in wrong:
                found.add(changes.images[other].identity_id)
    return found - {None, image.identity_id}


def _duplicates(standing: Sequence[VerdictRow], changes: Changes) -> None:
    """Of images called duplicates the one with the most pixels, then bytes, then the oldest stays; the others go.

    What is not on the disk neither stays nor goes, and of one file under two names none does.
    """
    pairs = [
        v
        for v in standing
        if v.kind == "pair" and v.verdict == "duplicate" and {v.image_a_id, v.image_b_id} <= changes.images.keys()
    ]
    for group in components((v.image_a_id or 0, v.image_b_id or 0) for v in pairs):
        left = [changes.images[key] for key in group]
        left = [image for image in left if changes.stays(image)]
        gone = absent(left).images
        if gone:
            path = next(image.path for image in left if image.id in gone)
            changes.remarks.append(f"{display(path)} is not on the disk, so nothing is dropped for it: ingest again.")
            left = [image for image in left if image.id not in gone]
        if len({changes.final(image) for image in left} - {None}) > 1:
            paths = " and ".join(display(image.path) for image in left[:2])
            changes.remarks.append(
                f"{paths} are duplicates under different identities: say which is wrong with `facedb verdict face`."
            )
            continue
        # Of a copy that lies in a folder and one that lies in none, the former stays.
        kept = max(
            left,
            key=lambda image: (
                changes.final(image) is not None,
                not is_linked(image),
                image.pixels,
                image.bytes,
                -image.id,
            ),
            default=None,
        )
        for image in left:
            if kept is not None and image is not kept and not is_one_file(image, kept):
                v = next(v for v in pairs if image.id in (v.image_a_id, v.image_b_id))
                reason = f"a duplicate of {display(kept.path)}, says {v.said_by}"
                changes.by_image[image.id] = Change("drop", None, reason, v.id, kept.id)


def _merge_images(conn: Connection, merged: dict[int, VerdictRow], changes: Changes) -> None:
    """Every image of a merged identity that nothing else is to become of goes with it."""
    for name, count in store.unusable_files(conn, sorted(merged)):
        what = (
            "is no usable image and stays where it is" if count == 1 else "are no usable images and stay where they are"
        )
        changes.remarks.append(f"{counted(count, 'file')} of {display(name)} {what}.")
    for image in store.images_of_identities(conn, sorted(merged)):
        changes.images.setdefault(image.id, image)
        if image.id in changes.by_image or image.identity_id is None:
            continue
        verdict, head = merged[image.identity_id], changes.head(image.identity_id)
        names = changes.names[image.identity_id][0], changes.names[head][0]
        reason = f"{display(names[0])} is {display(names[1])}, says {verdict.said_by}"
        changes.by_image[image.id] = Change("merge", head, reason, verdict.id)


def _leave_out_what_cannot_move(changes: Changes) -> None:
    """Leave out changes of files that are not on the disk or behind a link, so that one of them does not stop all others."""
    chosen = [changes.images[key] for key in changes.by_image]
    gone = absent(chosen)
    linked = {image.id for image in chosen if image.id not in gone.images and is_linked(image)}
    # Where all are, the plan is for --labels-only.
    if len(linked) < len(chosen) - len(gone.images):
        for image in chosen:
            if image.id in linked:
                changes.remarks.append(
                    f"{display(image.path)} leads through a symbolic link, where facedb moves nothing: see to it by hand."
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
    changes.names |= store.identity_names(conn, targets)
    places = Places(conn, store.images_of_identities(conn, targets))
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
