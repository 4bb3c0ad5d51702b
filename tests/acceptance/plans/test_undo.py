"""Plans taken back: every file, to the last byte, also half way and after other changes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from facedb.core.errors import ConflictError, InputError, NotFoundError
from facedb.dataset.ingest import ingest
from facedb.db.connection import Database
from facedb.review.files.apply import apply, undo
from facedb.review.plans import plan_rows
from facedb.review.plans.plan import make_plan, plan_meant, plans, show_plan
from tests.acceptance.plans.judged import EXPECTED, SILENT, unchanged
from tests.acceptance.trees import look, rows, take


@pytest.mark.parametrize("hard_links", [True, False])
def test_after_apply_disk_and_table_agree_and_undo_restores_everything(
    database: Database, root: Path, hard_links: bool
) -> None:
    before, table = look(root), rows(database)
    plan = make_plan(database).plan.id
    assert apply(database, plan, yes=True, hard_links=hard_links, reporter=SILENT).plan.state == "applied"
    after = look(root)
    for _, path_from, path_to in EXPECTED:
        assert path_from not in after
        assert after[path_to] == before[path_from], "mode, time and bytes travel along"
    assert "anna" not in after, "a folder that the plan emptied is gone"
    assert after["cid/notes.txt"] == before["cid/notes.txt"]
    assert unchanged(database, root)
    assert make_plan(database).steps == (), "what is done is not planned again"
    assert apply(database, plan, yes=True, reporter=SILENT).changed == 0, "applying twice does nothing"
    assert undo(database, plan, reporter=SILENT).dry
    assert look(root).keys() == after.keys()
    assert undo(database, plan, yes=True, hard_links=hard_links, reporter=SILENT).plan.state == "undone"
    assert look(root) == before
    assert rows(database) == table
    assert unchanged(database, root)
    assert [row.state for row in plans(database)][-1] == "undone"


def test_undo_after_a_prune_brings_the_files_back_and_ingest_takes_them_as_new(database: Database, root: Path) -> None:
    before = look(root)
    plan = make_plan(database).plan.id
    apply(database, plan, yes=True, reporter=SILENT)
    assert ingest(database, root, dataset="people", prune=True, reporter=SILENT).pruned == 2
    undo(database, plan, yes=True, reporter=SILENT)
    assert look(root) == before
    assert take(database, root).new == 2


@pytest.mark.usefixtures("root")
def test_the_plan_that_nobody_names_is_the_newest_to_apply_and_the_one_applied_last_to_undo(database: Database) -> None:
    def meant(*, undo: bool) -> int | None:
        try:
            return plan_meant(database, undo=undo)
        except NotFoundError:
            return None

    first = make_plan(database).plan.id
    assert (meant(undo=False), meant(undo=True)) == (first, None)
    apply(database, first, yes=True, labels_only=True, reporter=SILENT)
    assert (meant(undo=False), meant(undo=True)) == (None, first)
    with database.connection() as conn:
        again = "insert into facedb.plan (created_by, auto, state, labels_only, applied_at) values ('ann', false, %s, %s, %s) returning id"
        later = conn.execute(again, ("applied", True, "2001-01-01")).fetchone()
        assert plan_rows.plan_meant(conn, undo=True) == first, "what counts is when it was applied"
        begun = conn.execute(again, ("applying", True, None)).fetchone()
        conn.execute(again, ("proposed", None, None))
        assert (plan_rows.plan_meant(conn, undo=False),) == (plan_rows.plan_meant(conn, undo=True),) == begun != later


def test_a_file_that_came_to_the_old_place_meanwhile_stops_an_undo(database: Database, root: Path) -> None:
    plan = make_plan(database).plan.id
    apply(database, plan, yes=True, reporter=SILENT)
    (root / "bob" / "stray.png").write_bytes(b"new here")
    after = look(root)
    with pytest.raises(ConflictError, match=r"bob/stray\.png"):
        undo(database, plan, yes=True, reporter=SILENT)
    assert look(root) == after


@pytest.mark.parametrize("labels_only", [False, True])
def test_a_plan_that_was_undone_can_be_carried_out_again_and_undone_again(
    database: Database, root: Path, labels_only: bool
) -> None:
    before, table = look(root), rows(database)
    plan = make_plan(database).plan.id
    after = None
    for _ in range(2):
        assert apply(database, plan, yes=True, labels_only=labels_only, reporter=SILENT).plan.state == "applied"
        now = {path: seen[2] for path, seen in look(root).items()}, rows(database)
        after = after or now
        assert now == after
        assert undo(database, plan, yes=True, reporter=SILENT).plan.state == "undone"
        assert (look(root), rows(database)) == (before, table)
        dry = apply(database, plan, labels_only=labels_only, reporter=SILENT)
        assert (dry.dry, dry.changed) == (True, len(EXPECTED))
        assert show_plan(database, plan).plan.state == "undone", "a dry run leaves the plan as it is"


def test_a_plan_that_is_half_undone_can_go_forward_again(
    database: Database, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = look(root)
    plan = make_plan(database).plan.id
    apply(database, plan, yes=True, reporter=SILENT)
    after = look(root)

    def stop(point: str) -> None:
        stop.left -= point == "step undone"  # type: ignore[attr-defined]
        if not stop.left:  # type: ignore[attr-defined]
            raise KeyboardInterrupt

    stop.left = 3  # type: ignore[attr-defined]
    monkeypatch.setattr("facedb.review.files.carrying.reached", stop)
    with pytest.raises(KeyboardInterrupt):
        undo(database, plan, yes=True, reporter=SILENT)
    monkeypatch.undo()
    assert show_plan(database, plan).plan.state == "undoing"
    assert apply(database, plan, yes=True, reporter=SILENT).plan.state == "applied"
    assert {path: seen[2] for path, seen in look(root).items()} == {path: seen[2] for path, seen in after.items()}
    undo(database, plan, yes=True, reporter=SILENT)
    assert look(root) == before


def test_a_folder_that_was_read_only_takes_its_files_back_before_it_is_read_only_again(
    database: Database, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root may write anywhere, so a stand-in refuses what the mode of the folder would refuse to anybody else."""
    for folder in ("bob", "anna", "anna/deep"):
        (root / folder).chmod(0o555)
    before = look(root)
    plan = make_plan(database).plan.id
    monkeypatch.setattr("facedb.review.files.safe_moves.Tree.check_writable", lambda *_: None)
    link = os.link

    def refuse(source: str, target: str, **options: Any) -> None:
        for key in ("src_dir_fd", "dst_dir_fd"):
            if not os.fstat(options[key]).st_mode & 0o200:
                raise PermissionError(13, "Permission denied")
        link(source, target, **options)

    monkeypatch.setattr("facedb.review.files.safe_moves._NO_LINKS_HERE", ())
    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(InputError, match="cannot be moved") as caught:
        apply(database, plan, yes=True, reporter=SILENT)
    assert f"facedb undo {plan} --yes" in str(caught.value)
    for folder in ("anna/deep", "anna", "bob"):
        (root / folder).chmod(0o755)
    apply(database, plan, yes=True, reporter=SILENT)
    assert undo(database, plan, yes=True, reporter=SILENT).plan.state == "undone"
    assert look(root) == before
    for folder in ("anna/deep", "anna", "bob"):
        (root / folder).chmod(0o755)
