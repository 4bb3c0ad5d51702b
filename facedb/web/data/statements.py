"""Statements: which verdicts an answer of the page stands for, and whether it agrees with the finding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

from facedb.core.errors import UsageError
from facedb.web.data.faces import shown

Answer = Literal["same", "different", "unsure", "wrong-identity", "duplicate"]
OTHER_FACE = "other-face"

_AGREES: dict[tuple[str, str], bool] = {
    ("merge", "same"): True,
    ("merge", "different"): False,
    ("look-alike", "different"): True,
    ("look-alike", "same"): False,
    ("stray", "wrong-identity"): True,
    ("stray", "different"): True,
    ("stray", "same"): False,
    ("stray", "other-face"): False,
    ("mixed", "wrong-identity"): True,
    ("mixed", "different"): True,
    ("mixed", "same"): False,
    ("duplicate", "duplicate"): True,
    ("duplicate", "same"): False,
    ("duplicate", "different"): False,
    ("unlabelled", "same"): True,
    ("unlabelled", "different"): False,
    ("newcomer", "same"): True,
    ("newcomer", "wrong-identity"): True,
    ("newcomer", "different"): False,
}


OUTSIDE = ("unlabelled", "newcomer")


@dataclass(frozen=True, slots=True)
class Wish:
    """An answer to one finding. ``seen``: the newest verdict on it that the reviewer saw (None: whatever there is).

    ``faces``: the images that the answer is about, where it is not about the whole finding; of other-face the face that was meant.
    ``target``: the identity where wrong images belong, or whose name stays; of what has no label whose it is (None: as the finding
    says). ``stays``: the image that stays of copies, where the reviewer chose it.
    """

    scan_id: int
    rank: int
    answer: Answer | Literal["other-face"]
    seen: int | None = None
    faces: tuple[int, ...] = ()
    target: int | None = None
    stays: int | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Image:
    face_id: int
    id: int
    identity_id: int | None
    status: str
    known: bool
    path: str


@dataclass(frozen=True, slots=True)
class Says:
    """One verdict to write."""

    kind: Literal["link", "pair", "face"]
    verdict: str
    a: int
    b: int = 0
    target: int | None = None


@dataclass(slots=True)
class Subject:
    """A finding and its images, as an answer needs them."""

    kind: str
    identity_a: int | None
    identity_b: int | None
    dataset: str
    own: list[Image] = field(default_factory=list)


def statements(wish: Wish, subject: Subject, selected: Sequence[Image]) -> Iterator[Says]:
    """The verdicts of an answer to a finding, or to the images of it that were ``selected``.

    Raises UsageError for an answer that says nothing of its subject.
    """
    if wish.answer == OTHER_FACE:
        _expect_own(subject, selected)
        return _about_finding(wish, subject)
    if subject.kind == "mixed" and selected and wish.answer in ("wrong-identity", "different"):
        return _split(wish, subject, selected)
    return _about_images(wish, selected) if selected else _about_finding(wish, subject)


def agrees(wish: Wish, subject: Subject) -> bool | None:
    """Whether an answer says that the finding is right; None where it leaves that open."""
    partly = wish.faces and subject.kind != "mixed" and wish.answer != OTHER_FACE
    if subject.kind == "unlabelled" and wish.answer == "wrong-identity" and not partly:
        return wish.target == subject.identity_a
    return None if partly else _AGREES.get((subject.kind, wish.answer))


def _about_finding(wish: Wish, subject: Subject) -> Iterator[Says]:
    """The verdicts of an answer to a whole finding."""
    answer = wish.answer
    if subject.kind in ("merge", "look-alike"):
        if answer not in ("same", "different", "unsure") or subject.identity_a is None or subject.identity_b is None:
            raise UsageError(f"Select the images that are {_WORDS[answer]} first: two identities cannot be.")
        if wish.target is not None and wish.target not in (subject.identity_a, subject.identity_b):
            raise UsageError("The name that stays must be one of the two.")
        target = wish.target if answer == "same" else None
        yield Says("link", answer, subject.identity_a, subject.identity_b, target)
    elif subject.kind == "duplicate":
        yield from _copies(wish, subject)
    elif subject.kind in OUTSIDE:
        yield from _without_label(wish, subject)
    else:
        for image in subject.own:
            if answer == OTHER_FACE:
                yield Says("face", "same", image.id)
            elif answer == "different":
                yield Says("face", "wrong-identity", image.id)
            elif answer == "wrong-identity":
                yield _wrong(image, wish.target)
            else:
                yield Says("face", answer, image.id)


def _without_label(wish: Wish, subject: Subject) -> Iterator[Says]:
    """Photos that lie in no folder: whose they are, or that they stay as they are."""
    for image in subject.own:
        if wish.answer in ("same", "wrong-identity"):
            yield _wrong(image, wish.target)
        elif wish.answer == "different":
            yield Says("face", "same", image.id)
        else:
            yield Says("face", wish.answer, image.id)


def _expect_own(subject: Subject, selected: Sequence[Image]) -> None:
    """Another face can be taken of the one photo that a stray, or a finding about a photo, is about: its label is right then."""
    if subject.kind not in ("stray", "photo") or [i.id for i in selected] != [i.id for i in subject.own]:
        raise UsageError("Another face can be taken only in the photo in question, and only one.")


def _split(wish: Wish, subject: Subject, leaving: Sequence[Image]) -> Iterator[Says]:
    """A mixed folder split otherwise than it was proposed: those of the second group that do not leave are right where they are."""
    ids = {image.id for image in leaving}
    if any(image.identity_id != subject.identity_a for image in leaving):
        raise UsageError("Only images of the mixed folder can leave it.")
    for image in leaving:
        yield _wrong(image, wish.target if wish.answer == "wrong-identity" else None)
    for image in subject.own:
        if image.id not in ids:
            yield Says("face", "same", image.id)


def _copies(wish: Wish, subject: Subject) -> Iterator[Says]:
    """Copies of one photo: which of them are, and, where it was chosen or their folders differ, which of them go."""
    if wish.answer == "wrong-identity":
        raise UsageError("Select the image that has the wrong identity first.")
    for one, other in pairwise(subject.own):
        yield Says("pair", wish.answer, one.id, other.id)
    if wish.answer != "duplicate":
        return
    ids = [image.id for image in subject.own]
    if wish.stays is not None and wish.stays not in ids:
        raise UsageError("The image that stays must be one of the copies.")
    if wish.stays is not None:
        for image in subject.own:
            yield Says("face", "same" if image.id == wish.stays else "duplicate", image.id)


def _about_images(wish: Wish, selected: Sequence[Image]) -> Iterator[Says]:
    """The verdicts of an answer to single images that were selected."""
    if wish.answer == "wrong-identity":
        for image in selected:
            yield _wrong(image, wish.target)
    elif wish.answer == "duplicate" and len(selected) > 1:
        for one, other in pairwise(selected):
            yield Says("pair", "duplicate", one.id, other.id)
    elif wish.answer in ("same", "different", "unsure") and len(selected) == 2:
        yield Says("pair", wish.answer, selected[0].id, selected[1].id)
    else:
        raise UsageError(f"Two images can be {_WORDS[wish.answer]}: select two, not {len(selected)}.")


_WORDS = {
    "same": "the same person",
    "different": "different people",
    "unsure": "unsure",
    "duplicate": "one photo twice",
    "wrong-identity": "of the wrong identity",
    OTHER_FACE: "the face that is meant",
}


def _wrong(image: Image, target: int | None) -> Says:
    if target is not None and target == image.identity_id:
        raise UsageError(f"{shown(image.path)} carries that name already: choose another one.")
    return Says("face", "wrong-identity", image.id, target=target)
