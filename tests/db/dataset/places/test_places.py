"""Where files are and how they are remembered: one place, one file, one row; nothing vanishes that was not looked for."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facedb.core.errors import ConflictError, InputError, NotFoundError
from facedb.core.progress import Silent
from facedb.dataset.ingest import IngestSummary, ingest
from facedb.dataset.intake import one_source
from facedb.db.connection import Database
from facedb.review.plans.plan import make_plan
from facedb.review.verdicts import Statement, listed, say
from tests.acceptance.trees import grow, png

FILES = {f"{name}/{n}.png": png(f"{name} {n}") for name in ("ann", "bob", "cy") for n in range(3)}


class Heard(Silent):
    """Keeps what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def say(self, message: str) -> None:
        self.lines.append(message)


def take(db: Database, place: Path | str, **options: Any) -> IngestSummary:
    return ingest(db, Path(place), reporter=options.pop("reporter", Silent()), **options)


def statuses(db: Database) -> Counter[tuple[str, str | None]]:
    with db.connection() as conn:
        return Counter(conn.execute("select status, reject_code from facedb.image").fetchall())


def identities(db: Database) -> set[str]:
    query = "select distinct n.name from facedb.image i join facedb.identity n on n.id = i.identity_id where i.status = 'ready'"
    with db.connection() as conn:
        return {row[0] for row in conn.execute(query)}


