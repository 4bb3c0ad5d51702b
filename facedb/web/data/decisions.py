"""Decisions: what an answer on the page says in verdicts, written so that nobody overwrites anybody unseen, and taken back."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, replace

from facedb.core.errors import ConflictError, NotFoundError, UsageError
from facedb.core.files.paths import display
from facedb.dataset.names import find_datasets
from facedb.db.connection import Connection
from facedb.db.locks import wait_briefly
from facedb.db.queries import load
from facedb.review import decision_rows, people, taken_faces
from facedb.review.copies import which_stay
from facedb.scan.findings.standing import Stand
from facedb.web.data import case
from facedb.web.data.faces import shown
from facedb.web.data.statements import OTHER_FACE, OUTSIDE, Image, Says, Subject, Wish, agrees, statements

SQL = load("web", "decisions")

# A verdict import may hold the table for long: say so rather than wait for it.
_PATIENCE_SECONDS = 3.0


class SaidMeanwhileError(ConflictError):
    """Somebody said something of the same since the reviewer looked; ``seen`` is the verdict that the reviewer should have seen."""

    def __init__(self, message: str, scan_id: int, rank: int, seen: int) -> None:
        super().__init__(message)
        self.scan_id, self.rank, self.seen = scan_id, rank, seen


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision that was written: its verdicts, and where its finding stands now (None: the answer was about no finding).

    ``also``: the ranks of other findings of the scan that are decided by it; of answers that were given together, those of all.
    """

    id: int
    batch: int
    scan_id: int | None
    rank: int | None
    verdicts: tuple[int, ...]
    seen: int
    also: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Undone:
    """What was taken back: the findings that are open again, and how many verdicts that made; ``also`` (scan, rank) those that the
    decisions had settled besides."""

    cases: tuple[tuple[int, int], ...]
    verdicts: int
    also: tuple[tuple[int, int], ...] = ()


def decide(
    conn: Connection, sitting_id: int, reviewer: str, wishes: Sequence[Wish], *, batch: int | None = None
) -> list[Decided]:
    """Write answers, all of them or none; they are undone together.

    Raises SaidMeanwhileError where somebody said something since ``seen``, NotFoundError for findings and faces that are not
    there, and UsageError for an answer that says nothing of its subject.
    """
    wait_briefly(conn, _PATIENCE_SECONDS)
    conn.execute(SQL["alone"])
    lasts = [case.last_word(conn, wish.scan_id, wish.rank) for wish in wishes]
    for wish, last in zip(wishes, lasts, strict=True):
        if wish.seen is not None and last > wish.seen:
            raise SaidMeanwhileError(_who_said(conn, wish, last), wish.scan_id, wish.rank, last)
    decided = dict[int, Decided]()
    # Of two that are about one photo the one that knows whose it is has the last word.
    for k in sorted(range(len(wishes)), key=lambda k: wishes[k].target is not None):
        wish = wishes[k]
        subject = _subject(conn, wish)
        selected = _images(conn, wish.faces)
        if subject.kind in OUTSIDE:
            wish = _named(conn, wish, subject)
        says = list(statements(wish, subject, selected))
        verdicts = [_say(conn, one, reviewer, wish.note) for one in says]
        taken = [taken_faces.take(conn, face, said_by=reviewer) for face in wish.faces if wish.answer == OTHER_FACE]
        key, batch = _write(
            conn, sitting_id, batch, (wish.scan_id, wish.rank), subject.kind, wish.answer, agrees(wish, subject)
        )
        conn.execute(SQL["add_decision_verdicts"], {"decision_id": key, "verdicts": verdicts})
        conn.execute(SQL["add_decision_taken_faces"], {"decision_id": key, "taken": taken})
        decided[k] = Decided(key, batch, wish.scan_id, wish.rank, tuple(verdicts), lasts[k])
    return [replace(decided[k], seen=case.last_word(conn, wish.scan_id, wish.rank)) for k, wish in enumerate(wishes)]


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
    """The answer with what its finding proposes: where a stray belongs, and of copies in two folders which one stays, where that
    can be told."""
    subject = _subject(conn, wish)
    if wish.answer == "wrong-identity" and subject.kind in ("stray", "mixed"):
        return replace(wish, target=subject.identity_b)
    if wish.answer == "duplicate" and len({image.identity_id for image in subject.own} - {None}) > 1:
        return replace(wish, stays=which_stay(conn, wish.scan_id, [wish.rank]).get(wish.rank))
    return wish


