"""Answers to findings: what accepting or rejecting a statement says in verdicts.

========== =============================== ============================================ =======================
class      accept                          reject                                       unsure
========== =============================== ============================================ =======================
merge      the two are one person          the two are different people                 said of the link
look-alike the two are different people    the two are one person                       said of the link
stray      each image carries the wrong    each image carries the right label           said of each image
           label and belongs to the other
mixed      the same of the second group    the same of the second group                 said of each image
duplicate  the copies are one photo, and   they are two photos, and their labels stand  said of each pair
           those in a folder that it does
           not fit go
photo      seen: its label stands, unless  the same                                     said of the image
           somebody said otherwise
unlabelled the photo is of the identity    it stays without a label                     said of the image
newcomer   the photos are of a new person  each stays without a label                   said of each image
========== =============================== ============================================ =======================

Where images belong, `Answer.to` may name somebody else, also a person who does not exist yet; a newcomer whom nobody names is called
``unknown 1``, ``unknown 2`` and so on.

An odd photo stays unless somebody gives a verdict on it (`facedb verdict face`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from facedb.core.choices import ending
from facedb.core.errors import ConflictError, NotFoundError, UsageError
from facedb.core.files.paths import display
from facedb.core.machine.user_name import user_name
from facedb.db.connection import Connection, Database
from facedb.review import decision_rows, people
from facedb.review.answers import answer_rows
from facedb.review.answers.answer_rows import AnswerableFinding
from facedb.scan.findings.lessons import learn_in
from facedb.scan.which_scan import find_scan

ANSWERS = ("accept", "reject", "unsure")
MOST = 100_000
"""A range names at most so many findings: a slip of the finger should not be worked through."""

_OUTSIDE = ("unlabelled", "newcomer")
_LINKS = {"same": {"merge": "accept", "look-alike": "reject"}, "different": {"merge": "reject", "look-alike": "accept"}}
_SAID = {
    "accept": "accept accepted yes y true 1 ok right correct agree ✓ ✔ ja oui wahr vrai",
    "reject": "reject rejected no n false 0 incorrect disagree ✗ ✘ nein non falsch faux",
    "unsure": "unsure ? maybe unknown",
}
_WORDS = {word: answer for answer, words in _SAID.items() for word in words.split()}


@dataclass(frozen=True, slots=True)
class Answer:
    """What to say of one finding of a scan: ``word`` is one of `ANSWERS`; ``to``: where its images belong, by name, ``new``: also one that
    is a slip away from another."""

    rank: int
    word: str
    to: str | None = None
    note: str | None = None
    by: str | None = None
    new: bool = False


@dataclass(frozen=True, slots=True)
class Answered:
    """A finding that was answered: what that says, in a sentence, and the keys of its verdicts."""

    rank: int
    kind: str
    says: str
    verdicts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Says:
    """One verdict to write: of two identities (link), two images (pair) or an image (face) and where it belongs."""

    kind: str
    verdict: str
    a: int
    b: int = 0
    target: int | None = None


def numbers(words: Sequence[str]) -> list[int]:
    """The ranks that words such as ``12``, ``12-20`` and ``12-20,25`` name, each once; raises UsageError."""
    found: dict[int, None] = {}
    for part in (part.strip() for word in words for part in word.split(",")):
        low, dash, high = part.partition("-")
        first, last = low.strip(), (high if dash else low).strip()
        if not part:
            continue
        if not (first.isascii() and first.isdigit() and last.isascii() and last.isdigit()):
            raise UsageError(f"{part!r} is not the number of a finding: write 12, 12-20 or 12-20,25.")
        if not 0 < int(first) <= int(last):
            raise UsageError(f"{part!r} names no finding: ranks count from 1, and a range goes up.")
        if int(last) - int(first) >= MOST:
            raise UsageError(f"{part!r} names more than {MOST:,} findings: name fewer at a time.")
        found |= dict.fromkeys(range(int(first), int(last) + 1))
    if not found:
        raise UsageError("Name the findings by their ranks, such as 12 or 12-20,25.")
    return list(found)


def word_for(kind: str, said: str) -> str | None:
    """Which of `ANSWERS` the word ``said`` means beside a finding of class ``kind``: a plain yes or no, or the verdict
    itself; None for a word that says neither."""
    word = " ".join(said.strip().casefold().replace("_", " ").split())
    if word in ("same", "different") and kind in ("merge", "look-alike"):
        return _LINKS[word][kind]
    if word in ("wrong identity", "wrong-identity") and kind in ("stray", "mixed", *_OUTSIDE):
        return "accept"
    if word == "duplicate" and kind == "duplicate":
        return "accept"
    if word in ("same", "different") and kind == "duplicate":
        return "reject"
    if word == "same":
        return "reject"
    return _WORDS.get(word)


def answer(
    db: Database, answers: Sequence[Answer], *, scan: int | None = None, dataset: str | None = None
) -> list[Answered]:
    """Say what answers to findings of a scan (default: the newest) mean, all of it or nothing.

    Raises NotFoundError for ranks and names that are not there, UsageError for an answer that says nothing of its finding, and
    ConflictError where the images of a finding have moved since its scan.
    """
    with db.connection() as conn:
        scan_id = find_scan(conn, scan, [dataset]).scan.id
        found = answer_rows.answerable(conn, scan_id, [one.rank for one in answers])
        missing = [one.rank for one in answers if one.rank not in found]
        if missing:
            raise NotFoundError(f"Scan {scan_id} has no finding {missing[0]}: see `facedb findings --all`.")
        about_labels = [one for one in answers if found[one.rank].kind != "photo"]
        done = {one: _answer(conn, found[one.rank], one, dataset) for one in about_labels}
        # That a photo was seen takes nothing back of what is said of its label, here as well.
        seen = [one for one in answers if one not in done]
        found |= answer_rows.answerable(conn, scan_id, [one.rank for one in seen])
        done |= {one: _answer(conn, found[one.rank], one, dataset) for one in seen}
    learn_in(db)
    return [done[one] for one in answers]


def meanings(conn: Connection, scan_id: int, ranks: Sequence[int]) -> dict[int, dict[str, str]]:
    """What each answer would say of findings of a scan, in a sentence without its full stop, by rank and answer."""
    return {
        rank: {word: _sentence(finding, word, proposed(conn, finding)) for word in ANSWERS}
        for rank, finding in answer_rows.answerable(conn, scan_id, ranks).items()
    }


def proposed(conn: Connection, finding: AnswerableFinding) -> str | None:
    """Whose the images of a finding are unless somebody says otherwise."""
    if finding.kind == "newcomer":
        return people.free_name(conn, finding.dataset)
    return finding.name_a if finding.kind == "unlabelled" else finding.name_b


def _answer(conn: Connection, finding: AnswerableFinding, given: Answer, dataset: str | None) -> Answered:
    if given.word not in ANSWERS:
        raise UsageError(
            f"Of a finding one can say {', '.join(ANSWERS)}; not {given.word!r}{ending(given.word, ANSWERS)}"
        )
    for image in finding.images:
        if image.status != "ready" or not image.known:
            raise ConflictError(f"Finding {given.rank}: {display(image.path)} is gone: scan again.")
        had = None if finding.kind in _OUTSIDE else finding.identity_a
        if finding.kind in ("stray", "mixed", *_OUTSIDE) and image.identity_id != had:
            raise ConflictError(f"Finding {given.rank}: {display(image.path)} now has another label: scan again.")
    target = finding.identity_a if finding.kind == "unlabelled" else finding.identity_b
    name = finding.name_a if finding.kind == "unlabelled" else finding.name_b
    if given.to is not None or (finding.kind == "newcomer" and given.word == "accept"):
        if finding.kind not in ("stray", "mixed", *_OUTSIDE) or given.word != "accept":
            raise UsageError(
                "--to says where the images of an accepted stray, mixed folder, unlabelled photo or newcomer belong; "
                f"{given.rank} is a {finding.kind}."
            )
        name = given.to or people.free_name(conn, finding.dataset)
        target = people.find_or_make(conn, name, finding.dataset, asked=dataset or finding.dataset, new=given.new)
        if target == finding.identity_a and finding.kind not in _OUTSIDE:
            raise UsageError(
                f"Finding {given.rank}: its images are labelled {display(name)} already; name another identity."
            )
    by = given.by or user_name()
    keys = tuple(_say(conn, one, given.note, by) for one in meaning(finding, given.word, target))
    return Answered(given.rank, finding.kind, _sentence(finding, given.word, name), keys)


def meaning(finding: AnswerableFinding, word: str, target: int | None) -> Iterator[Says]:
    """The verdicts that ``word`` makes of a finding; ``target`` is where wrong images belong (None: nobody knows)."""
    if finding.kind in ("merge", "look-alike"):
        one_person = (word == "accept") == (finding.kind == "merge")
        verdict = word if word == "unsure" else "same" if one_person else "different"
        yield Says("link", verdict, finding.identity_a, finding.identity_b or 0)
    elif finding.kind == "duplicate":
        for one, other in pairwise(finding.images):
            # Two photos say no more than their labels did: one person in one folder, two in two; without a label, nothing of persons.
            two = "same" if one.identity_id == other.identity_id is not None else "different"
            yield Says("pair", {"accept": "duplicate", "reject": two}.get(word, word), one.id, other.id)
        for image in finding.images if finding.home is not None else ():
            goes = word == "accept" and image.identity_id != finding.home
            yield Says("face", "duplicate" if goes else "unsure" if word == "unsure" else "same", image.id)
    else:
        # That a photo was seen takes nothing back of what was said of its label.
        seen = finding.kind == "photo" and word != "unsure"
        for image in finding.images:
            if seen and image.moved:
                continue
            accepted = word == "accept" and finding.kind != "photo"
            verdict = "wrong-identity" if accepted else word if word == "unsure" else "same"
            yield Says("face", verdict, image.id, target=target if accepted else None)


def _say(conn: Connection, one: Says, note: str | None, by: str) -> int:
    if one.kind == "link":
        return decision_rows.say_link(conn, one.verdict, one.a, one.b, note=note, said_by=by)
    if one.kind == "pair":
        return decision_rows.say_pair(conn, one.verdict, one.a, one.b, note=note, said_by=by)
    return decision_rows.say_face(conn, one.verdict, one.a, target=one.target, note=note, said_by=by)


def _sentence(finding: AnswerableFinding, word: str, target: str | None) -> str:
    a = display(finding.name_a)
    b = None if target is None else display(target)
    paths = [display(image.path) for image in finding.images]
    shown = ", ".join(paths[:2]) + (f" and {len(paths) - 2:,} more" if len(paths) > 2 else "")
    if finding.kind in ("merge", "look-alike"):
        if word == "unsure":
            return f"whether {a} and {b} are one person is not known"
        one_person = (word == "accept") == (finding.kind == "merge")
        return f"{a} and {b} are {'one person' if one_person else 'different people'}"
    if finding.kind == "duplicate":
        named = {finding.identity_a: a, finding.identity_b: None if finding.name_b is None else display(finding.name_b)}
        said = {
            "accept": "one photo" if finding.home is None else f"one photo, of {named[finding.home]}",
            "reject": "different photos; their labels stay" if a else "different photos",
        }.get(word, "unsure: one photo or several")
        return f"{shown}: {said}"
    if finding.kind == "photo" and word != "unsure":
        label = "and what was said of it stands" if all(i.moved for i in finding.images) else f"and {a} as labelled"
        return f"{shown}: seen, {label}"
    if finding.kind in _OUTSIDE and word != "accept":
        stays = "stays without a label" if len(paths) == 1 else "each stays without a label"
        return f"{shown}: {stays if word == 'reject' else 'unsure who that is'}"
    if finding.kind in _OUTSIDE:
        return f"{shown} belong{'s' * (len(paths) == 1)} to {b}"
    if word != "accept":
        return f"{shown}: {f'of {a}, as labelled' if word == 'reject' else f'unsure whether of {a}'}"
    where = (
        f"belong{'s' * (len(paths) == 1)} to {b}"
        if b is not None
        else f"{'is' if len(paths) == 1 else 'are'} not {a}, and nobody said who"
    )
    split = f" ({a} is split: the other {finding.size_a - finding.faces_a:,} stay)" if finding.kind == "mixed" else ""
    return f"{shown} {where}{split}"
