"""The gallery out of the table: row for row what SELECT says, in one snapshot, with and without its cache."""

from __future__ import annotations

import errno
import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facedb.core.progress import Silent, Task
from facedb.db.connection import Database
from facedb.scan.faces import gallery_faces
from facedb.scan.faces.gallery import GallerySnapshot
from facedb.scan.faces.gallery_faces import GalleryFaces
from tests.db.population import Population, unit


class Counting(Silent):
    """A reporter that adds up what tasks advance by."""

    def __init__(self) -> None:
        self.total = self.advanced = 0

    @contextmanager
    def task(self, title: str, total: int | None, unit: str) -> Iterator[Task]:  # noqa: ARG002
        self.total = total or 0
        yield self

    def advance(self, n: int = 1, note: str = "") -> None:  # noqa: ARG002
        self.advanced += n


def vectors_of(n: int, dim: int, seed: int = 0) -> np.ndarray:
    return unit(np.random.default_rng(seed).standard_normal((n, dim)))


def load(
    population: Population, cache: Path | None = None, connections: int = 2
) -> tuple[GalleryFaces, np.ndarray, Counting]:
    reporter = Counting()
    with GallerySnapshot(population.db.open, population.model, cache) as snapshot:
        faces = snapshot.faces()
        return faces, snapshot.vectors(faces.embedding_ids, connections=connections, reporter=reporter), reporter


def assert_equals_the_table(population: Population, faces: GalleryFaces, vectors: np.ndarray) -> None:
    with population.db.connection() as conn:
        said = {
            row[0]: row[1:]
            for row in conn.execute(
                "select e.face_id, e.id, f.image_id, coalesce(i.identity_id, 0), e.vec::real[] from facedb.embedding e"
                " join facedb.face f on f.id = e.face_id join facedb.image i on i.id = f.image_id"
                " where e.model_id = %s and i.status = 'ready'",
                (population.model.id,),
            )
        }
    assert sorted(faces.face_ids.tolist()) == sorted(said)
    assert vectors.dtype == np.float32
    assert vectors.flags.c_contiguous
    for k, face in enumerate(faces.face_ids.tolist()):
        embedding, image, identity, vector = said[face]
        assert (faces.embedding_ids[k], faces.image_ids[k], faces.identity_ids[k]) == (embedding, image, identity)
        np.testing.assert_array_equal(vectors[k], np.array(vector, np.float32))


@contextmanager
def table_reads_counted() -> Iterator[list[int]]:
    """The sizes of the chunks that came from the table and not from the cache."""
    seen: list[int] = []
    original = GallerySnapshot._read_range

    def counting(self: GallerySnapshot, *arguments: Any) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for ids, values in original(self, *arguments):
            seen.append(len(ids))
            yield ids, values

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(GallerySnapshot, "_read_range", counting)
        yield seen


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
            writer.join()


def test_the_snapshot_reads_one_moment_and_cannot_write(database: Database) -> None:
    with GallerySnapshot(database.open, Population(database, 4).model) as snapshot:
        assert snapshot._conn is not None
        assert snapshot._conn.execute("show transaction_isolation").fetchone() == ("repeatable read",)
        assert snapshot._conn.execute("show transaction_read_only").fetchone() == ("on",)


# The cache


def test_a_second_load_takes_everything_from_the_cache(database: Database, tmp_path: Path) -> None:
    population = Population(database, 16)
    population.add(vectors_of(500, 16), [f"p{k % 7}" for k in range(500)])
    with table_reads_counted() as fetched:
        load(population, tmp_path)
        assert sum(fetched) == 500
    with table_reads_counted() as fetched:
        faces, vectors, reporter = load(population, tmp_path)
        assert not fetched
    assert reporter.advanced == 500
    assert_equals_the_table(population, faces, vectors)
    (place,) = tmp_path.iterdir()
    assert place.stat().st_mode & 0o777 == 0o700


def test_only_new_rows_are_fetched_and_appended(database: Database, tmp_path: Path) -> None:
    population = Population(database, 16)
    population.add(vectors_of(500, 16), [f"p{k % 7}" for k in range(500)])
    load(population, tmp_path)
    population.add(vectors_of(30, 16, 1), ["new"] * 30)
    with table_reads_counted() as fetched:
        faces, vectors, _ = load(population, tmp_path)
        assert sum(fetched) == 30
    assert_equals_the_table(population, faces, vectors)
    with table_reads_counted() as fetched:
        load(population, tmp_path)
        assert not fetched


