"""The gallery out of the table: row for row what SELECT says, in one snapshot."""

from __future__ import annotations

import threading
from dataclasses import fields

import numpy as np
import pytest

from facedb.core.progress import Silent
from facedb.db.connection import Database
from facedb.scan.faces import gallery_faces
from facedb.scan.faces.gallery import GallerySnapshot
from facedb.scan.faces.gallery_faces import GalleryFaces
from tests.db.population import Population
from tests.db.scan.faces.loaded import assert_equals_the_table, load, vectors_of
from tests.processes import join


@pytest.mark.parametrize("dim", [1, 3, 512, 2001])
@pytest.mark.parametrize("connections", [1, 2, 5])
def test_the_gallery_equals_the_table(database: Database, dim: int, connections: int) -> None:
    population = Population(database, dim)
    population.add(vectors_of(300, dim), [f"p{k % 7}" for k in range(300)])
    faces, vectors, reporter = load(population, connections=connections)
    assert_equals_the_table(population, faces, vectors)
    assert reporter.advanced == reporter.total == 300
    order = np.lexsort((faces.face_ids, faces.identity_ids))
    assert (order == np.arange(300)).all()


def test_an_empty_gallery_has_its_shape(database: Database) -> None:
    population = Population(database, 4)
    faces, vectors, _ = load(population)
    assert len(faces) == 0
    assert vectors.shape == (0, 4)


def test_faces_without_a_label_have_identity_0_and_unmeasured_ones_nan(database: Database) -> None:
    population = Population(database, 4)
    population.add(vectors_of(3, 4), [None, "a", "b"], sizes=[None, 40.0, 41.5], sharpness=[1.0, None, 3.0])
    faces, _, _ = load(population)
    assert faces.identity_ids[0] == 0
    np.testing.assert_array_equal(faces.size_px, np.array([np.nan, 40, 41.5], np.float32))
    np.testing.assert_array_equal(faces.sharpness, np.array([1, np.nan, 3], np.float32))
    np.testing.assert_array_equal(faces.norms, np.ones(3, np.float32))


def test_images_that_vanished_or_were_rejected_are_left_out(database: Database) -> None:
    population = Population(database, 4)
    faces = population.add(vectors_of(4, 4), ["a", "a", "b", "b"])
    population.set_status(faces[1:2], "vanished")
    found, vectors, _ = load(population)
    assert sorted(found.face_ids) == [faces[0], faces[2], faces[3]]
    assert_equals_the_table(population, found, vectors)


def test_another_model_and_another_dataset_do_not_mix(database: Database) -> None:
    one, two = Population(database, 4, "one"), Population(database, 4, "two")
    one.add(vectors_of(5, 4, 1), ["a"] * 5, dataset="x")
    two.add(vectors_of(6, 4, 2), ["a"] * 6, dataset="y")
    one.add(vectors_of(2, 4, 3), ["a"] * 2, dataset="y")
    faces, vectors, _ = load(one)
    assert len(faces) == 7
    assert len(np.unique(faces.dataset_ids)) == 2
    assert len(np.unique(faces.identity_ids)) == 2
    assert_equals_the_table(one, faces, vectors)


