"""Copies of photos in which no face was found, from the command line: told, answered, planned, and told anew where photos come and go."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from facedb.core.finding import CERTAIN, LIKELY
from facedb.core.progress import Silent
from facedb.dataset.embed import ModelChoice, embed
from facedb.db.connection import Database
from tests.acceptance.trees import look
from tests.acceptance.world import Inside, save
from tests.unit.findings.pictures.drawn import altered, photo, saved

Row = dict[str, Any]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Four people of three photos each, and turned copies, smaller than what is taken for a face here."""
    root = tmp_path / "album"
    for person in range(4):
        for shot in range(3):
            save(photo(10 * person + shot), root / f"person{person}" / f"{shot}.png")
    turned(root, 1, "person0/turned.jpg")
    turned(root, 11, "person2/turned.jpg")
    turned(root, 90, "person3/one.jpg", "upside down")
    turned(root, 90, "person3/two.jpg")
    turned(root, 20, "IMG_1.jpg")
    return root


def turned(root: Path, seed: int, name: str, how: str = "quarter turn") -> None:
    save(saved(altered(photo(seed), how).resize((180, 180)), 75), root / name)


def scanned(facedb: Inside, database: Database, root: Path, model: Path, *options: object) -> list[Row]:
    """The copies of which one is no face at least."""
    facedb("ingest", root)
    embed(database, ModelChoice(model, min_face=200), reporter=Silent())
    facedb("scan", "--threshold", 0.9, *options)
    rows: list[Row] = facedb("findings", "--all", "--format", "json").json
    return [row for row in rows if row["class"] == "duplicate"]


def told(rows: list[Row]) -> set[tuple[str, ...]]:
    return {tuple(sorted(row["images"])) for row in rows}


COPIES = {
    ("person0/1.png", "person0/turned.jpg"),
    ("person1/1.png", "person2/turned.jpg"),
    ("person3/one.jpg", "person3/two.jpg"),
    ("IMG_1.jpg", "person2/0.png"),
}


def test_turned_copies_without_a_face_are_told_and_go(
    facedb: Inside, database: Database, root: Path, model: Path
) -> None:
    before = look(root)
    rows = scanned(facedb, database, root, model)
    assert told(rows) == COPIES
    for row in rows:
        assert row["confidence"] >= CERTAIN
        assert row["max_score"] is None
        assert all(
            f"{name} gave no face: The face is 180 pixels" in row["detail"] for name in row["images"] if ".jpg" in name
        )
        assert "nan" not in row["detail"]
    facedb("plan", "--auto")
    by_auto = facedb("plan", "--auto", "--format", "json").json
    assert {step["path"] for step in by_auto} >= {"person0/turned.jpg", "person2/turned.jpg", "IMG_1.jpg"}
    assert all(step["action"] == "drop" and step["path"].endswith(".jpg") for step in by_auto)
    facedb("verdict", "finding", ",".join(str(row["rank"]) for row in rows), "accept")
    assert facedb("findings", "--class", "duplicate", "--open", "--format", "json").json == []
    steps = facedb("plan", "--format", "json").json
    assert [step["path"] for step in steps] == [step["path"] for step in by_auto]
    assert len(steps) == 4
    facedb("show", rows[0]["rank"])
    facedb("report", root.parent / "out.html")
    facedb("apply", 2, "--yes")
    assert scanned(facedb, database, root, model) == []
    facedb("undo", 2, "--yes")
    assert look(root) == before


def test_photos_that_come_and_go_without_a_face_are_told_as_a_full_scan_tells_them(
    facedb: Inside, database: Database, root: Path, model: Path
) -> None:
    assert told(scanned(facedb, database, root, model)) == COPIES
    again = facedb("scan", "--threshold", 0.9)
    assert "Nothing is new" in again.err
    turned(root, 31, "person3/three.jpg")
    (root / "person0" / "turned.jpg").unlink()
    built = scanned(facedb, database, root, model)
    expected = (COPIES - {("person0/1.png", "person0/turned.jpg")}) | {("person3/1.png", "person3/three.jpg")}
    assert told(built) == expected
    assert scanned(facedb, database, root, model, "--full") == built


def test_in_a_set_without_labels_they_are_told_as_well(
    facedb: Inside, database: Database, root: Path, model: Path
) -> None:
    facedb("ingest", root, "--identity-from", "none")
    assert told(scanned(facedb, database, root, model)) == COPIES


@pytest.mark.real_data
def test_turned_copies_of_real_photos_are_told_whether_a_face_is_found_in_them_or_not(
    facedb: Inside, tmp_path: Path, real_data: Path
) -> None:
    for name in ("Charles_Mathews", "Columba_Bush", "Michael_Powell"):
        shutil.copytree(real_data / "faces" / "lfw_dev" / name, tmp_path / "album" / name)
        image = Image.open(min((tmp_path / "album" / name).iterdir())).convert("RGB")
        for k, turn in enumerate((Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_270)):
            image.transpose(turn).save(tmp_path / "album" / name / f"turned{k}.jpg", quality=95)
    models = real_data / "models"
    detector = models / "face_detection_yunet_2023mar.onnx"
    facedb("check", tmp_path / "album", "--model", models / "mobileface_v2_mit.onnx", "--detector", detector)
    rows = facedb("findings", "--class", "duplicate", "--format", "json").json
    assert any("No face was found in" in row["detail"] for row in rows)
    assert all(row["confidence"] >= CERTAIN for row in rows)
    assert len({image for row in rows for image in row["images"] if "turned" in image}) == 9
    assert all(len({Path(image).parent for image in row["images"]}) == 1 for row in rows)
    everything = facedb("findings", "--format", "json").json
    assert [row["class"] for row in everything if row["confidence"] >= LIKELY] == ["duplicate"] * len(rows)
    # They are larger files than the upright one, which stays.
    assert len(facedb("plan", "--auto", "--format", "json").json) >= 6
    assert all("turned" in step["path"] for step in facedb("plan", "--auto", "--format", "json").json)