def test_a_changed_vector_gets_a_new_number_and_is_fetched(database: Database, tmp_path: Path) -> None:
    population = Population(database, 16)
    keys = population.add(vectors_of(100, 16), ["a"] * 100)
    load(population, tmp_path)
    population.embed_again(keys[10:20], vectors_of(10, 16, 5))
    with table_reads_counted() as fetched:
        faces, vectors, _ = load(population, tmp_path)
        assert sum(fetched) == 10
    assert_equals_the_table(population, faces, vectors)


def test_what_was_deleted_is_not_taken_from_the_cache(database: Database, tmp_path: Path) -> None:
    population = Population(database, 16)
    keys = population.add(vectors_of(100, 16), ["a"] * 100)
    load(population, tmp_path)
    population.delete(keys[:40])
    faces, vectors, _ = load(population, tmp_path)
    assert len(faces) == 60
    assert_equals_the_table(population, faces, vectors)


def test_a_cache_that_is_half_dead_is_written_anew(database: Database, tmp_path: Path) -> None:
    population = Population(database, 16)
    keys = population.add(vectors_of(100, 16), ["a"] * 100)
    load(population, tmp_path)
    population.delete(keys[:70])
    population.add(vectors_of(10, 16, 3), ["b"] * 10)
    faces, vectors, _ = load(population, tmp_path)
    assert_equals_the_table(population, faces, vectors)
    assert cached_bytes(tmp_path) == 40 * 16 * 4
    with table_reads_counted() as fetched:
        faces, vectors, _ = load(population, tmp_path)
        assert not fetched
    assert_equals_the_table(population, faces, vectors)


def test_numbers_that_a_restored_database_gives_out_again_are_not_taken_from_the_cache(
    database: Database, tmp_path: Path
) -> None:
    population = Population(database, 16)
    population.add(vectors_of(60, 16, 1), ["a"] * 60)
    with database.connection() as conn:
        row = conn.execute("select last_value from facedb.embedding_id").fetchone()
        assert row is not None
    keys = population.add(vectors_of(40, 16, 2), ["b"] * 40)
    load(population, tmp_path)
    # As after a backup of the first 60 was restored and other faces came.
    population.delete(keys.tolist())
    with database.connection() as conn:
        conn.execute("select setval('facedb.embedding_id', %s)", row)
    population.add(vectors_of(40, 16, 3), ["c"] * 40)
    with table_reads_counted() as fetched:
        faces, vectors, _ = load(population, tmp_path)
        assert sum(fetched) == 40
    assert_equals_the_table(population, faces, vectors)
    with table_reads_counted() as fetched:
        faces, vectors, _ = load(population, tmp_path)
        assert not fetched
    assert_equals_the_table(population, faces, vectors)


def test_vectors_that_are_asked_for_without_the_faces_leave_the_cache_alone(database: Database, tmp_path: Path) -> None:
    population = Population(database, 16)
    population.add(vectors_of(60, 16, 1), ["a"] * 60)
    faces, expected, _ = load(population, tmp_path)
    kept = cached_bytes(tmp_path)
    with GallerySnapshot(database.open, population.model, tmp_path) as snapshot:
        vectors = snapshot.vectors(faces.embedding_ids, reporter=Silent())
    assert vectors.tobytes() == expected.tobytes()
    assert cached_bytes(tmp_path) == kept


def cached_bytes(cache: Path) -> int:
    (file,) = cache.glob("*/vectors-*.f32")
    return file.stat().st_size


def spoil_nothing(_: Path) -> None:
    pass


