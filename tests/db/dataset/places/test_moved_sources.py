"""A source that moved keeps everything; a copy is not taken for it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from facedb.core.errors import ConflictError, NotFoundError
from facedb.db.connection import Database
from facedb.review.plans.plan import make_plan
from facedb.review.verdicts import Statement, listed, say
from tests.acceptance.trees import grow
from tests.db.dataset.places.sources import FILES, Heard, ids, path_list, take


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
    path_list(tmp_path / "a" / "set")
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
