"""Plans carried out on real files: what is refused before anything is touched, and that table and disk agree."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from facedb.core.errors import ConflictError, ExitCode, UsageError
from facedb.dataset.ingest import ingest
from facedb.db.connection import Database
from facedb.report.export import ExportOptions, export
from facedb.review.files import checkpoints
from facedb.review.files.apply import apply, undo
from facedb.review.plans.plan import make_plan, show_plan
from facedb.review.verdicts import Statement, listed
from tests.acceptance.plans.judged import EXPECTED, SILENT, eve_says, unchanged
from tests.acceptance.trees import PEOPLE, grow, look, png, rows, take


def test_apply_changes_nothing_until_it_is_told_to(database: Database, root: Path) -> None:
    before = look(root)
    plan = make_plan(database).plan.id
    outcome = apply(database, plan, reporter=SILENT)
    assert (outcome.dry, outcome.changed, outcome.plan.state) == (True, len(EXPECTED), "proposed")
    assert look(root) == before


def test_quarantined_images_are_gone_from_the_dataset_and_keep_their_verdicts(database: Database, root: Path) -> None:
    plan = make_plan(database).plan.id
    apply(database, plan, yes=True, reporter=SILENT)
    assert unchanged(database, root)
    with database.connection() as conn:
        found = conn.execute(
            "select path, file_status, detail from bi.files where path like '.facedb%' order by 1"
        ).fetchall()
    assert [row[:2] for row in found] == [
        (".facedb-quarantine/bob/1.png", "vanished"),
        (".facedb-quarantine/bob/nobody.png", "vanished"),
    ]
    assert found[1][2] == f"Taken out by plan {plan}: not bob, says eve."
    assert any(row.a == ".facedb-quarantine/bob/nobody.png" for row in listed(database, kind="face"))


def test_a_file_that_changed_since_the_plan_stops_everything_before_anything_is_touched(
    database: Database, root: Path
) -> None:
    plan = make_plan(database).plan.id
    (root / "bob" / "nobody.png").write_bytes(png("something else"))
    before = look(root)
    with pytest.raises(
        ConflictError, match=r"bob/nobody\.png changed since it was planned.*Nothing was changed"
    ) as caught:
        apply(database, plan, yes=True, reporter=SILENT)
    assert caught.value.exit_code is ExitCode.CONFLICT
    assert look(root) == before
    assert show_plan(database, plan).plan.state == "proposed"


def test_nothing_is_overwritten(database: Database, root: Path) -> None:
    plan = make_plan(database).plan.id
    (root / "ann" / "stray.png").write_bytes(b"mine")
    with pytest.raises(ConflictError, match=r"ann/stray\.png exists already"):
        apply(database, plan, yes=True, reporter=SILENT)
    assert (root / "ann" / "stray.png").read_bytes() == b"mine"
    eve_says(database, Statement("face", "bob/nobody.png", "unsure"))
    again = make_plan(database)
    assert ("bob/stray.png", "ann/stray-2.png") in {(s.path_from, s.path_to) for s in again.steps}
    apply(database, again.plan.id, yes=True, reporter=SILENT)
    assert (root / "ann" / "stray.png").read_bytes() == b"mine"


@pytest.mark.parametrize("victim", ["source", "folder", "target", "quarantine"])
def test_no_symbolic_link_leads_a_step_out_of_the_root(
    database: Database, root: Path, tmp_path: Path, victim: str
) -> None:
    plan = make_plan(database).plan.id
    outside = tmp_path / "outside"
    outside.mkdir()
    if victim == "source":
        shutil.move(root / "bob" / "stray.png", outside / "stray.png")
        (root / "bob" / "stray.png").symlink_to(outside / "stray.png")
    elif victim == "folder":
        shutil.move(root / "bob", outside / "bob")
        (root / "bob").symlink_to(outside / "bob")
    elif victim == "target":
        shutil.move(root / "ann", outside / "ann")
        (root / "ann").symlink_to(outside / "ann")
    else:
        (root / ".facedb-quarantine").symlink_to(outside)
    before, elsewhere = look(root), look(outside)
    with pytest.raises(ConflictError, match="symbolic link"):
        apply(database, plan, yes=True, reporter=SILENT)
    assert (look(root), look(outside)) == (before, elsewhere)


def test_a_label_that_changed_since_the_plan_stops_it(database: Database, root: Path) -> None:
    plan = make_plan(database).plan.id
    (root / "bob" / "stray.png").rename(root / "cid" / "stray.png")
    take(database, root)
    with pytest.raises(ConflictError, match="not what it was when planned"):
        apply(database, plan, yes=True, reporter=SILENT)


class Stopped(Exception):  # noqa: N818 - stands for a crash
    """Raised in place of a crash."""


@pytest.mark.parametrize("number", range(1, len(EXPECTED) + 1))
def test_an_ingest_between_a_crash_and_its_continuation_does_no_harm(
    database: Database, root: Path, number: int
) -> None:
    before, table = look(root), rows(database)
    plan = make_plan(database).plan.id
    left = [number]

    def crash(point: str) -> None:
        left[0] -= point == "before step"
        if not left[0]:
            raise Stopped

    checkpoints.watch(crash)
    try:
        with pytest.raises(Stopped):
            apply(database, plan, yes=True, reporter=SILENT)
    finally:
        checkpoints.watch(None)
    take(database, root)
    apply(database, plan, yes=True, reporter=SILENT)
    assert unchanged(database, root)
    assert make_plan(database).steps == ()
    undo(database, plan, yes=True, reporter=SILENT)
    assert look(root) == before
    assert unchanged(database, root)
    assert rows(database) == table


def test_files_that_are_no_images_stay_in_a_merged_folder_and_that_is_said(database: Database, root: Path) -> None:
    (root / "anna" / "broken.jpg").write_bytes(b"no image at all")
    take(database, root)
    view = make_plan(database)
    assert "1 file of anna is not a usable image and stays where it is." in view.remarks
    apply(database, view.plan.id, yes=True, reporter=SILENT)
    assert (root / "anna" / "broken.jpg").is_file()
    assert unchanged(database, root) is False, "it is still rejected"


def test_labels_only_changes_the_table_and_leaves_the_files_alone(database: Database, root: Path) -> None:
    before, table = look(root), rows(database)
    plan = make_plan(database).plan.id
    apply(database, plan, yes=True, labels_only=True, reporter=SILENT)
    assert look(root) == before
    labels = {row[1]: (row[2], row[4]) for row in rows(database)}
    assert labels["anna/1.png"] == ("ann", "person")
    assert labels["bob/nobody.png"] == (None, "person")
    assert labels["bob/twice.png"] == ("bob", "source")
    assert unchanged(database, root), "ingest leaves labels alone that a person set"
    assert {row[1]: (row[2], row[4]) for row in rows(database)} == labels
    undo(database, plan, yes=True, reporter=SILENT)
    assert rows(database) == table


@pytest.mark.usefixtures("root")
def test_images_in_a_container_can_be_relabelled_but_not_moved(database: Database, tmp_path: Path) -> None:
    export(database, "rec", tmp_path / "train.rec", options=ExportOptions(as_is=True), reporter=SILENT)
    ingest(database, tmp_path / "train.rec", dataset="packed", reporter=SILENT)
    eve_says(database, Statement("link", "packed/anna", "same", "packed/bob"))
    view = make_plan(database, dataset="packed")
    assert {(s.action, s.path_to) for s in view.steps} == {("merge", None)}
    assert not view.has_files
    with pytest.raises(UsageError, match="--labels-only"):
        apply(database, view.plan.id, yes=True, reporter=SILENT)
    assert apply(database, view.plan.id, yes=True, labels_only=True, reporter=SILENT).plan.state == "applied"
    found = ingest(database, tmp_path / "train.rec", dataset="packed", reporter=SILENT)
    assert (found.changed, found.identities) == (0, 3)


def test_names_that_are_not_utf_8_are_moved_like_others(database: Database, tmp_path: Path) -> None:
    root = tmp_path / "bytes"
    raw = os.fsdecode(b"caf\xe9")
    grow(root, {f"{raw}/\udcff.png": png("1"), f"{raw}/2.png": png("2"), "cafe/1.png": png("3")})
    take(database, root, "bytes")
    before = look(root)
    eve_says(database, Statement("link", raw, "same", "cafe"))
    plan = make_plan(database).plan.id
    apply(database, plan, yes=True, reporter=SILENT)
    assert (root / raw / "1.png").read_bytes() == png("3")
    assert take(database, root, "bytes").changed == 0
    undo(database, plan, yes=True, reporter=SILENT)
    assert look(root) == before


def test_the_kept_file_is_checked_as_the_dropped_one_is(database: Database, root: Path) -> None:
    """bob/1.png is dropped for bob/twice.png: whatever happens to that one stops the plan."""
    plan = make_plan(database).plan.id
    kept, data = root / "bob" / "twice.png", PEOPLE["bob/twice.png"]
    for spoil in (kept.unlink, lambda: kept.write_bytes(b"other bytes"), lambda: _link(kept, root / "bob" / "1.png")):
        spoil()
        before = look(root)
        with pytest.raises(ConflictError, match=r"twice\.png"):
            apply(database, plan, yes=True, reporter=SILENT)
        assert look(root) == before
        kept.unlink(missing_ok=True)
        kept.write_bytes(data)
    assert apply(database, plan, yes=True, reporter=SILENT).plan.state == "applied"


def _link(path: Path, target: Path) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to(target)


@pytest.mark.parametrize("name", ["x" * 251 + ".png", "é" * 125 + ".png", "." + "n" * 251 + "é", "日" * 84 + ".p"])
def test_a_name_at_the_limit_that_collides_is_cut_and_moved(database: Database, tmp_path: Path, name: str) -> None:
    root = tmp_path / "long"
    plain = name.removeprefix(".")
    grow(root, {f"ann/{plain}": png("1"), f"bob/{plain}": png("2"), "ann/2.png": png("3")})
    take(database, root, "long")
    before = look(root)
    eve_says(database, Statement("link", "ann", "same", "bob"))
    plan = make_plan(database)
    (step,) = plan.steps
    assert step.path_to is not None
    assert len(os.fsencode(step.path_to.split("/")[-1])) <= 255
    apply(database, plan.plan.id, yes=True, reporter=SILENT)
    assert (root / step.path_to).read_bytes() == png("2")
    assert unchanged_in(database, root, "long")
    undo(database, plan.plan.id, yes=True, reporter=SILENT)
    assert look(root) == before


def unchanged_in(db: Database, root: Path, dataset: str) -> bool:
    found = take(db, root, dataset)
    return (found.new, found.changed, found.moved, found.vanished) == (0, 0, 0, 0)


def test_a_folder_that_takes_no_change_is_told_before_anything_is_moved(
    database: Database, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = look(root)
    plan = make_plan(database).plan.id
    access = os.access
    monkeypatch.setattr(
        os, "access", lambda path, mode, **options: mode != os.W_OK | os.X_OK and access(path, mode, **options)
    )
    with pytest.raises(ConflictError, match="may not be changed"):
        apply(database, plan, yes=True, reporter=SILENT)
    assert look(root) == before
