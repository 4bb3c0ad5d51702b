"""What `plan --auto` makes of findings: only certain ones, never a chain, and never against what a person said."""

from __future__ import annotations

import numpy as np
import pytest

from facedb.core.progress import Silent
from facedb.db.connection import Database
from facedb.review.answers.answer import Answer, answer
from facedb.review.plans.plan import make_plan
from facedb.review.verdicts import Statement, say
from facedb.scan.run import ScanOptions, scan
from tests.db.population import Population
from tests.vectors import unit


@pytest.fixture
def folders(database: Database) -> Database:
    """Five identities of two images each, far from each other, scanned; findings are for the test to write."""
    vectors = unit(np.random.default_rng(3).standard_normal((10, 64)))
    Population(database, 64).add(vectors, [name for name in "abcde" for _ in range(2)])
    scan(database, ScanOptions(0.9, engine="exact"), reporter=Silent())
    with database.connection() as conn:
        conn.execute("delete from facedb.finding")
    return database


def _find(db: Database, kind: str, confidence: float, a: str, b: str | None = None, *, images: int = 0) -> None:
    """Write a finding as a scan does, on the first ``images`` images of ``a``."""
    with db.connection() as conn:
        rank = conn.execute("select count(*) + 1 from facedb.finding").fetchone()
        conn.execute(
            "insert into facedb.finding (scan_id, rank, class, confidence, identity_a, identity_b, faces_a, faces_b, size_a,"
            " size_b, detail) select 1, %s, %s, %s, a.id, b.id, 2, 0, 2, 0, 'written by a test' from facedb.identity a"
            " left join facedb.identity b on b.name = %s where a.name = %s",
            [*(rank or ()), kind, confidence, b, a],
        )
        conn.execute(
            "insert into facedb.finding_face (scan_id, rank, face_id, role) select 1, %s, f.id, %s from facedb.face f"
            " join facedb.image i on i.id = f.image_id join facedb.identity n on n.id = i.identity_id"
            " where n.name = %s order by f.id limit %s",
            [*(rank or ()), "copy" if kind == "duplicate" else "wrong", a, images],
        )


def _steps(db: Database) -> set[tuple[str, str | None, str | None]]:
    return {(step.action, step.name_from, step.name_to) for step in make_plan(db, auto=True).steps}


def test_certain_findings_become_steps_and_others_do_not(folders: Database) -> None:
    _find(folders, "merge", 0.99, "a", "b")
    _find(folders, "merge", 0.94, "a", "c")
    _find(folders, "stray", 0.99, "d", "e", images=1)
    _find(folders, "stray", 0.99, "c", images=1)
    _find(folders, "duplicate", 0.99, "e", images=2)
    _find(folders, "look-alike", 0.99, "c", "d")
    _find(folders, "mixed", 0.99, "c", images=1)
    assert _steps(folders) == {
        ("merge", "b", "a"),
        ("move", "d", "e"),
        ("quarantine", "c", None),
        ("drop", "e", None),
    }
    view = make_plan(folders, auto=True)
    assert {step.verdict_id for step in view.steps} == {None}
    assert "finding 1 of scan 1 (confidence 0.990)" in view.steps[0].reason
    assert make_plan(folders).steps == ()


def test_a_chain_of_certain_merges_is_not_sold_as_one_person(folders: Database) -> None:
    _find(folders, "merge", 0.99, "a", "b")
    _find(folders, "merge", 0.98, "b", "c")
    _find(folders, "merge", 0.97, "d", "e")
    view = make_plan(folders, auto=True)
    assert {(step.name_from, step.name_to) for step in view.steps} == {("e", "d")}
    assert view.remarks[:1] == (
        "Not merged: a, b, c; they are certain as a chain, but not pair by pair. Say which are the same.",
    )
    _find(folders, "merge", 0.96, "a", "c")
    assert _steps(folders) == {("merge", "b", "a"), ("merge", "c", "a"), ("merge", "e", "d")}


