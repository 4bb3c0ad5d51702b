"""Photos outside of folders from the command line: told, answered, moved into folders old and new, and taken back; folder levels."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from facedb.db.connection import Database
from tests.acceptance.trees import look
from tests.acceptance.world import Inside, people, portrait, save

THRESHOLD = 0.6


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Ten people; outside of their folders two photos of known people, three of a new one, one of a stranger, and a copy."""
    root = people(tmp_path / "root", 10, 4)
    save(portrait(0, 9), root / "IMG_0.png")
    save(portrait(3, 9), root / "IMG_3.png")
    for shot in range(3):
        save(portrait(100, shot), root / f"new_{shot}.png")
    save(portrait(300, 0), root / "alone.png")
    shutil.copy(root / "person001" / "0.png", root / "copy.png")
    return root


def told(facedb: Inside, *arguments: object) -> list[dict[str, Any]]:
    """The findings but those about photos, whose portraits are all tiny."""
    rows = facedb("findings", "--all", "--format", "json", *arguments).json
    return [row for row in rows if row["class"] != "photo"]


def rank_of(rows: Sequence[dict[str, Any]], image: str) -> int:
    (rank,) = (int(row["rank"]) for row in rows if image in row["images"] and row["class"] != "duplicate")
    return rank


def checked(facedb: Inside, root: Path, model: Path, *more: object) -> list[dict[str, Any]]:
    facedb("check", root, "--model", model, "--threshold", THRESHOLD, *more)
    return told(facedb)


def test_a_check_tells_photos_outside_and_a_plan_brings_them_home(facedb: Inside, root: Path, model: Path) -> None:
    rows = checked(facedb, root, model)
    assert {(r["class"], r["identity_a"], r["images"][0]) for r in rows if r["confidence"] > 0.5} == {
        ("unlabelled", "person000", "IMG_0.png"),
        ("unlabelled", "person003", "IMG_3.png"),
        ("newcomer", None, "new_0.png"),
        ("duplicate", "person001", "copy.png"),
    }
    before = look(root)
    facedb("verdict", "finding", rank_of(rows, "IMG_0.png"), "accept")
    facedb("verdict", "finding", rank_of(rows, "new_0.png"), "accept", "--to", "Zoe Novak")
    facedb("verdict", "face", "IMG_3.png", "wrong-identity", "--to", "person003")
    facedb("verdict", "finding", next(r["rank"] for r in rows if r["class"] == "duplicate"), "accept")
    said = facedb("verdict", "finding", rank_of(rows, "alone.png"), "reject")
    assert "stays without a label" in said.out
    assert told(facedb, "--open") == []
    facedb("plan")
    facedb("apply", 1)
    assert look(root) == before, "a dry run touches nothing"
    facedb("apply", 1, "--yes")
    inside = {path.relative_to(root).as_posix() for path in root.rglob("*.png")}
    assert {"person000/IMG_0.png", "person003/IMG_3.png", *(f"Zoe Novak/new_{n}.png" for n in range(3))} <= inside
    assert ".facedb-quarantine/copy.png" in inside
    assert [path.name for path in root.glob("*.png")] == ["alone.png"]
    again = checked(facedb, root, model)
    assert [(r["class"], r["images"][0], r["verdict"]) for r in again] == [("unlabelled", "alone.png", "same")]
    assert told(facedb, "--open") == []
    facedb("undo", 1, "--yes")
    assert look(root) == before
    assert len(checked(facedb, root, model)) == len(rows)


def test_labels_alone_can_follow_and_come_back(facedb: Inside, root: Path, model: Path, database: Database) -> None:
    rows = checked(facedb, root, model)
    facedb("verdict", "finding", rank_of(rows, "IMG_0.png"), rank_of(rows, "new_1.png"), "accept")
    facedb("plan")
    labels = "select path, identity_id is null from facedb.image where path like 'IMG%' or path like 'new%' order by 1"
    assert "facedb apply 1 --labels-only --yes" in facedb("apply", 1, "--labels-only").err, "and not to move files"
    facedb("apply", 1, "--yes", "--labels-only")
    with database.connection() as conn:
        assert [free for _, free in conn.execute(labels)] == [False, True, False, False, False]
    assert (root / "IMG_0.png").exists()
    facedb("undo", 1, "--yes")
    with database.connection() as conn:
        assert all(free for _, free in conn.execute(labels))


def test_auto_takes_up_what_is_certain_of_photos_outside(facedb: Inside, root: Path, model: Path) -> None:
    checked(facedb, root, model)
    steps = {row["path"]: row["path_to"] for row in facedb("plan", "--auto", "--format", "json").json}
    assert steps == {
        "IMG_0.png": "person000/IMG_0.png",
        "IMG_3.png": "person003/IMG_3.png",
        "copy.png": ".facedb-quarantine/copy.png",
    }


