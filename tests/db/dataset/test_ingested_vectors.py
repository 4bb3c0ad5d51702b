"""Vectors that are ingested as they are: normalised, followed like files, and of one contract."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from facedb.core.errors import ConflictError, InputError, UsageError
from facedb.db.connection import Database
from tests.db.dataset.folders import faces, take


def test_a_vector_that_is_named_twice_has_one_row_in_every_batch(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = np.random.default_rng(0).standard_normal((6, 8)).astype(np.float32)
    for number, names in enumerate((["a/1", "a/1", "b/2"], ["a/1", "b/2", "b/3"])):
        np.save(tmp_path / f"{number:04d}.features.npy", raw[3 * number : 3 * number + 3])
        np.save(tmp_path / f"{number:04d}.object_ids.npy", np.array(names))
    monkeypatch.setattr("facedb.sources.arrays.vectors.ROWS_PER_BATCH", 3)
    for _ in range(2):
        done = take(database, tmp_path, dataset="npy", contract="mine")
        assert done.seen == 3
    found = embedded_vectors(database)
    for path, row in {"a/1": 0, "b/2": 2, "b/3": 5}.items():
        np.testing.assert_allclose(found[path], raw[row] / np.linalg.norm(raw[row]), atol=1e-6)


def write_npz(folder: Path, people: dict[str, np.ndarray]) -> Path:
    for name, vectors in people.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        np.savez(
            folder / name / "npKnown.npz",
            name=np.array([f"{name}_{k}.png" for k in range(len(vectors))]),
            efficientnetv2_arcface=vectors[:, None, :].astype(np.float32),
        )
    return folder


def embedded_vectors(db: Database) -> dict[str, np.ndarray]:
    with db.connection() as conn:
        return {
            row[0]: np.array(row[1], np.float32)
            for row in conn.execute(
                "select i.path, e.vec::real[] from facedb.embedding e join facedb.face f on f.id = e.face_id"
                " join facedb.image i on i.id = f.image_id where i.status = 'ready'"
            )
        }


def test_vectors_go_to_the_table_normalised_and_unusable_ones_to_the_rejects(
    database: Database, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    raw = rng.standard_normal((6, 32)).astype(np.float32)
    raw[2] = 0
    raw[4, 5] = np.nan
    folder = write_npz(tmp_path / "known", {"ada": raw[:3], "bea": raw[3:]})
    with pytest.raises(UsageError, match="--contract"):
        take(database, folder)
    done = take(database, folder, contract="mine")
    assert (done.seen, done.new, done.identities) == (6, 6, 2)
    found = embedded_vectors(database)
    assert len(found) == 4
    for vector in found.values():
        assert (
            min(float(np.abs(vector - row / np.linalg.norm(row.astype(np.float64))).max()) for row in raw[[0, 1, 3, 5]])
            < 1e-7
        )
    with database.connection() as conn:
        assert conn.execute("select code, count(*) from facedb.embed_reject group by 1").fetchall() == [
            ("bad_vector", 2)
        ]


def test_vectors_are_followed_like_files(database: Database, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    people = {name: rng.standard_normal((4, 16)).astype(np.float32) for name in ("ada", "bea", "cid")}
    folder = write_npz(tmp_path / "known", people)
    take(database, folder, contract="mine")
    before = faces(database)
    assert take(database, folder).unchanged == 12
    people["ada"][1] *= -1
    write_npz(folder, people)
    done = take(database, folder)
    assert (done.changed, done.unchanged) == (1, 11)
    shutil.move(folder / "cid", tmp_path / "cid")
    done = take(database, folder)
    assert (done.vanished, done.seen) == (4, 8)
    shutil.move(tmp_path / "cid", folder / "cid")
    assert take(database, folder).unchanged == 12
    after = faces(database)
    assert {path for path in before if before[path] != after[path]} == {
        path for path in before if path.startswith("ada") and "1" in path.split("_")[-1]
    }


def test_vectors_of_another_contract_or_width_are_refused_with_advice(database: Database, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    folder = write_npz(tmp_path / "known", {"ada": rng.standard_normal((4, 16))})
    take(database, folder, contract="mine")
    with pytest.raises(ConflictError, match="--dataset"):
        take(database, folder, contract="other")
    assert take(database, folder, contract="other", dataset="second").new == 4
    write_npz(folder, {"bea": rng.standard_normal((4, 8))})
    with pytest.raises(InputError, match="--contract"):
        take(database, folder)
