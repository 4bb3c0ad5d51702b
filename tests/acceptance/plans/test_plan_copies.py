"""A photo that was copied into a folder of somebody else: which copy goes, with and without a person's word."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from facedb.db.connection import Database
from tests.acceptance.world import Inside, block_model, people


@pytest.fixture
def facedb(tmp_path: Path, database: Database) -> Inside:
    return Inside(tmp_path, database.dsn)


@pytest.fixture
def copied(facedb: Inside, tmp_path: Path) -> dict[str, Any]:
    """The finding about a photo of person000 that lies in the folder of person001 too."""
    root = tmp_path / "album"
    people(root, 12, 5)
    shutil.copy(root / "person000" / "0.png", root / "person001" / "0a.png")
    facedb("check", root, "--model", block_model(tmp_path / "blocks.onnx"), "--threshold", 0.5)
    (found,) = facedb("findings", "--class", "duplicate", "--format", "json").json
    return dict(found)


def dropped(facedb: Inside, *options: str) -> list[tuple[str, str, str]]:
    steps = facedb("plan", *options, "--format", "json").json
    return [(step["action"], step["path"], step["reason"].split(",")[0]) for step in steps]


def test_a_plan_drops_the_copy_in_the_folder_that_it_does_not_fit(facedb: Inside, copied: dict[str, Any]) -> None:
    gone = [("drop", "person001/0a.png", "a duplicate of person000/0.png")]
    assert "It fits the first, so the copy in the second is the wrong one" in copied["detail"]
    assert dropped(facedb, "--auto") == gone
    said = facedb("verdict", "finding", copied["rank"], "accept")
    assert "one photo, of person000" in said.err + said.out
    assert dropped(facedb) == gone
    assert facedb("findings", "--class", "duplicate", "--open", "--format", "json").json == []


def test_whoever_says_that_they_are_two_photos_keeps_both(facedb: Inside, copied: dict[str, Any]) -> None:
    facedb("verdict", "finding", copied["rank"], "accept")
    facedb("verdict", "finding", copied["rank"], "reject")
    assert dropped(facedb) == []
