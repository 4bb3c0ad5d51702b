"""Moving one file below a root: what it becomes, what is refused, what an interruption leaves and how it goes on."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from facedb.core.errors import ConflictError, InputError
from facedb.review.files import checkpoints
from facedb.review.files.safe_moves import FolderState, Tree, parents

DATA = b"the bytes of a photo" * 1000
SHA = hashlib.sha256(DATA).digest()


class Stopped(Exception):  # noqa: N818 - stands for a crash
    """Raised in place of a crash."""


@pytest.fixture(params=[True, False], ids=["links", "copies"])
def tree(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Tree]:
    """A root with ``a/1.jpg`` and an empty folder ``b``, moved by links or by copies."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "a" / "1.jpg").write_bytes(DATA)
    os.utime(tmp_path / "a" / "1.jpg", ns=(5, 123_456_789))
    (tmp_path / "a" / "1.jpg").chmod(0o640)
    with Tree(str(tmp_path), hard_links=request.param) as opened:
        yield opened
    checkpoints.watch(None)


def test_a_move_keeps_bytes_mode_and_time(tree: Tree, tmp_path: Path) -> None:
    status = tree.move("a/1.jpg", "b/2.jpg", SHA)
    assert (status.st_mtime_ns, status.st_mode & 0o777, status.st_size) == (123_456_789, 0o640, len(DATA))
    assert (tmp_path / "b" / "2.jpg").read_bytes() == DATA
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["2.jpg", "a", "b"]
    assert tree.where("a/1.jpg", "b/2.jpg", SHA, begun=True) == "after"
    assert tree.move("a/1.jpg", "b/2.jpg", SHA) == tree.status("b/2.jpg"), "moved already: nothing to do"


def test_a_target_that_exists_is_never_replaced(tree: Tree, tmp_path: Path) -> None:
    (tmp_path / "b" / "2.jpg").write_bytes(b"mine")
    with pytest.raises(ConflictError, match="exists already"):
        tree.where("a/1.jpg", "b/2.jpg", SHA, begun=False)
    with pytest.raises(ConflictError):
        tree.move("a/1.jpg", "b/2.jpg", SHA)
    assert (tmp_path / "b" / "2.jpg").read_bytes() == b"mine"
    assert (tmp_path / "a" / "1.jpg").read_bytes() == DATA


def test_other_bytes_are_not_moved(tree: Tree, tmp_path: Path) -> None:
    (tmp_path / "a" / "1.jpg").write_bytes(b"retouched")
    with pytest.raises(ConflictError, match="changed since it was planned"):
        tree.move("a/1.jpg", "b/2.jpg", SHA)
    assert not (tmp_path / "b" / "2.jpg").exists()


@pytest.mark.parametrize("path", ["../1.jpg", "a/../../1.jpg", "link/1.jpg", "a/link.jpg"])
def test_no_path_leads_out(tree: Tree, tmp_path: Path, path: str) -> None:
    (tmp_path / "link").symlink_to("a")
    (tmp_path / "a" / "link.jpg").symlink_to("1.jpg")
    with pytest.raises(ConflictError, match=r"outside the root|symbolic link"):
        tree.where(path, "b/2.jpg", SHA, begun=False)
    with pytest.raises(ConflictError, match=r"outside the root|symbolic link"):
        tree.where("a/1.jpg", path, SHA, begun=False)


def test_a_move_that_is_interrupted_anywhere_goes_on_or_is_cleaned_up(tree: Tree, tmp_path: Path) -> None:
    points: list[str] = []
    checkpoints.watch(points.append)
    tree.move("a/1.jpg", "b/2.jpg", SHA)
    tree.move("b/2.jpg", "a/1.jpg", SHA)
    assert points
    for stop in range(len(points) // 2):
        left = [stop]

        def interrupt(_point: str, left: list[int] = left) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise Stopped

        for back in (False, True):
            left[0] = stop
            checkpoints.watch(interrupt)
            with pytest.raises(Stopped):
                tree.move("a/1.jpg", "b/2.jpg", SHA)
            checkpoints.watch(None)
            if back:
                if tree.where("b/2.jpg", "a/1.jpg", SHA, begun=True) != "after":
                    tree.move("b/2.jpg", "a/1.jpg", SHA)
                else:
                    tree.clean_up("b/2.jpg")
            else:
                tree.move("a/1.jpg", "b/2.jpg", SHA)
                tree.move("b/2.jpg", "a/1.jpg", SHA)
            assert {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*")} == {"a", "a/1.jpg", "b"}
            assert (tmp_path / "a" / "1.jpg").read_bytes() == DATA


def test_folders_are_made_removed_when_empty_and_given_back_their_times(tree: Tree, tmp_path: Path) -> None:
    tree.make_folder("x/y/z")
    assert (tmp_path / "x" / "y" / "z").is_dir()
    assert not tree.remove_empty_folder("a")
    assert tree.remove_empty_folder("x/y/z")
    assert tree.remove_empty_folder("x/y/z"), "gone is gone"
    assert tree.folder_state("x/y/z") is None
    tree.restore_folder("x", FolderState(0o700, 42))
    assert tree.folder_state("x") == FolderState(0o700, 42)
    assert tree.folder_state("") is not None


def test_the_folders_above_a_path_start_at_the_root() -> None:
    assert parents("a/b/c.jpg") == ["", "a", "a/b"]
    assert parents("c.jpg") == [""]


def test_a_root_that_is_gone_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be opened"), Tree(str(tmp_path / "gone")):
        pass
