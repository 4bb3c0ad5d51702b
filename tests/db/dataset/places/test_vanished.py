"""Nothing vanishes that was not looked for."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from facedb.core.errors import InputError
from facedb.dataset.intake import one_source
from facedb.db.connection import Database
from facedb.review.plans.plan import make_plan
from facedb.review.verdicts import Statement, say
from tests.acceptance.trees import grow, png
from tests.db.dataset.places.sources import Heard, ids, path_list, statuses, take


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
    file = path_list(tree)
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
