"""Decisions: what an answer on the page says in verdicts, written so that nobody overwrites anybody unseen, and taken back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Literal

from facedb.core.errors import ConflictError, NotFoundError, UsageError
from facedb.core.files.paths import display
from facedb.dataset.names import find_datasets
from facedb.db.connection import Connection
from facedb.db.locks import wait_briefly
from facedb.db.queries import load
from facedb.review import decision_rows, people, taken_faces
from facedb.web.data import case
from facedb.web.data.faces import load_faces, shown

SQL = load("web", "decisions")

# A verdict import may hold the table for long: rather say so than wait for it.
_PATIENCE_SECONDS = 3.0

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
_OUTSIDE = ("unlabelled", "newcomer")


class SaidMeanwhileError(ConflictError):
    """Somebody said something of the same since the reviewer looked; ``seen`` is what he would have to have seen."""

    def __init__(self, message: str, scan_id: int, rank: int, seen: int) -> None:
        super().__init__(message)
        self.scan_id, self.rank, self.seen = scan_id, rank, seen


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
class Decided:
    """A decision that was written: its verdicts, and where its finding stands now (None: the answer was about no finding)."""

    id: int
    batch: int
    scan_id: int | None
    rank: int | None
    verdicts: tuple[int, ...]
    seen: int


@dataclass(frozen=True, slots=True)
class Undone:
    """What was taken back: the findings that are open again, and how many verdicts that made."""

    cases: tuple[tuple[int, int], ...]
    verdicts: int


@dataclass(frozen=True, slots=True)
class _Image:
    face_id: int
    id: int
    identity_id: int | None
    status: str
    known: bool
    path: str


@dataclass(frozen=True, slots=True)
class _Says:
    """One verdict to write."""

    kind: Literal["link", "pair", "face"]
    verdict: str
    a: int
    b: int = 0
    target: int | None = None


@dataclass(slots=True)
class _Subject:
    """A finding and its images, as an answer needs them."""

    kind: str
    identity_a: int | None
    identity_b: int | None
    dataset: str
    own: list[_Image] = field(default_factory=list)


def decide(
    conn: Connection, sitting_id: int, reviewer: str, wishes: Sequence[Wish], *, batch: int | None = None
) -> list[Decided]:
    """Write answers, all of them or none; they are undone together.

    Raises SaidMeanwhileError where somebody said something since ``seen``, NotFoundError for findings and faces that are not
    there, and UsageError for an answer that says nothing of its subject.
    """
    wait_briefly(conn, _PATIENCE_SECONDS)
    conn.execute(SQL["alone"])
    decided = []
    for wish in wishes:
        last = case.last_word(conn, wish.scan_id, wish.rank)
        if wish.seen is not None and last > wish.seen:
            raise SaidMeanwhileError(_who_said(conn, wish, last), wish.scan_id, wish.rank, last)
        subject = _subject(conn, wish)
        selected = _images(conn, wish.faces)
        if subject.kind in _OUTSIDE:
            wish = _named(conn, wish, subject)
        if wish.answer == OTHER_FACE:
            _expect_own(subject, selected)
            says = list(_about_finding(wish, subject))
        elif subject.kind == "mixed" and selected and wish.answer in ("wrong-identity", "different"):
            says = list(_split(wish, subject, selected))
        else:
            says = list(_about_images(wish, selected) if selected else _about_finding(wish, subject))
        verdicts = [_say(conn, one, reviewer, wish.note) for one in says]
        taken = [taken_faces.take(conn, face, said_by=reviewer) for face in wish.faces if wish.answer == OTHER_FACE]
        partly = wish.faces and subject.kind != "mixed" and wish.answer != OTHER_FACE
        agrees = None if partly else _AGREES.get((subject.kind, wish.answer))
        if subject.kind == "unlabelled" and wish.answer == "wrong-identity" and not partly:
            agrees = wish.target == subject.identity_a
        key, batch = _write(conn, sitting_id, batch, (wish.scan_id, wish.rank), subject.kind, wish.answer, agrees)
        conn.execute(SQL["add_decision_verdicts"], {"decision_id": key, "verdicts": verdicts})
        conn.execute(SQL["add_decision_taken_faces"], {"decision_id": key, "taken": taken})
        decided.append(Decided(key, batch, wish.scan_id, wish.rank, tuple(verdicts), max([last, *verdicts])))
    return decided


def take_face(conn: Connection, sitting_id: int, reviewer: str, face_id: int, seen: int | None) -> Decided:
    """Say which face of its photo stands for the label, outside of a finding; undone like every decision.

    Raises ConflictError where somebody took one since ``seen``, and what `taken_faces.take` raises.
    """
    wait_briefly(conn, _PATIENCE_SECONDS)
    conn.execute(SQL["alone"])
    for image in _images(conn, [face_id]):
        taken_faces.expect_seen(conn, image.id, seen)
    taken = taken_faces.take(conn, face_id, said_by=reviewer)
    key, batch = _write(conn, sitting_id, None, (None, None), "image", OTHER_FACE, None)
    conn.execute(SQL["add_decision_taken_faces"], {"decision_id": key, "taken": [taken]})
    return Decided(key, batch, None, None, (), taken)


def as_proposed(conn: Connection, wish: Wish) -> Wish:
    """The answer with what its finding proposes: where a stray belongs, and of copies in two folders which one stays."""
    subject = _subject(conn, wish)
    if wish.answer == "wrong-identity" and subject.kind in ("stray", "mixed"):
        return replace(wish, target=subject.identity_b)
    if wish.answer == "duplicate" and len({image.identity_id for image in subject.own} - {None}) > 1:
        return replace(wish, stays=case.kept(list(load_faces(conn, [image.face_id for image in subject.own]).values())))
    return wish


def undo(conn: Connection, sitting_id: int, reviewer: str) -> Undone:
    """Take back the newest decisions of a sitting that were made together.

    Verdicts are only ever added: what stood before is said again in the name of its reviewer, else it is withdrawn. Raises
    NotFoundError when there is nothing left, and ConflictError where somebody said something of the same since.
    """
    wait_briefly(conn, _PATIENCE_SECONDS)
    conn.execute(SQL["alone"])
    decisions = conn.execute(SQL["newest_batch"], {"sitting_id": sitting_id}).fetchall()
    if not decisions:
        raise NotFoundError("There is nothing to undo: nothing was decided in this sitting.")
    count = 0
    for decision_id, _, _ in decisions:
        for verdict, newest, before, before_says, newest_by in conn.execute(
            SQL["verdicts_of"], {"decision_id": decision_id}
        ).fetchall():
            if newest != verdict:
                raise ConflictError(f"{display(newest_by)} said something of the same since, so it is not undone.")
            if before is None or before_says == "withdrawn":
                conn.execute(SQL["withdraw"], {"verdict_id": verdict, "said_by": reviewer})
            else:
                conn.execute(SQL["restate"], {"verdict_id": before})
            count += 1
        count += _let_go(conn, decision_id, reviewer)
    conn.execute(SQL["mark_undone"], {"ids": [row[0] for row in decisions]})
    return Undone(tuple((row[1], row[2]) for row in reversed(decisions) if row[1] is not None), count)


def _let_go(conn: Connection, decision_id: int, reviewer: str) -> int:
    """Take back the faces that a decision took; returns how many photos had nothing else said of them."""
    alone = 0
    for image, taken, newest, newest_by, before, verdicts in conn.execute(
        SQL["taken_faces_of"], {"decision_id": decision_id}
    ).fetchall():
        if newest != taken:
            raise ConflictError(f"{display(newest_by)} took another face since, so it is not undone.")
        taken_faces.take_back(conn, image, said_by=reviewer, to=before)
        alone += verdicts == 0
    return alone


def _write(
    conn: Connection,
    sitting_id: int,
    batch: int | None,
    finding: tuple[int | None, int | None],
    kind: str,
    answer: str,
    agrees: bool | None,
) -> tuple[int, int]:
    """Write a decision; returns its key and its batch."""
    parameters = {
        "sitting_id": sitting_id,
        "batch": batch,
        "scan_id": finding[0],
        "rank": finding[1],
        "class": kind,
        "answer": answer,
        "agrees": agrees,
    }
    row = conn.execute(SQL["add_decision"], parameters).fetchone()
    assert row is not None  # noqa: S101 - insert ... returning always yields a row
    return int(row[0]), int(row[1])


def _subject(conn: Connection, wish: Wish) -> _Subject:
    row = conn.execute(case.SQL["subject"], {"scan_id": wish.scan_id, "rank": wish.rank}).fetchone()
    if row is None:
        raise NotFoundError(f"Scan {wish.scan_id} has no finding {wish.rank}.")
    faces = conn.execute(case.SQL["finding_faces"], {"scan_id": wish.scan_id, "rank": wish.rank})
    return _Subject(
        row[0], row[1], row[2], row[3], _images(conn, [face for face, role in faces if role in ("wrong", "copy")])
    )


def _images(conn: Connection, faces: Sequence[int]) -> list[_Image]:
    if not faces:
        return []
    found = {row[0]: _Image(*row) for row in conn.execute(SQL["images_of_faces"], {"ids": list(faces)})}
    missing = [key for key in faces if key not in found]
    if missing:
        raise NotFoundError(f"There is no face {missing[0]} any more: look at the case again.")
    images = {found[key].id: found[key] for key in faces}
    for image in images.values():
        if image.status != "ready" or not image.known:
            raise UsageError(f"{shown(image.path)} is gone, so there is nothing to say of it.")
    return list(images.values())


def _about_finding(wish: Wish, subject: _Subject) -> Iterator[_Says]:
    """The verdicts of an answer to a whole finding."""
    answer = wish.answer
    if subject.kind in ("merge", "look-alike"):
        if answer not in ("same", "different", "unsure") or subject.identity_a is None or subject.identity_b is None:
            raise UsageError(f"Select the images that are {_WORDS[answer]} first: of two identities one cannot say it.")
        if wish.target is not None and wish.target not in (subject.identity_a, subject.identity_b):
            raise UsageError("The name that stays is one of the two.")
        target = wish.target if answer == "same" else None
        yield _Says("link", answer, subject.identity_a, subject.identity_b, target)
    elif subject.kind == "duplicate":
        yield from _copies(wish, subject)
    elif subject.kind in _OUTSIDE:
        yield from _without_label(wish, subject)
    else:
        for image in subject.own:
            if answer == OTHER_FACE:
                yield _Says("face", "same", image.id)
            elif answer == "different":
                yield _Says("face", "wrong-identity", image.id)
            elif answer == "wrong-identity":
                yield _wrong(image, wish.target)
            else:
                yield _Says("face", answer, image.id)


def _named(conn: Connection, wish: Wish, subject: _Subject) -> Wish:
    """The answer with whom the finding names, or for a newcomer a free name, where the reviewer named nobody."""
    if wish.target is not None or wish.faces or wish.answer not in ("same", "wrong-identity"):
        return wish
    if subject.kind == "unlabelled":
        return replace(wish, target=subject.identity_a)
    (dataset_id,) = find_datasets(conn, [subject.dataset]) or (0,)
    return replace(wish, target=people.make(conn, dataset_id, people.free_name(conn, subject.dataset)))


def _without_label(wish: Wish, subject: _Subject) -> Iterator[_Says]:
    """Photos that lie in no folder: whose they are, or that they stay as they are."""
    for image in subject.own:
        if wish.answer in ("same", "wrong-identity"):
            yield _wrong(image, wish.target)
        elif wish.answer == "different":
            yield _Says("face", "same", image.id)
        else:
            yield _Says("face", wish.answer, image.id)


def _expect_own(subject: _Subject, selected: Sequence[_Image]) -> None:
    """Another face can be taken of the one photo that a stray, or a finding about a photo, is about: its label is right then."""
    if subject.kind not in ("stray", "photo") or [i.id for i in selected] != [i.id for i in subject.own]:
        raise UsageError("Another face can be taken of the photo in question, and one alone.")


def _split(wish: Wish, subject: _Subject, leaving: Sequence[_Image]) -> Iterator[_Says]:
    """A mixed folder split otherwise than it was proposed: those of the second group that do not leave are right where they are."""
    ids = {image.id for image in leaving}
    if any(image.identity_id != subject.identity_a for image in leaving):
        raise UsageError("Only images of the mixed folder can leave it.")
    for image in leaving:
        yield _wrong(image, wish.target if wish.answer == "wrong-identity" else None)
    for image in subject.own:
        if image.id not in ids:
            yield _Says("face", "same", image.id)


def _copies(wish: Wish, subject: _Subject) -> Iterator[_Says]:
    """Copies of one photo: which of them are, and, where it was chosen or their folders differ, which of them go."""
    if wish.answer == "wrong-identity":
        raise UsageError("Select the image that is of the wrong identity first.")
    for one, other in pairwise(subject.own):
        yield _Says("pair", wish.answer, one.id, other.id)
    if wish.answer != "duplicate":
        return
    ids = [image.id for image in subject.own]
    if wish.stays is not None and wish.stays not in ids:
        raise UsageError("The image that stays is one of the copies.")
    if wish.stays is not None:
        for image in subject.own:
            yield _Says("face", "same" if image.id == wish.stays else "duplicate", image.id)


def _about_images(wish: Wish, selected: Sequence[_Image]) -> Iterator[_Says]:
    """The verdicts of an answer to single images that were selected."""
    if wish.answer == "wrong-identity":
        for image in selected:
            yield _wrong(image, wish.target)
    elif wish.answer == "duplicate" and len(selected) > 1:
        for one, other in pairwise(selected):
            yield _Says("pair", "duplicate", one.id, other.id)
    elif wish.answer in ("same", "different", "unsure") and len(selected) == 2:
        yield _Says("pair", wish.answer, selected[0].id, selected[1].id)
    else:
        raise UsageError(f"Two images can be {_WORDS[wish.answer]}; {len(selected)} are selected.")


_WORDS = {
    "same": "the same person",
    "different": "different people",
    "unsure": "unsure",
    "duplicate": "one photo twice",
    "wrong-identity": "of the wrong identity",
    OTHER_FACE: "the face that is meant",
}


def _wrong(image: _Image, target: int | None) -> _Says:
    if target is not None and target == image.identity_id:
        raise UsageError(f"{shown(image.path)} carries that name already: choose another one.")
    return _Says("face", "wrong-identity", image.id, target=target)


def _say(conn: Connection, one: _Says, reviewer: str, note: str | None) -> int:
    if one.kind == "link":
        return decision_rows.say_link(conn, one.verdict, one.a, one.b, target=one.target, note=note, said_by=reviewer)
    if one.kind == "pair":
        return decision_rows.say_pair(conn, one.verdict, one.a, one.b, note=note, said_by=reviewer)
    return decision_rows.say_face(conn, one.verdict, one.a, target=one.target, note=note, said_by=reviewer)


def _who_said(conn: Connection, wish: Wish, last: int) -> str:
    row = conn.execute("select said_by, verdict from facedb.verdict where id = %s", (last,)).fetchone()
    by, verdict = row or ("Somebody", "something")
    return f"{display(by)} said {verdict} of finding {wish.rank} while you looked at it."