def ids(db: Database) -> dict[str, int]:
    with db.connection() as conn:
        return dict(conn.execute("select path, id from facedb.image where status = 'ready'").fetchall())


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Three people with three files each."""
    grow(tmp_path / "set", FILES)
    return tmp_path / "set"


# One place


@pytest.mark.parametrize("spelling", ["..", "link", "absolute", "trailing", "dots", "link-above"])
def test_every_spelling_of_a_place_is_the_same_source(
    database: Database, tree: Path, monkeypatch: pytest.MonkeyPatch, spelling: str
) -> None:
    first = take(database, tree)
    (tree.parent / "link").symlink_to(tree)
    (tree.parent / "above").symlink_to(tree.parent)
    monkeypatch.chdir(tree / "ann")
    place = {
        "..": "..",
        "link": str(tree.parent / "link"),
        "absolute": f"{tree.parent}/./set",
        "trailing": f"{tree}/",
        "dots": "../../set/bob/..",
        "link-above": str(tree.parent / "above" / "set"),
    }[spelling]
    again = take(database, place)
    assert (again.source_id, again.dataset, again.unchanged, again.ready) == (first.source_id, "set", 9, 9)


def test_a_source_that_an_older_version_noted_by_another_spelling_is_found(database: Database, tree: Path) -> None:
    take(database, tree)
    with database.connection() as conn:
        spelt = f"{tree}/ann/../../set"
        conn.execute("update facedb.source set location = %s, root = %s", (spelt, spelt))
    assert take(database, tree).unchanged == 9
    with database.connection() as conn:
        assert conn.execute("select location, root from facedb.source").fetchall() == [(str(tree), str(tree))]


def test_a_dataset_is_named_after_the_folder_that_dots_mean(
    database: Database, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tree / "ann")
    assert take(database, "..").dataset == "set"


# One file


def _list(tree: Path) -> Path:
    file = tree.parent / "list.txt"
    file.write_text("".join(f"{path}\n" for path in FILES))
    return file


def _list_of_absolute_paths(tree: Path) -> Path:
    file = tree.parent / "list.txt"
    file.write_text("".join(f"{tree / path}\n" for path in FILES))
    return file


def _linked_folder(tree: Path) -> Path:
    folder = tree.parent / "links"
    folder.mkdir()
    for name in ("ann", "bob", "cy"):
        (folder / name).symlink_to(tree / name)
    return folder


def _hard_links(tree: Path) -> Path:
    shutil.copytree(tree, tree.parent / "hard", copy_function=os.link)
    return tree.parent / "hard"


@pytest.mark.parametrize("second", [_list, _list_of_absolute_paths, _linked_folder, _hard_links])
@pytest.mark.parametrize("swapped", [False, True])
def test_a_file_that_two_sources_name_is_one_image(
    database: Database, tree: Path, second: Callable[[Path], Path], swapped: bool
) -> None:
    from facedb.sources.options import SourceOptions

    places = [tree, second(tree)]
    for _ in range(2):
        for place in reversed(places) if swapped else places:
            options = SourceOptions(root=tree if place.suffix else None, follow_links=True)
            done = take(database, place, dataset="set", options=options)
    assert done.ready == 9
    assert statuses(database) == {("ready", None): 9, ("ignored", "same_file"): 9}
    assert identities(database) == {"ann", "bob", "cy"}


def test_the_names_of_a_file_that_is_one_image_change_places_when_the_first_one_goes(
    database: Database, tree: Path
) -> None:
    other = _hard_links(tree)
    take(database, tree)
    take(database, other, dataset="set")
    (tree / "ann" / "0.png").unlink()
    take(database, tree)
    done = take(database, other)
    assert (done.ready, done.vanished) == (9, 0)
    assert statuses(database) == {("ready", None): 9, ("ignored", "same_file"): 8, ("vanished", None): 1}


def test_a_link_and_its_target_are_one_image_and_the_target_stands(database: Database, tree: Path) -> None:
    (tree / "ann" / "a-link.png").symlink_to("0.png")
    (tree / "bob" / "other-label.png").symlink_to("../ann/0.png")
    (tree / "dan").symlink_to("cy")
    take(database, tree, options={"follow_links": True})
    assert set(ids(database)) == set(FILES)
    assert statuses(database)["rejected", "other_label"] == 4
    assert statuses(database)["ignored", "same_file"] == 1


def test_hard_links_under_two_labels_are_two_claims_that_a_scan_shows(database: Database, tree: Path) -> None:
    (tree / "bob" / "ann.png").hardlink_to(tree / "ann" / "0.png")
    (tree / "ann" / "again.png").hardlink_to(tree / "ann" / "0.png")
    take(database, tree)
    assert {"bob/ann.png", "ann/0.png"} <= set(ids(database))
    assert statuses(database)["ignored", "same_file"] == 1


def test_a_copy_is_a_second_image(database: Database, tree: Path) -> None:
    shutil.copy2(tree / "ann" / "0.png", tree / "ann" / "copy.png")
    assert take(database, tree).ready == 10


def test_a_sub_folder_and_its_folder_are_one_set_of_images(database: Database, tree: Path) -> None:
    take(database, tree)
    done = take(database, tree / "ann", dataset="set")
    assert done.ready == 9
    assert identities(database) == {"ann", "bob", "cy"}


def test_a_file_without_a_label_gets_the_one_that_another_source_gives(database: Database, tree: Path) -> None:
    from facedb.sources.options import SourceOptions

    take(database, _list(tree), dataset="set", options=SourceOptions(root=tree, identity_from="none"))
    assert identities(database) == set()
    assert take(database, tree, dataset="set").ready == 9
    assert identities(database) == {"ann", "bob", "cy"}


def test_a_verdict_on_one_name_of_a_file_is_about_the_image(database: Database, tree: Path) -> None:
    from facedb.sources.options import SourceOptions

    file = _list(tree)
    take(database, file, dataset="set", options=SourceOptions(root=tree))
    say(database, [Statement("face", "ann/0.png", "wrong-identity", by="eve")])
    take(database, tree, dataset="set")
    say(database, [Statement("face", str(tree / "bob" / "1.png"), "wrong-identity", by="eve")])
    with database.connection() as conn:
        conn.execute("delete from facedb.source where format = 'list'")
    take(database, tree)
    assert sorted(s.path_from for s in make_plan(database).steps) == ["ann/0.png", "bob/1.png"]


# Moved


def test_a_renamed_root_is_offered_to_be_moved_and_keeps_everything(database: Database, tree: Path) -> None:
    take(database, tree, options={"identity_from": "parent"})
    say(database, [Statement("link", "ann", "different", "bob", by="eve")])
    before = ids(database)
    new = tree.rename(tree.parent / "new")
    for dataset in (None, "set"):
        with pytest.raises(ConflictError, match="--moved-from"):
            take(database, new, dataset=dataset)
    assert ids(database) == before
    heard = Heard()
    done = take(database, new, moved_from=str(tree), reporter=heard)
    assert (done.dataset, done.unchanged, done.new, done.ready) == ("set", 9, 0, 9)
    assert ids(database) == before
    assert len(listed(database)) == 1
    assert any("from now on" in line for line in heard.lines)
    assert take(database, new).unchanged == 9, "and is known from then on"


@pytest.mark.parametrize("old", ["set", "path", "relative"])
def test_what_moved_can_be_named_in_several_ways(
    database: Database, tree: Path, monkeypatch: pytest.MonkeyPatch, old: str
) -> None:
    take(database, tree)
    monkeypatch.chdir(tree.parent)
    new = tree.rename(tree.parent / "new")
    names = {"set": "set", "path": f"{tree}/", "relative": "./x/../set"}
    assert take(database, new, moved_from=names[old]).unchanged == 9


def test_a_list_that_moved_with_its_images_keeps_its_root(database: Database, tmp_path: Path) -> None:
    from facedb.sources.options import SourceOptions

    grow(tmp_path / "a" / "set", FILES)
    _list(tmp_path / "a" / "set")
    take(database, tmp_path / "a" / "list.txt", dataset="l", options=SourceOptions(root=tmp_path / "a" / "set"))
    before = ids(database)
    new = (tmp_path / "a").rename(tmp_path / "b") / "list.txt"
    with pytest.raises(ConflictError, match="--moved-from"):
        take(database, new)
    assert take(database, new, moved_from=str(tmp_path / "a" / "list.txt")).unchanged == 9
    assert ids(database) == before


def test_a_copy_is_not_taken_for_what_moved(database: Database, tree: Path) -> None:
    take(database, tree)
    shutil.copytree(tree, tree.parent / "copy")
    with pytest.raises(ConflictError, match="copy and not what was moved"):
        take(database, tree.parent / "copy", moved_from=str(tree))
    with pytest.raises(NotFoundError, match="known are"):
        take(database, tree.parent / "copy", moved_from="nowhere")
    assert take(database, tree.parent / "copy").dataset == "copy"


def test_a_database_in_which_the_new_place_was_ingested_beside_the_old_one_is_mended(
    database: Database, tree: Path
) -> None:
    """As an older version left it: two sources, the first of which is gone."""
    take(database, tree)
    say(database, [Statement("face", "ann/0.png", "wrong-identity", by="eve")])
    before = ids(database)
    shutil.copytree(tree, tree.parent / "new")
    take(database, tree.parent / "new", dataset="set")
    shutil.rmtree(tree)
    assert take(database, tree.parent / "new").ready == 9, "the old names would only be duplicates of themselves"
    done = take(database, tree.parent / "new", moved_from=str(tree))
    assert (done.ready, done.new) == (9, 0)
    assert ids(database) == before
    assert [s.path_from for s in make_plan(database).steps] == ["ann/0.png"]


# Gone


def _empty(tree: Path) -> None:
    shutil.rmtree(tree)
    tree.mkdir()


def _remove(tree: Path) -> None:
    shutil.rmtree(tree)


def _placeholder(tree: Path) -> None:
    _empty(tree)
    (tree / "NOT MOUNTED.txt").write_text("no disk")
    (tree / "lost+found").mkdir()


@pytest.mark.parametrize("spoil", [_empty, _remove, _placeholder])
def test_a_source_of_which_nothing_is_left_is_not_believed_unless_told(
    database: Database, tree: Path, spoil: Callable[[Path], None]
) -> None:
    take(database, tree)
    before = ids(database)
    spoil(tree)
    for prune in (False, True):
        with pytest.raises(InputError, match="9 images are known"):
            take(database, tree, prune=prune)
    assert ids(database) == before
    assert take(database, tree, allow_empty=True).vanished == 9


def test_a_list_whose_images_are_all_gone_is_not_believed(database: Database, tree: Path) -> None:
    file = _list(tree)
    from facedb.sources.options import SourceOptions

    take(database, file, dataset="l", options=SourceOptions(root=tree))
    before = ids(database)
    tree.rename(tree.parent / "away")
    with pytest.raises(InputError, match="none is there"):
        take(database, file)
    assert ids(database) == before
    (tree.parent / "away").rename(tree)
    (tree / "ann" / "0.png").rename(tree / "away.png")
    take(database, file)
    assert statuses(database)["rejected", "missing"] == 1
    (tree / "away.png").rename(tree / "ann" / "0.png")
    assert take(database, file).changed == 0, "what was out of reach for a while keeps what models made of it"
    assert ids(database) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything; a folder that fails to list stands in below")
def test_a_folder_without_permission_keeps_its_rows(database: Database, tree: Path) -> None:
    take(database, tree)
    (tree / "bob").chmod(0)
    try:
        assert take(database, tree, prune=True).vanished == 0
    finally:
        (tree / "bob").chmod(0o755)


@pytest.mark.parametrize("folder", ["bob", "cy/deep", "caf\udce9"])
def test_what_lies_in_a_folder_that_cannot_be_listed_did_not_vanish(
    database: Database, tree: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    grow(tree, {f"{folder}/x{n}.png": png(f"{folder!a} {n}") for n in range(2)} | {f"{folder}/\udcff.png": png("raw")})
    take(database, tree)
    before = ids(database)
    listdir = os.listdir

    def refuse(path: Any) -> list[str]:
        if os.fspath(path) == f"{tree}/{folder}":
            raise PermissionError(13, "Permission denied", path)
        return listdir(path)

    monkeypatch.setattr(os, "listdir", refuse)
    heard = Heard()
    done = take(database, tree, prune=True, reporter=heard)
    assert (done.vanished, done.pruned, done.moved) == (0, 0, 0)
    assert any("could not be listed" in line for line in heard.lines)
    assert {path: key for path, key in ids(database).items() if path in before} == before
    monkeypatch.undo()
    assert take(database, tree).changed == 0
    assert ids(database) == before


def test_a_verdict_outlives_the_row_of_its_image(database: Database, tree: Path) -> None:
    take(database, tree)
    say(database, [Statement("face", "ann/0.png", "wrong-identity", by="eve")])
    (tree / "ann" / "0.png").rename(tree.parent / "away.png")
    assert take(database, tree, prune=True).pruned == 1
    (tree.parent / "away.png").rename(tree / "ann" / "elsewhere.png")
    take(database, tree)
    assert [s.path_from for s in make_plan(database).steps] == ["ann/elsewhere.png"]


def test_what_is_left_of_two_copies_is_no_duplicate(database: Database, tree: Path) -> None:
    shutil.copy2(tree / "ann" / "0.png", tree / "ann" / "copy.png")
    take(database, tree)
    say(database, [Statement("face", "ann/copy.png", "duplicate", by="eve")])
    assert [s.path_from for s in make_plan(database).steps] == ["ann/copy.png"]
    (tree / "ann" / "copy.png").unlink()
    take(database, tree, prune=True)
    assert make_plan(database).steps == ()


def test_what_another_run_brought_in_meanwhile_does_not_vanish(
    database: Database, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when a pooler lets two sessions hold one lock: the first run has listed the folder, the second adds to it."""
    take(database, tree)
    conclude = one_source.Intake.conclude

    def late(self: Any, refusal: Any) -> None:
        monkeypatch.undo()
        monkeypatch.setattr("facedb.dataset.places.source_rows.lock_source", lambda *_: True)
        grow(tree, {"dan/0.png": png("dan")})
        assert take(database, tree).new == 1
        conclude(self, refusal)

    monkeypatch.setattr(one_source.Intake, "conclude", late)
    assert take(database, tree).vanished == 0
    assert "dan/0.png" in ids(database)


