"""Plans: what verdicts become, and what is left out of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from facedb.core.errors import ConflictError, NotFoundError
from facedb.dataset.ingest import ingest
from facedb.db.connection import Database
from facedb.review.files.apply import apply, undo
from facedb.review.plans.plan import make_plan, plans
from facedb.review.verdicts import Statement
from facedb.web.data.plans import picture
from tests.acceptance.plans.judged import EXPECTED, SILENT, eve_says
from tests.acceptance.trees import PEOPLE, grow, look, png, take


def test_verdicts_become_steps_and_no_file_is_touched(database: Database, root: Path) -> None:
    before = look(root)
    view = make_plan(database)
    assert [(s.action, s.path_from, s.path_to) for s in view.steps] == EXPECTED
    assert view.remarks == ()
    assert look(root) == before
    assert make_plan(database).plan.id == view.plan.id, "the same plan is not made twice"
    eve_says(database, Statement("face", "bob/nobody.png", "same"))
    assert make_plan(database).plan.id != view.plan.id


@pytest.mark.usefixtures("root")
def test_where_nothing_is_to_be_done_no_plan_is_made(database: Database) -> None:
    apply(database, make_plan(database).plan.id, yes=True, reporter=SILENT)
    view, made = make_plan(database), plans(database)
    assert (view.kept, view.steps) == (None, ())
    with pytest.raises(NotFoundError, match="No plan was made: the verdicts call for nothing"):
        _ = view.plan
    assert len(made) == 1


def test_the_folder_that_holds_the_file_can_be_the_identity(database: Database, tmp_path: Path) -> None:
    from facedb.sources.options import SourceOptions

    root = tmp_path / "years"
    grow(
        root,
        {
            f"{year}/{who}/{n}.png": png(f"{year}{who}{n}")
            for year in (2024, 2025)
            for who in ("x", "y")
            for n in (1, 2)
        },
    )
    options = SourceOptions(identity_from="parent")
    ingest(database, root, dataset="years", options=options, reporter=SILENT)
    eve_says(database, Statement("link", "x", "same", "y"))
    view = make_plan(database)
    assert {(s.path_from, s.path_to) for s in view.steps} == {
        ("2024/y/1.png", "2024/x/1-2.png"),
        ("2024/y/2.png", "2024/x/2-2.png"),
        ("2025/y/1.png", "2024/x/1-3.png"),
        ("2025/y/2.png", "2024/x/2-3.png"),
    }
    before = look(root)
    apply(database, view.plan.id, yes=True, reporter=SILENT)
    found = ingest(database, root, dataset="years", options=options, reporter=SILENT)
    assert (found.new, found.changed, found.moved, found.vanished, found.identities) == (0, 0, 0, 0, 1)
    undo(database, view.plan.id, yes=True, reporter=SILENT)
    assert look(root) == before


@pytest.mark.usefixtures("root")
def test_what_contradicts_itself_is_said_and_left_out(database: Database) -> None:
    eve_says(
        database,
        Statement("link", "anna", "same", "cid"),
        Statement("link", "ann", "different", "cid"),
        Statement("pair", "bob/1.png", "unsure", "bob/twice.png"),
        Statement("pair", "ann/1.png", "duplicate", "bob/twice.png"),
        Statement("face", "bob/nobody.png", "same"),
    )
    view = make_plan(database)
    assert [s.action for s in view.steps] == ["move"]
    assert any("ann = anna = cid, but ann ≠ cid" in remark for remark in view.remarks)
    assert any("duplicates under different identities" in remark for remark in view.remarks)


def test_an_image_goes_where_the_image_that_it_was_called_the_same_as_is(database: Database, root: Path) -> None:
    eve_says(
        database,
        Statement("face", "cid/only.png", "wrong-identity"),
        Statement("pair", "cid/only.png", "same", "anna/1.png"),
    )
    (step,) = [s for s in make_plan(database).steps if s.path_from == "cid/only.png"]
    assert (step.action, step.name_to) == ("move", "ann"), "anna is merged into ann, so it goes there at once"
    apply(database, make_plan(database).plan.id, yes=True, reporter=SILENT)
    assert (root / "ann" / "only.png").read_bytes() == PEOPLE["cid/only.png"]


def test_of_duplicates_the_largest_stays_and_never_all_go(database: Database, tmp_path: Path) -> None:
    root = tmp_path / "copies"
    grow(root, {"ann/a.png": png("x"), "ann/b.png": png("x") + b"more", "ann/c.png": png("x") + b"mo"})
    take(database, root, "copies")
    pairs = (("a", "b"), ("b", "c"), ("a", "c"))
    eve_says(database, *(Statement("pair", f"ann/{a}.png", "duplicate", f"ann/{b}.png") for a, b in pairs))
    assert [s.path_from for s in make_plan(database).steps] == ["ann/a.png", "ann/c.png"]


def _copies(db: Database, root: Path, *names: str) -> None:
    """Photos of one folder, the earlier in ``names`` the larger."""
    grow(root, {f"ann/{name}.png": png("x") + b"." * (len(names) - n) for n, name in enumerate(names)})
    take(db, root, "copies")


def _copied(*pairs: str) -> list[Statement]:
    return [Statement("pair", f"ann/{pair[0]}.png", "duplicate", f"ann/{pair[1]}.png") for pair in pairs]


def test_each_copy_of_a_folder_is_shown_with_the_photo_that_it_is_a_copy_of(database: Database, tmp_path: Path) -> None:
    _copies(database, tmp_path / "copies", *"abcd")
    eve_says(database, *_copied("ac", "bd"))
    view = make_plan(database)
    with database.connection() as conn:
        shown = [(step.path_from, step.reason) for way in picture(conn, view).groups for step in way.steps]
        ways = [{step.reason for step in way.steps} for way in picture(conn, view).groups]
    assert shown == [(s.path_from, s.reason) for s in view.steps]
    assert shown == [
        ("ann/c.png", "a duplicate of ann/a.png, says eve"),
        ("ann/d.png", "a duplicate of ann/b.png, says eve"),
    ]
    assert ways == [{shown[0][1]}, {shown[1][1]}], (
        "a way is shown with one reason, which has to be that of all its photos"
    )


def test_copies_in_a_chain_all_go_for_the_one_that_stays(database: Database, tmp_path: Path) -> None:
    _copies(database, tmp_path / "copies", *"abc")
    eve_says(database, *_copied("cb", "ba"))
    view = make_plan(database)
    stays = {f"ann/{name}.png" for name in "abc"} - {s.path_from for s in view.steps}
    assert stays == {"ann/a.png"}
    assert {s.reason for s in view.steps} == {"a duplicate of ann/a.png, says eve"}
    assert len({s.kept_image for s in view.steps}) == 1
    assert {s.kept_image for s in view.steps}.isdisjoint(s.image_id for s in view.steps)


def test_a_chain_of_copies_whose_ends_were_called_two_photos_is_left_alone(database: Database, tmp_path: Path) -> None:
    _copies(database, tmp_path / "copies", *"abcde")
    eve_says(database, *_copied("ab", "bc", "de"), Statement("pair", "ann/a.png", "same", "ann/c.png"))
    view = make_plan(database)
    assert [s.path_from for s in view.steps] == ["ann/e.png"]
    assert view.remarks[0].startswith("ann/a.png and ann/c.png were called two photos")


@pytest.mark.parametrize("others", ["a", "ab"])
def test_what_else_is_said_of_the_copy_that_stays_never_takes_out_the_last(
    database: Database, tmp_path: Path, others: str
) -> None:
    _copies(database, tmp_path / "copies", *"ab")
    eve_says(database, *_copied("ab"), *(Statement("face", f"ann/{name}.png", "duplicate") for name in others))
    view = make_plan(database)
    assert len(view.steps) == 1
    assert all(s.kept_image != s.image_id for s in view.steps)
    assert bool(view.remarks) == (len(others) == 2)


@pytest.mark.usefixtures("root")
def test_identities_of_two_datasets_are_never_merged(database: Database, tmp_path: Path) -> None:
    grow(tmp_path / "other", {"zed/1.png": png("zed")})
    take(database, tmp_path / "other", "other")
    eve_says(database, Statement("link", "zed", "same", "cid"))
    view = make_plan(database)
    assert "zed/1.png" not in {s.path_from for s in view.steps}
    assert any("different datasets" in remark for remark in view.remarks)


@pytest.mark.usefixtures("root")
def test_a_plan_that_is_not_there_or_does_nothing_yet_is_refused(database: Database) -> None:
    with pytest.raises(NotFoundError, match="no plan 99"):
        apply(database, 99, reporter=SILENT)
    plan = make_plan(database).plan.id
    with pytest.raises(ConflictError, match="nothing was done"):
        undo(database, plan, reporter=SILENT)
