"""Changes: what the standing verdicts ask for, image by image."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from facedb.core.counting import counted
from facedb.core.files.paths import display
from facedb.db.connection import Connection
from facedb.review import decision_rows
from facedb.review.answers.certain import certain_findings, without_chains
from facedb.review.components import components
from facedb.review.contradictions import find_conflicts
from facedb.review.copies import that_stays
from facedb.review.decision_rows import PlannedImage, VerdictRow
from facedb.review.files.on_disk import absent, is_one_file
from facedb.review.originals import Looks


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
    """The changes that verdicts ask for, by image; ``heads`` maps a merged identity to the one it goes into.

    ``unseen`` are the identities that no remark may name: those of people who were hidden from review.
    """

    images: dict[int, PlannedImage] = field(default_factory=dict)
    by_image: dict[int, Change] = field(default_factory=dict)
    heads: dict[int, int] = field(default_factory=dict)
    names: dict[int, tuple[str, str]] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    unseen: frozenset[int] = frozenset()

    def remark(self, text: str, names: Iterable[int | None]) -> None:
        """Remark on what could not be decided, unless that names somebody (``names`` are keys) who must not be named."""
        if self.unseen.isdisjoint(names):
            self.remarks.append(text)

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


def decide(
    conn: Connection,
    *,
    dataset: str | None = None,
    auto: bool = False,
    only: frozenset[int] | None = None,
    hidden: bool = False,
) -> Changes:
    """What the standing verdicts (and with ``auto`` the certain findings) ask for, image by image.

    ``only`` leaves out other verdicts, except that they may contradict. What a person says is done, but the remarks name nobody who was
    hidden from review unless ``hidden`` asks for it.
    """
    everything = standing = decision_rows.verdicts(conn, dataset=dataset)
    if only is not None:
        standing = [v for v in standing if v.id in only]
    changes = Changes(unseen=frozenset() if hidden else decision_rows.hidden_people(conn))
    if auto:
        certain, left_out = certain_findings(conn, everything, dataset)
        found, remarks = without_chains(everything, certain)
        standing = [*standing, *found]
        everything = [*everything, *found]
        changes.remarks += [*left_out, *remarks]
    keys = {key for v in standing for key in (v.image_a_id, v.image_b_id) if key is not None}
    changes.images = {k: i for k, i in decision_rows.images_by_key(conn, sorted(keys)).items() if i.status == "ready"}
    merged = _merge_groups(conn, standing, everything, changes)
    _wrong_faces(conn, standing, changes)
    _duplicates(conn, standing, everything, changes)
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
        changes.remark(
            f"Not merged: {row.said}, but {row.against}; change one of these verdicts.", conflict.identity_ids
        )
    ids = [key for group in groups for key in group]
    changes.names |= decision_rows.identity_names(conn, ids)
    counts = dict.fromkeys(ids, 0)
    for image in decision_rows.images_of_identities(conn, ids):
        counts[image.identity_id or 0] += 1
    merged: dict[int, VerdictRow] = {}
    for group in groups:
        if group & troubled:
            continue
        datasets = {changes.names[key][1] for key in group}
        if len(datasets) > 1:
            called = " = ".join("/".join(changes.names[key][::-1]) for key in sorted(group))
            changes.remark(f"Not merged: {called}; they are in different datasets, which stay apart.", group)
            continue
        # The name that stays is the one named last, else that of the identity with the most images.
        named = next((v.target_id for v in same if v.target_id in group), None)
        head = min(group, key=lambda key: (key != named, -counts[key], key))
        for key in group - {head}:
            changes.heads[key] = head
            merged[key] = next(v for v in same if key in (v.identity_a_id, v.identity_b_id))
    return merged


def _wrong_faces(conn: Connection, standing: Sequence[VerdictRow], changes: Changes) -> None:
    """Images that do not belong where they are: they go where they belong if somebody said where, else into quarantine."""
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
            # That nobody knows whose an image without a label is changes nothing.
            if targets or image.identity_id is not None:
                _correct(conn, v, image, targets, changes)


def _correct(conn: Connection, v: VerdictRow, image: PlannedImage, targets: set[int], changes: Changes) -> None:
    changes.names |= decision_rows.identity_names(conn, sorted(targets))
    was = None if v.identity_a is None else display(v.identity_a)
    named = {image.identity_id, *targets}
    if len(targets) > 1:
        either = " and ".join(sorted(changes.names[key][0] for key in targets))
        changes.remark(
            f"{display(image.path)} is said to be {either}; decide which with `facedb verdict face … --to`.", named
        )
        return
    if not targets:
        changes.by_image[image.id] = Change("quarantine", None, f"not {was}, says {v.said_by}", v.id)
        return
    (target,) = targets
    name, home = changes.names[target]
    if image.identity_id is not None and target == changes.head(image.identity_id):
        changes.remark(
            f"{display(image.path)} is said not to be {was} but {display(name)}, and the two are said to be the same.",
            named,
        )
    elif home != image.dataset:
        changes.remark(
            f"{display(image.path)} belongs to {home}/{display(name)}, another dataset: move it by hand.", named
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


def _duplicates(
    conn: Connection, standing: Sequence[VerdictRow], everything: Sequence[VerdictRow], changes: Changes
) -> None:
    """Of images called duplicates one stays (see `facedb.review.copies`); the others go.

    What is not on the disk neither stays nor goes, and of one file under two names none does. Copies in a chain (one of another, that of
    a third) are one group, unless somebody called two of them two photos.
    """
    pairs = [
        v
        for v in standing
        if v.kind == "pair" and v.verdict == "duplicate" and {v.image_a_id, v.image_b_id} <= changes.images.keys()
    ]
    looks = Looks.load(conn, {key or 0 for v in pairs for key in (v.image_a_id, v.image_b_id)})
    denied = [v for v in everything if v.kind == "pair" and v.verdict in ("same", "different")]
    for group in components((v.image_a_id or 0, v.image_b_id or 0) for v in pairs):
        two = next((v for v in denied if {v.image_a_id, v.image_b_id} <= group), None)
        if two is not None:
            both = [changes.images[key or 0] for key in (two.image_a_id, two.image_b_id)]
            shown = " and ".join(display(image.path) for image in both)
            changes.remark(
                f"{shown} were called two photos, and yet copies in a chain, so neither is dropped: change one of these verdicts.",
                (image.identity_id for image in both),
            )
            continue
        left = _left_of_copies(group, changes, looks)
        gone = absent(left).images
        if gone:
            first = next(image for image in left if image.id in gone)
            changes.remark(
                f"{display(first.path)} is not on the disk, so nothing is dropped for it: ingest again.",
                {first.identity_id},
            )
            left = [image for image in left if image.id not in gone]
        kept = that_stays(left, changes.final, looks=looks)
        if kept is None and left:
            in_each = {changes.final(image): image for image in reversed(left) if changes.final(image) is not None}
            paths = " and ".join(display(image.path) for image in sorted(in_each.values(), key=left.index)[:2])
            changes.remark(
                f"{paths} are duplicates under different identities: say which is wrong with `facedb verdict face PATH wrong-identity`.",
                (image.identity_id for image in left),
            )
            continue
        if kept is None:
            continue
        # What was called a duplicate by itself goes for the same one, which is looked at before it goes.
        dropped = [key for key in sorted(group) if key in changes.by_image and changes.by_image[key].action == "drop"]
        for image in [*left, *(changes.images[key] for key in dropped)]:
            if image is not kept and not is_one_file(image, kept):
                changes.by_image[image.id] = _dropped(pairs, image, kept, looks)


def _left_of_copies(group: Collection[int], changes: Changes, looks: Looks) -> list[PlannedImage]:
    """Those of a group of copies that nothing takes out; where each was called a duplicate by itself, the best of them stays."""
    images = [changes.images[key] for key in sorted(group)]
    left = [image for image in images if changes.stays(image)]
    dropped = [image for image in images if not changes.stays(image) and changes.by_image[image.id].action == "drop"]
    best = None if left else looks.best(dropped)
    if best is not None:
        del changes.by_image[best.id]
        changes.remark(
            f"{display(best.path)} stays: its copies go, and one of them has to be kept.", {best.identity_id}
        )
    return left


def _dropped(pairs: Sequence[VerdictRow], image: PlannedImage, kept: PlannedImage, looks: Looks) -> Change:
    """A copy goes by the verdict that names it beside the one that stays, else (in a chain) by any that names it."""
    said = [v for v in pairs if image.id in (v.image_a_id, v.image_b_id)]
    v = next((v for v in said if kept.id in (v.image_a_id, v.image_b_id)), said[0])
    why = looks.why(kept, image)
    reason = f"a duplicate of {display(kept.path)}{f', which {why}' if why else ''}, says {v.said_by}"
    return Change("drop", None, reason, v.id, kept.id)


def _merge_images(conn: Connection, merged: dict[int, VerdictRow], changes: Changes) -> None:
    """Every image of a merged identity goes with it, unless something else is to be done with that image."""
    for key, name, count in decision_rows.unusable_files(conn, sorted(merged)):
        what = (
            "is not a usable image and stays where it is"
            if count == 1
            else "are not usable images and stay where they are"
        )
        changes.remark(f"{counted(count, 'file')} of {display(name)} {what}.", {key})
    for image in decision_rows.images_of_identities(conn, sorted(merged)):
        changes.images.setdefault(image.id, image)
        if image.id in changes.by_image or image.identity_id is None:
            continue
        verdict, head = merged[image.identity_id], changes.head(image.identity_id)
        names = changes.names[image.identity_id][0], changes.names[head][0]
        reason = f"{display(names[0])} is {display(names[1])}, says {verdict.said_by}"
        changes.by_image[image.id] = Change("merge", head, reason, verdict.id)