# How a source was read


@pytest.mark.parametrize(
    "options",
    [{"identity_from": "parent"}, {"follow_links": True}, {"identity_from": "regex", "identity_regex": r"^(\w)"}],
)
def test_a_source_is_read_as_it_was_and_another_way_is_said(
    database: Database, tree: Path, options: dict[str, Any]
) -> None:
    (tree / "link.png").symlink_to("ann/0.png")
    take(database, tree, options=options)
    before, found = identities(database), statuses(database)
    heard = Heard()
    take(database, tree, reporter=heard)
    assert (identities(database), statuses(database)) == (before, found)
    assert any("As the last time" in line for line in heard.lines)
    heard = Heard()
    take(database, tree, options={"identity_from": "none", "identity_regex": None}, reporter=heard)
    assert identities(database) == set()
    assert any("--identity-from was" in line for line in heard.lines)


def test_the_root_of_a_list_is_remembered_from_wherever_it_is_read(
    database: Database, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = _list(tree)
    monkeypatch.chdir(tree.parent)
    take(database, file, dataset="l", options={"root": Path("set")})
    monkeypatch.chdir("/")
    assert take(database, file).unchanged == 9


# Nothing left behind


def test_a_failed_first_ingest_leaves_nothing_and_a_failed_later_one_leaves_what_was(
    database: Database, tmp_path: Path
) -> None:
    from facedb.core.errors import UsageError

    vectors = tmp_path / "known"
    (vectors / "ada").mkdir(parents=True)
    np.savez(
        vectors / "ada" / "npKnown.npz", name=np.array(["a"]), efficientnetv2_arcface=np.ones((1, 1, 8), np.float32)
    )

    def left() -> tuple[Any, ...] | None:
        with database.connection() as conn:
            query = "select (select count(*) from facedb.dataset), (select count(*) from facedb.source)"
            return conn.execute(query).fetchone()

    with pytest.raises(UsageError, match="--contract"):
        take(database, vectors)
    assert left() == (0, 0)
    assert take(database, vectors, contract="mine").new == 1
    with pytest.raises(ConflictError):
        take(database, vectors, contract="other")
    assert left() == (1, 1)
