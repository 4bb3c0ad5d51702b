"""One place, one file, one row: how places are spelt, files named twice, and how a source is read again."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facedb.core.errors import ConflictError
from facedb.db.connection import Database
from facedb.review.plans.plan import make_plan
from facedb.review.verdicts import Statement, say
from tests.db.dataset.places.sources import FILES, Heard, identities, ids, path_list, statuses, take


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


def list_of_absolute_paths(tree: Path) -> Path:
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


@pytest.mark.parametrize("second", [path_list, list_of_absolute_paths, _linked_folder, _hard_links])
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

    take(database, path_list(tree), dataset="set", options=SourceOptions(root=tree, identity_from="none"))
    assert identities(database) == set()
    assert take(database, tree, dataset="set").ready == 9
    assert identities(database) == {"ann", "bob", "cy"}


def test_a_verdict_on_one_name_of_a_file_is_about_the_image(database: Database, tree: Path) -> None:
    from facedb.sources.options import SourceOptions

    file = path_list(tree)
    take(database, file, dataset="set", options=SourceOptions(root=tree))
    say(database, [Statement("face", "ann/0.png", "wrong-identity", by="eve")])
    take(database, tree, dataset="set")
    say(database, [Statement("face", str(tree / "bob" / "1.png"), "wrong-identity", by="eve")])
    with database.connection() as conn:
        conn.execute("delete from facedb.source where format = 'list'")
    take(database, tree)
    assert sorted(s.path_from for s in make_plan(database).steps) == ["ann/0.png", "bob/1.png"]


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
    file = path_list(tree)
    monkeypatch.chdir(tree.parent)
    take(database, file, dataset="l", options={"root": Path("set")})
    monkeypatch.chdir("/")
    assert take(database, file).unchanged == 9


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