def spoil_by_truncating_vectors(place: Path) -> None:
    (file,) = place.glob("vectors-*.f32")
    os.truncate(file, file.stat().st_size // 2 + 3)


def spoil_by_emptying_vectors(place: Path) -> None:
    (file,) = place.glob("vectors-*.f32")
    os.truncate(file, 0)


def spoil_by_removing_vectors(place: Path) -> None:
    (file,) = place.glob("vectors-*.f32")
    file.unlink()


def spoil_by_truncating_the_index(place: Path) -> None:
    os.truncate(place / "index", 24 + 24 * 10 + 5)


def spoil_by_emptying_the_index(place: Path) -> None:
    os.truncate(place / "index", 0)


def spoil_by_a_short_index(place: Path) -> None:
    os.truncate(place / "index", 11)


def spoil_by_a_foreign_index(place: Path) -> None:
    (place / "index").write_bytes(os.urandom(24 + 16 * 100))


def spoil_by_a_foreign_vector(place: Path) -> None:
    (file,) = place.glob("vectors-*.f32")
    with file.open("r+b") as opened:
        opened.seek(16 * 4 * 20)
        opened.write(vectors_of(1, 16, 99).tobytes())


def spoil_by_one_flipped_bit(place: Path) -> None:
    (file,) = place.glob("vectors-*.f32")
    data = bytearray(file.read_bytes())
    data[1234] ^= 1
    file.write_bytes(data)


def spoil_by_shifted_rows(place: Path) -> None:
    (file,) = place.glob("vectors-*.f32")
    data = file.read_bytes()
    file.write_bytes(data[64:] + data[:64])


def spoil_by_appended_garbage(place: Path) -> None:
    (file,) = place.glob("vectors-*.f32")
    with file.open("ab") as opened:
        opened.write(os.urandom(1000))


@pytest.mark.parametrize("spoil", [value for name, value in sorted(globals().items()) if name.startswith("spoil_")])
def test_a_spoiled_cache_never_changes_the_gallery_and_heals(database: Database, tmp_path: Path, spoil) -> None:
    population = Population(database, 16)
    population.add(vectors_of(100, 16), [f"p{k % 7}" for k in range(100)])
    load(population, tmp_path)
    (place,) = tmp_path.iterdir()
    spoil(place)
    faces, vectors, _ = load(population, tmp_path)
    assert_equals_the_table(population, faces, vectors)
    with table_reads_counted() as fetched:
        faces, vectors, _ = load(population, tmp_path)
        assert not fetched
    assert_equals_the_table(population, faces, vectors)


def test_the_cache_may_be_deleted_or_impossible(database: Database, tmp_path: Path) -> None:
    population = Population(database, 16)
    population.add(vectors_of(10, 16), ["a"] * 10)
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    faces, vectors, _ = load(population, blocked / "cache")
    assert_equals_the_table(population, faces, vectors)


def test_a_file_system_without_locks_costs_the_cache_and_not_the_scan(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    population = Population(database, 16)
    population.add(vectors_of(10, 16), ["a"] * 10)
    monkeypatch.setattr(fcntl, "flock", no_locks)
    faces, vectors, _ = load(population, tmp_path)
    assert_equals_the_table(population, faces, vectors)


def test_loads_at_once_with_one_cache_all_see_the_table(database: Database, tmp_path: Path) -> None:
    population = Population(database, 64)
    keys = population.add(vectors_of(2000, 64), [f"p{k % 7}" for k in range(2000)])
    failures: list[BaseException] = []

    def read() -> None:
        try:
            for _ in range(6):
                with GallerySnapshot(database.open, population.model, tmp_path) as snapshot:
                    faces = snapshot.faces()
                    vectors = snapshot.vectors(faces.embedding_ids, reporter=Silent())
                    with GallerySnapshot(database.open, population.model) as plain:
                        # The plain snapshot is younger: only what both know is compared.
                        others = plain.faces()
                        common = np.isin(others.embedding_ids, faces.embedding_ids)
                        expected = plain.vectors(others.embedding_ids[common], reporter=Silent())
                    place = {number: k for k, number in enumerate(faces.embedding_ids.tolist())}
                    rows = [place[number] for number in others.embedding_ids[common].tolist()]
                    np.testing.assert_array_equal(vectors[rows], expected)
        except BaseException as error:  # noqa: BLE001 - handed to the test's thread
            failures.append(error)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for k in range(4):
        population.embed_again(keys[k * 100 : k * 100 + 50], vectors_of(50, 64, k + 7))
        population.delete(keys[1000 + k * 200 : 1150 + k * 200])
        population.add(vectors_of(40, 64, k + 70), ["late"] * 40)
    for thread in threads:
        thread.join()
    assert not failures
    faces, vectors, _ = load(population, tmp_path)
    assert_equals_the_table(population, faces, vectors)


def test_two_databases_of_one_server_share_no_cache(
    database: Database, empty_database: Database, tmp_path: Path
) -> None:
    from facedb.db.migrate import upgrade

    upgrade(empty_database)
    one, two = Population(database, 8), Population(empty_database, 8)
    one.add(vectors_of(20, 8, 1), ["a"] * 20)
    two.add(vectors_of(20, 8, 2), ["a"] * 20)
    for population in (one, two, one, two):
        faces, vectors, _ = load(population, tmp_path)
        assert_equals_the_table(population, faces, vectors)
    assert len(list(tmp_path.iterdir())) == 2