def test_a_name_that_is_a_slip_away_is_asked_about_and_a_new_one_is_not(
    facedb: Inside, root: Path, model: Path
) -> None:
    checked(facedb, root, model)
    said = facedb("verdict", "face", "alone.png", "wrong-identity", "--to", "persn003", code=8)
    assert "did you mean person003?" in said.err
    assert "--new" in said.err
    facedb("verdict", "face", "alone.png", "wrong-identity", "--to", "persn003", "--new")
    facedb("verdict", "face", "person001/0.png", "wrong-identity", "--to", "Ida Ünal")
    for name in ("..", ".hidden", "a\\b", ""):
        facedb("verdict", "face", "person001/1.png", "wrong-identity", "--to", name or " ", code=2)
    steps = {row["path"]: row["path_to"] for row in facedb("plan", "--format", "json").json}
    assert steps == {"alone.png": "persn003/alone.png", "person001/0.png": "Ida Ünal/0.png"}


def test_a_list_of_verdicts_names_new_people(facedb: Inside, root: Path, model: Path, tmp_path: Path) -> None:
    rows = checked(facedb, root, model)
    sheet = tmp_path / "reviewed.csv"
    sheet.write_text(
        "rank,class,verdict,to\n"
        f"{rank_of(rows, 'new_0.png')},newcomer,yes,Nadia Kern\n{rank_of(rows, 'IMG_3.png')},unlabelled,accept,\n"
    )
    facedb("verdict", "import", sheet)
    plain = tmp_path / "verdicts.csv"
    plain.write_text("kind,a,verdict,target\nface,alone.png,wrong-identity,Omar Said\n")
    facedb("verdict", "import", plain)
    after = {row["identity_to"] for row in facedb("plan", "--format", "json").json}
    assert after == {"Nadia Kern", "person003", "Omar Said"}


@pytest.mark.parametrize("shape", ["datasets", "box", "splits"])
def test_the_wrong_level_is_named_before_the_work_and_its_command_works(
    facedb: Inside, model: Path, tmp_path: Path, database: Database, shape: str
) -> None:
    root = tmp_path / "root"
    names = {"datasets": ("one", "two"), "box": ("images",), "splits": ("train", "test")}[shape]
    for number, name in enumerate(names):
        people(root / name, 4, 3, first=0 if shape == "splits" else 10 * number)
    said = facedb("check", root, "--model", model, "--threshold", THRESHOLD, code=7)
    assert str(root) in said.err
    with database.connection() as conn:
        assert conn.execute(
            "select (select count(*) from facedb.image), (select count(*) from facedb.model)"
        ).fetchone() == (0, 0)
    if shape == "splits":
        facedb("check", root, "--model", model, "--threshold", THRESHOLD, "--identity-from", "parent")
        again = facedb("check", root, "--model", model, "--threshold", THRESHOLD)
        assert "--identity-from parent" in again.err
        assert facedb("datasets", "--format", "json").json[0]["identities"] == 4
    else:
        assert str(root / min(names)) in said.err
        facedb("check", root / names[0], "--model", model, "--threshold", THRESHOLD)
        facedb("check", root, "--model", model, "--threshold", THRESHOLD, "--identity-from", "top", "--dataset", "all")


def test_folders_of_many_people_each_are_told_by_the_numbers(facedb: Inside, model: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    for folder in range(3):
        for person in range(40):
            save(portrait(1000 * folder + person, 0), root / f"box{folder}" / f"{person}.png")
    said = facedb("check", root, "--model", model, "--threshold", THRESHOLD, code=7)
    assert "hold many people each" in said.err
    facedb("scans", "--format", "json")
    facedb("check", root, "--model", model, "--threshold", THRESHOLD, "--identity-from", "top")
    facedb("check", root, "--model", model, "--threshold", THRESHOLD)


def test_large_honest_folders_pass_the_numbers(facedb: Inside, model: Path, tmp_path: Path) -> None:
    checked(facedb, people(tmp_path / "root", 2, 40), model)
    checked(facedb, people(tmp_path / "alone", 1, 60), model)


@pytest.mark.real_data
def test_real_photos_outside_are_told_right(facedb: Inside, tmp_path: Path, real_data: Path) -> None:
    orl, root, folder = real_data / "faces" / "orl", tmp_path / "orl", real_data / "models"
    for person in range(1, 15):
        (root / f"s{person}").mkdir(parents=True)
        for shot in range(1, 10):
            shutil.copy(orl / f"s{person}" / f"{shot}.pgm", root / f"s{person}")
    for person in range(1, 5):
        shutil.copy(orl / f"s{person}" / "10.pgm", root / f"IMG_{person}.pgm")
    for shot in range(1, 4):
        shutil.copy(orl / "s39" / f"{shot}.pgm", root / f"new_{shot}.pgm")
    shutil.copy(orl / "s40" / "1.pgm", root / "alone.pgm")
    models = ("--model", folder / "mobileface_v2_mit.onnx", "--detector", folder / "yunet_s_dynamic.onnx")
    facedb("check", root, *models)
    rows = [row for row in told(facedb) if row["class"] in ("unlabelled", "newcomer")]
    certain = {(row["class"], row["identity_a"], row["images"][0]) for row in rows if row["confidence"] >= 0.95}
    known = {("unlabelled", f"s{person}", f"IMG_{person}.pgm") for person in range(1, 5)}
    assert known <= certain <= known | {("newcomer", None, "new_1.pgm")}
    assert [row["images"] for row in rows if row["class"] == "newcomer"] == [[f"new_{n}.pgm" for n in range(1, 4)]]
    assert max(row["confidence"] for row in rows if row["images"][0] == "alone.pgm") < 0.5