def test_faces_read_table_by_table_are_those_that_the_server_joins(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = Population(database, 4, "one"), Population(database, 4, "two")
    two.add(vectors_of(5, 4, 2), ["a"] * 5, dataset="y")
    faces = one.add(vectors_of(60, 4, 1), [None if k % 9 == 0 else f"p{k % 4}" for k in range(60)], dataset="x")
    one.add(vectors_of(3, 4, 3), ["a"] * 3, dataset="y", sizes=[None, 40.0, 41.5], sharpness=[1.0, None, 3.0])
    one.embed_again(faces[3:5].tolist(), vectors_of(2, 4, 5))
    one.set_status(faces[7:8], "vanished")
    with database.connection() as conn:
        conn.execute("update facedb.image set sha256 = sha256(path::bytea), phash = id * 31 where id % 3 = 0")
        conn.execute("update facedb.face set landmarks = array[1,2,4,3,5,6,7,8,9,id]::real[] where id % 2 = 0")
    joined, vectors, _ = load(one)
    monkeypatch.setattr(gallery_faces, "JOINED_UP_TO", -1)
    monkeypatch.setattr(gallery_faces, "_PAGES_AT_ONCE", 1)
    read, same, _ = load(one)
    for column in fields(GalleryFaces):
        np.testing.assert_array_equal(getattr(read, column.name), getattr(joined, column.name))
    np.testing.assert_array_equal(same, vectors)
    assert not np.isnan(read.roll).all()
    assert len(np.unique(read.content)) > 2
    with GallerySnapshot(database.open, Population(database, 4, "nobody").model) as snapshot:
        assert len(snapshot.faces()) == 0


def test_a_face_in_profile_is_not_turned_and_one_on_its_side_is(database: Database) -> None:
    upright = np.array([[38.0, 52.0], [74.0, 52.0], [56.0, 72.0], [42.0, 92.0], [71.0, 92.0]])
    # In a profile the eyes lie on one spot, and what the detector takes for their line points anywhere.
    profile = np.array([[48.0, 65.0], [46.0, 63.0], [31.0, 87.0], [52.0, 102.0], [57.0, 100.0]])
    quarter = np.array([[0.0, 1.0], [-1.0, 0.0]])
    shown = [upright, upright @ quarter, -upright, profile, profile @ quarter]
    one = Population(database, 4, "one")
    faces = one.add(vectors_of(5, 4, 1), ["a"] * 5, dataset="x")
    with database.connection() as conn:
        for face, points in zip(faces.tolist(), shown, strict=True):
            conn.execute("update facedb.face set landmarks = %s::real[] where id = %s", (points.ravel().tolist(), face))
    read, _, _ = load(one)
    roll = dict(zip(read.face_ids.tolist(), np.abs(read.roll).tolist(), strict=True))
    turned = [roll[face] for face in faces.tolist()]
    assert turned[:3] == pytest.approx([0, 90, 180], abs=3)
    assert turned[3] < 20
    assert turned[4] == pytest.approx(90, abs=20)


def test_a_number_that_is_not_in_the_table_raises(database: Database) -> None:
    population = Population(database, 4)
    population.add(vectors_of(5, 4), ["a"] * 5)
    with GallerySnapshot(database.open, population.model) as snapshot, pytest.raises(KeyError, match="1 of 2"):
        snapshot.vectors(np.array([snapshot.faces().embedding_ids[0], 10**9]), reporter=Silent())


def test_the_snapshot_stays_the_same_while_others_write(database: Database) -> None:
    population = Population(database, 8)
    first = population.add(vectors_of(400, 8), [f"p{k % 9}" for k in range(400)])
    before = {row[0]: row[4] for row in population.gallery()}
    stop = threading.Event()

    def write() -> None:
        seed = 1
        while not stop.is_set():
            added = population.add(vectors_of(50, 8, seed), ["new"] * 50)
            population.embed_again(first[:20], vectors_of(20, 8, seed + 1000))
            population.delete(added[:25])
            seed += 1

    with GallerySnapshot(database.open, population.model) as snapshot:
        faces = snapshot.faces()
        writer = threading.Thread(target=write)
        writer.start()
        try:
            for _ in range(8):
                vectors = snapshot.vectors(faces.embedding_ids, connections=3, reporter=Silent())
                assert sorted(faces.face_ids) == sorted(before)
                for face, vector in zip(faces.face_ids.tolist(), vectors, strict=True):
                    np.testing.assert_array_equal(vector, before[face])
        finally:
            stop.set()
            join(writer)


def test_the_snapshot_reads_one_moment_and_cannot_write(database: Database) -> None:
    with GallerySnapshot(database.open, Population(database, 4).model) as snapshot:
        assert snapshot._conn is not None
        assert snapshot._conn.execute("show transaction_isolation").fetchone() == ("repeatable read",)
        assert snapshot._conn.execute("show transaction_read_only").fetchone() == ("on",)