def test_what_people_called_the_same_counts_as_one_and_what_they_called_different_wins(folders: Database) -> None:
    say(folders, [Statement("link", "a", "same", "b", by="eve")])
    _find(folders, "merge", 0.99, "b", "c")
    assert _steps(folders) == {("merge", "b", "a"), ("merge", "c", "a")}
    _find(folders, "merge", 0.99, "a", "c")
    say(folders, [Statement("link", "c", "different", "b", by="eve")])
    assert _steps(folders) == {("merge", "b", "a")}
    say(folders, [Statement("link", "c", "unsure", "b", by="eve"), Statement("link", "a", "different", "c", by="eve")])
    assert _steps(folders) == {("merge", "b", "a")}, "nor by another finding of the same person"
    say(folders, [Statement("link", "c", "unsure", "b", by="eve")])
    assert _steps(folders) == {("merge", "b", "a")}, "unsure is no yes either"


def test_photos_of_several_people_and_newcomers_are_left_to_people_and_counted(folders: Database) -> None:
    _find(folders, "stray", 0.99, "a", "b", images=2)
    _find(folders, "newcomer", 0.99, "c", images=2)
    with folders.connection() as conn:
        conn.execute(
            "insert into facedb.face (image_id, detection, ordinal, box) select image_id, detection, 1, '{0,0,9,9}' from facedb.face"
            " where id = (select min(face_id) from facedb.finding_face where rank = 1)"
        )
    view = make_plan(folders, auto=True)
    assert [(step.action, step.name_from, step.name_to) for step in view.steps] == [("move", "a", "b")]
    left_out = (
        "Left out: 1 photo of certain findings shows several people, and 1 certain newcomer has no name yet;"
        " decide with `facedb review`."
    )
    assert view.remarks[0] == left_out
    with folders.connection() as conn:
        (path,) = conn.execute("select path from facedb.image order by id limit 1").fetchone() or ()
    say(folders, [Statement("face", path, "unsure", by="eve")])
    assert (
        make_plan(folders, auto=True).remarks[0]
        == "Left out: 1 certain newcomer has no name yet; decide with `facedb review`."
    )


def test_nothing_is_done_to_people_whom_nobody_is_to_be_asked_about(folders: Database) -> None:
    _find(folders, "merge", 0.99, "a", "b")
    _find(folders, "merge", 0.98, "c", "d")
    with folders.connection() as conn:
        conn.execute(
            "insert into facedb.hidden_identity (identity_id, hidden_by) select id, 'eve' from facedb.identity where name = 'b'"
        )
    assert _steps(folders) == {("merge", "d", "c")}
    assert make_plan(folders, auto=True).remarks[0] == (
        "Left out: 1 certain finding names people hidden from review; decide with `facedb review`."
    )
    say(folders, [Statement("link", "a", "same", "b", by="eve")])
    assert _steps(folders) == {("merge", "b", "a"), ("merge", "d", "c")}, "what a person says is done"


def test_that_an_odd_photo_was_seen_takes_nothing_back_of_what_was_said_of_its_label(folders: Database) -> None:
    _find(folders, "stray", 0.5, "d", "e", images=1)
    _find(folders, "photo", 0.5, "d", images=1)
    answer(folders, [Answer(1, "accept")])
    (seen,) = answer(folders, [Answer(2, "accept")])
    assert seen.verdicts == ()
    assert seen.says.endswith("seen, and what was said of it stands")
    assert _steps(folders) == {("move", "d", "e")}
    (denied,) = answer(folders, [Answer(1, "reject")])
    (seen,) = answer(folders, [Answer(2, "accept")])
    assert len(denied.verdicts) == len(seen.verdicts) == 1
    assert _steps(folders) == set()
    both = [Answer(2, "accept"), Answer(1, "accept")]
    for answers in (both, both[::-1]):
        answer(folders, [Answer(1, "reject")])
        assert [one.rank for one in answer(folders, answers)] == [one.rank for one in answers]
        assert _steps(folders) == {("move", "d", "e")}, "nor where both are said at once, in whatever order"
