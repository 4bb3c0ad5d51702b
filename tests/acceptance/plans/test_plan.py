"""Plan, apply and undo on real files: what is planned, what is refused, and that table and disk agree afterwards."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from facedb.core.errors import ConflictError, ExitCode, InputError, NotFoundError, UsageError
from facedb.core.progress import Silent
from facedb.dataset.ingest import ingest
from facedb.db.connection import Database
from facedb.report.export import ExportOptions, export
from facedb.review.files import checkpoints
from facedb.review.files.apply import apply, undo
from facedb.review.plans.plan import make_plan, plans, show_plan
from facedb.review.verdicts import Statement, listed, say
from tests.acceptance.trees import PEOPLE, grow, look, people, png, rows, take

SILENT = Silent()


def _unchanged(db: Database, root: Path) -> bool:
    found = take(db, root)
    return (found.new, found.changed, found.moved, found.vanished, found.rejected) == (0, 0, 0, 0, 0)


def _say(db: Database, *statements: Statement, dataset: str | None = None) -> None:
    say(db, [Statement(s.kind, s.a, s.verdict, s.b, s.target, s.note, "eve") for s in statements], dataset=dataset)


@pytest.fixture
def root(tmp_path: Path, database: Database) -> Path:
    """The people with a verdict for each kind of step."""
    people(database, tmp_path / "root")
    return tmp_path / "root"


EXPECTED = [
    ("merge", "anna/1.png", "ann/1-2.png"),
    ("merge", "anna/2.png", "ann/2-2.png"),
    ("merge", "anna/deep/3.png", "ann/deep/3.png"),
    ("move", "bob/stray.png", "ann/stray.png"),
    ("quarantine", "bob/nobody.png", ".facedb-quarantine/bob/nobody.png"),
    ("drop", "bob/1.png", ".facedb-quarantine/bob/1.png"),
]


def test_verdicts_become_steps_and_no_file_is_touched(database: Database, root: Path) -> None:
    before = look(root)
    view = make_plan(database)
    assert [(s.action, s.path_from, s.path_to) for s in view.steps] == EXPECTED
    assert view.remarks == ()
    assert look(root) == before
    assert make_plan(database).plan.id == view.plan.id, "the same plan is not made twice"
    _say(database, Statement("face", "bob/nobody.png", "same"))
    assert make_plan(database).plan.id != view.plan.id


def test_apply_changes_nothing_until_it_is_told_to(database: Database, root: Path) -> None:
    before = look(root)
    plan = make_plan(database).plan.id
    outcome = apply(database, plan, reporter=SILENT)
    assert (outcome.dry, outcome.changed, outcome.plan.state) == (True, len(EXPECTED), "proposed")
    assert look(root) == before


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
    assert _unchanged(database, root)
    assert make_plan(database).steps == (), "what is done is not planned again"
    assert apply(database, plan, yes=True, reporter=SILENT).changed == 0, "applying twice does nothing"
    assert undo(database, plan, reporter=SILENT).dry
    assert look(root).keys() == after.keys()
    assert undo(database, plan, yes=True, hard_links=hard_links, reporter=SILENT).plan.state == "undone"
    assert look(root) == before
    assert rows(database) == table
    assert _unchanged(database, root)
    assert [row.state for row in plans(database)][-1] == "undone"


def test_quarantined_images_are_gone_from_the_dataset_and_keep_their_verdicts(database: Database, root: Path) -> None:
    plan = make_plan(database).plan.id
    apply(database, plan, yes=True, reporter=SILENT)
    assert _unchanged(database, root)
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


def test_undo_after_a_prune_brings_the_files_back_and_ingest_takes_them_as_new(database: Database, root: Path) -> None:
    before = look(root)
    plan = make_plan(database).plan.id
    apply(database, plan, yes=True, reporter=SILENT)
    assert ingest(database, root, dataset="people", prune=True, reporter=SILENT).pruned == 2
    undo(database, plan, yes=True, reporter=SILENT)
    assert look(root) == before
    assert take(database, root).new == 2


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
    _say(database, Statement("face", "bob/nobody.png", "unsure"))
    again = make_plan(database)
    assert ("bob/stray.png", "ann/stray-2.png") in {(s.path_from, s.path_to) for s in again.steps}
    apply(database, again.plan.id, yes=True, reporter=SILENT)
    assert (root / "ann" / "stray.png").read_bytes() == b"mine"


def test_a_file_that_came_to_the_old_place_meanwhile_stops_an_undo(database: Database, root: Path) -> None:
    plan = make_plan(database).plan.id
    apply(database, plan, yes=True, reporter=SILENT)
    (root / "bob" / "stray.png").write_bytes(b"new here")
    after = look(root)
    with pytest.raises(ConflictError, match=r"bob/stray\.png"):
        undo(database, plan, yes=True, reporter=SILENT)
    assert look(root) == after


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
    assert _unchanged(database, root)
    assert make_plan(database).steps == ()
    undo(database, plan, yes=True, reporter=SILENT)
    assert look(root) == before
    assert _unchanged(database, root)
    assert rows(database) == table


def test_files_that_are_no_images_stay_in_a_merged_folder_and_that_is_said(database: Database, root: Path) -> None:
    (root / "anna" / "broken.jpg").write_bytes(b"no image at all")
    take(database, root)
    view = make_plan(database)
    assert "1 file of anna is not a usable image and stays where it is." in view.remarks
    apply(database, view.plan.id, yes=True, reporter=SILENT)
    assert (root / "anna" / "broken.jpg").is_file()
    assert _unchanged(database, root) is False, "it is still rejected"


def test_labels_only_changes_the_table_and_leaves_the_files_alone(database: Database, root: Path) -> None:
    before, table = look(root), rows(database)
    plan = make_plan(database).plan.id
    apply(database, plan, yes=True, labels_only=True, reporter=SILENT)
    assert look(root) == before
    labels = {row[1]: (row[2], row[4]) for row in rows(database)}
    assert labels["anna/1.png"] == ("ann", "person")
    assert labels["bob/nobody.png"] == (None, "person")
    assert labels["bob/twice.png"] == ("bob", "source")
    assert _unchanged(database, root), "ingest leaves labels alone that a person set"
    assert {row[1]: (row[2], row[4]) for row in rows(database)} == labels
    undo(database, plan, yes=True, reporter=SILENT)
    assert rows(database) == table


@pytest.mark.usefixtures("root")
def test_images_in_a_container_can_be_relabelled_but_not_moved(database: Database, tmp_path: Path) -> None:
    export(database, "rec", tmp_path / "train.rec", options=ExportOptions(as_is=True), reporter=SILENT)
    ingest(database, tmp_path / "train.rec", dataset="packed", reporter=SILENT)
    _say(database, Statement("link", "packed/anna", "same", "packed/bob"))
    view = make_plan(database, dataset="packed")
    assert {(s.action, s.path_to) for s in view.steps} == {("merge", None)}
    with pytest.raises(UsageError, match="--labels-only"):
        apply(database, view.plan.id, yes=True, reporter=SILENT)
    assert apply(database, view.plan.id, yes=True, labels_only=True, reporter=SILENT).plan.state == "applied"
    found = ingest(database, tmp_path / "train.rec", dataset="packed", reporter=SILENT)
    assert (found.changed, found.identities) == (0, 3)


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
    _say(database, Statement("link", "x", "same", "y"))
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
    _say(
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
    _say(
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
    _say(database, *(Statement("pair", f"ann/{a}.png", "duplicate", f"ann/{b}.png") for a, b in pairs))
    assert [s.path_from for s in make_plan(database).steps] == ["ann/a.png", "ann/c.png"]


@pytest.mark.usefixtures("root")
def test_identities_of_two_datasets_are_never_merged(database: Database, tmp_path: Path) -> None:
    grow(tmp_path / "other", {"zed/1.png": png("zed")})
    take(database, tmp_path / "other", "other")
    _say(database, Statement("link", "zed", "same", "cid"))
    view = make_plan(database)
    assert "zed/1.png" not in {s.path_from for s in view.steps}
    assert any("different datasets" in remark for remark in view.remarks)


def test_names_that_are_not_utf_8_are_moved_like_others(database: Database, tmp_path: Path) -> None:
    root = tmp_path / "bytes"
    raw = os.fsdecode(b"caf\xe9")
    grow(root, {f"{raw}/\udcff.png": png("1"), f"{raw}/2.png": png("2"), "cafe/1.png": png("3")})
    take(database, root, "bytes")
    before = look(root)
    _say(database, Statement("link", raw, "same", "cafe"))
    plan = make_plan(database).plan.id
    apply(database, plan, yes=True, reporter=SILENT)
    assert (root / raw / "1.png").read_bytes() == png("3")
    assert take(database, root, "bytes").changed == 0
    undo(database, plan, yes=True, reporter=SILENT)
    assert look(root) == before


@pytest.mark.usefixtures("root")
def test_a_plan_that_is_not_there_or_does_nothing_yet_is_refused(database: Database) -> None:
    with pytest.raises(NotFoundError, match="no plan 99"):
        apply(database, 99, reporter=SILENT)
    plan = make_plan(database).plan.id
    with pytest.raises(ConflictError, match="nothing was done"):
        undo(database, plan, reporter=SILENT)


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
    _say(database, Statement("link", "ann", "same", "bob"))
    plan = make_plan(database)
    (step,) = plan.steps
    assert step.path_to is not None
    assert len(os.fsencode(step.path_to.split("/")[-1])) <= 255
    apply(database, plan.plan.id, yes=True, reporter=SILENT)
    assert (root / step.path_to).read_bytes() == png("2")
    assert _unchanged_in(database, root, "long")
    undo(database, plan.plan.id, yes=True, reporter=SILENT)
    assert look(root) == before


def _unchanged_in(db: Database, root: Path, dataset: str) -> bool:
    found = take(db, root, dataset)
    return (found.new, found.changed, found.moved, found.vanished) == (0, 0, 0, 0)


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
