"""The main job on real faces: planted mistakes come first, and photographs of one person are near each other."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path

import numpy as np
import psycopg
import pytest

from facedb.db.connection import Database
from tests.acceptance.world import Command, copy_folder

pytestmark = pytest.mark.real_data


def models(real_data: Path) -> list[object]:
    folder = real_data / "models"
    return ["--model", folder / "mobileface_v2_mit.onnx", "--detector", folder / "yunet_s_dynamic.onnx"]


def test_copied_faces_and_a_split_folder_are_exactly_the_top_links(
    database: Database, tmp_path: Path, real_data: Path
) -> None:
    folder = tmp_path / "orl"
    for person in range(1, 27):
        copy_folder(real_data / "faces" / "orl" / f"s{person}", folder / f"s{person}")
    facedb = Command(tmp_path / "home", dsn=database.dsn)
    arguments = ["check", folder, *models(real_data), "--threshold", 0.45]
    before = facedb(*arguments)
    assert "260 = 260 embedded + 0 rejected + 0 ignored" in before.out
    clean = {frozenset((row["identity_a"], row["identity_b"])) for row in facedb("links", "--format", "json").json}
    assert not clean & {frozenset(("s1", "s2")), frozenset(("s7", "s7b"))}
    for shot in (1, 2, 3):
        shutil.copy(folder / "s1" / f"{shot}.pgm", folder / "s2" / f"from-s1-{shot}.pgm")
    (folder / "s7b").mkdir()
    for shot in range(1, 6):
        (folder / "s7" / f"{shot}.pgm").rename(folder / "s7b" / f"{shot}.pgm")
    after = facedb(*arguments)
    assert "263 = 263 embedded" in after.out
    assert "8 of 263 faces new or changed" in after.err
    links = facedb("links", "--format", "json").json
    assert {frozenset((row["identity_a"], row["identity_b"])) for row in links[:2]} == {
        frozenset(("s1", "s2")),
        frozenset(("s7", "s7b")),
    }
    split = next(row for row in links if "s7b" in (row["identity_a"], row["identity_b"]))
    assert (split["coverage_a"], split["coverage_b"]) == (1, 1)
    assert max(row["max_score"] for row in links if row["rank"] > 2) < min(row["max_score"] for row in links[:2])


def test_every_celebrity_is_embedded_and_like_themselves(database: Database, tmp_path: Path, real_data: Path) -> None:
    facedb = Command(tmp_path / "home", dsn=database.dsn)
    folder = real_data / "faces" / "deepface_celebs"
    files = [path for path in folder.rglob("*") if path.is_file()]
    facedb("check", folder, *models(real_data), "--threshold", 0.45)
    (row,) = facedb("datasets", "--format", "json").json
    assert (row["files"], row["embedded"], row["rejected"]) == (len(files), len(files), 0)
    with psycopg.connect(database.dsn) as conn:
        found = conn.execute(
            "select n.name, e.vec::real[] from facedb.embedding e join facedb.face f on f.id = e.face_id"
            " join facedb.image i on i.id = f.image_id join facedb.identity n on n.id = i.identity_id"
        ).fetchall()
    same: list[float] = []
    different: list[float] = []
    for (name, vector), (other, other_vector) in itertools.combinations(found, 2):
        (same if name == other else different).append(float(np.dot(vector, other_vector)))
    assert np.median(same) > 0.45 > max(different)
    assert min(same) > np.quantile(different, 0.99)