def settled(before: Stand, now: Stand, asked: Container[int]) -> tuple[int, ...]:
    """The ranks that are decided now and were not before, besides those that were asked about."""
    return tuple(sorted(rank for rank in {*now.ranks("decided")} - {*before.ranks("decided")} if rank not in asked))


def undo(conn: Connection, sitting_id: int, reviewer: str) -> Undone:
    """Take back the newest decisions of a sitting that were made together.

    Verdicts are only ever added: what stood before is said again in the name of its reviewer, else it is withdrawn. Raises
    NotFoundError when there is nothing left, and ConflictError where somebody said something of the same since.
    """
    wait_briefly(conn, _PATIENCE_SECONDS)
    conn.execute(SQL["alone"])
    decisions = conn.execute(SQL["newest_batch"], {"sitting_id": sitting_id}).fetchall()
    if not decisions:
        raise NotFoundError("There is nothing to undo: you have decided nothing in this session.")
    count, back = 0, set[int]()
    for decision_id, _, _ in decisions:
        for verdict, newest, before, before_says, newest_by in conn.execute(
            SQL["verdicts_of"], {"decision_id": decision_id}
        ).fetchall():
            # Of what was said twice in one stroke the later is taken back first.
            if newest != verdict and newest not in back:
                raise ConflictError(f"{display(newest_by)} has decided on the same since, so this is not undone.")
            if before is None or before_says == "withdrawn":
                row = conn.execute(SQL["withdraw"], {"verdict_id": verdict, "said_by": reviewer}).fetchone()
            else:
                row = conn.execute(SQL["restate"], {"verdict_id": before}).fetchone()
            back.add(int(row[0]) if row else 0)
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
            raise ConflictError(f"{display(newest_by)} has taken another face since, so this is not undone.")
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


def _subject(conn: Connection, wish: Wish) -> Subject:
    row = conn.execute(case.SQL["subject"], {"scan_id": wish.scan_id, "rank": wish.rank}).fetchone()
    if row is None:
        raise NotFoundError(f"Scan {wish.scan_id} has no finding {wish.rank}.")
    faces = conn.execute(case.SQL["finding_faces"], {"scan_id": wish.scan_id, "rank": wish.rank})
    return Subject(
        row[0], row[1], row[2], row[3], _images(conn, [face for face, role in faces if role in ("wrong", "copy")])
    )


def _images(conn: Connection, faces: Sequence[int]) -> list[Image]:
    if not faces:
        return []
    found = {row[0]: Image(*row) for row in conn.execute(SQL["images_of_faces"], {"ids": list(faces)})}
    missing = [key for key in faces if key not in found]
    if missing:
        raise NotFoundError(f"There is no face {missing[0]} any more: look at the case again.")
    images = {found[key].id: found[key] for key in faces}
    for image in images.values():
        if image.status != "ready" or not image.known:
            raise UsageError(f"{shown(image.path)} is gone, so nothing can be said of it.")
    return list(images.values())


def _named(conn: Connection, wish: Wish, subject: Subject) -> Wish:
    """The answer with whom the finding names, or for a newcomer a free name, where the reviewer named nobody."""
    if wish.target is not None or wish.faces or wish.answer not in ("same", "wrong-identity"):
        return wish
    if subject.kind == "unlabelled":
        return replace(wish, target=subject.identity_a)
    (dataset_id,) = find_datasets(conn, [subject.dataset]) or (0,)
    return replace(wish, target=people.make(conn, dataset_id, people.free_name(conn, subject.dataset)))


def _say(conn: Connection, one: Says, reviewer: str, note: str | None) -> int:
    if one.kind == "link":
        return decision_rows.say_link(conn, one.verdict, one.a, one.b, target=one.target, note=note, said_by=reviewer)
    if one.kind == "pair":
        return decision_rows.say_pair(conn, one.verdict, one.a, one.b, note=note, said_by=reviewer)
    return decision_rows.say_face(conn, one.verdict, one.a, target=one.target, note=note, said_by=reviewer)


def _who_said(conn: Connection, wish: Wish, last: int) -> str:
    row = conn.execute("select said_by, verdict from facedb.verdict where id = %s", (last,)).fetchone()
    by, verdict = row or ("Somebody", "something")
    return f"{display(by)} said {verdict} of finding {wish.rank} while you looked at it."
