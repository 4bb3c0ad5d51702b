"""The cache of the gallery: what it spares, and that nothing in it, lost, spoiled or foreign, ever changes the gallery."""

from __future__ import annotations

import errno
import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facedb.core.progress import Silent
from facedb.db.connection import Database
from facedb.scan.faces.gallery import GallerySnapshot
from tests.db.population import Population
from tests.db.scan.faces.loaded import assert_equals_the_table, load, vectors_of
from tests.processes import join


@contextmanager
def table_reads_counted() -> Iterator[list[int]]:
    """The sizes of the chunks that came from the table and not from the cache."""
    seen: list[int] = []
    original = GallerySnapshot._read

    def counting(self: GallerySnapshot, *arguments: Any) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for ids, values in original(self, *arguments):
            seen.append(len(ids))
            yield ids, values

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(GallerySnapshot, "_read", counting)
        yield seen


def read_from_the_table(population: Population, cache: Path) -> int:
    """How many vectors a load takes from the table and not from the cache; all that it gives is what the table says."""
    with table_reads_counted() as fetched:
        faces, vectors, reporter = load(population, cache)
    assert_equals_the_table(population, faces, vectors)
    assert reporter.advanced == len(faces)
    return sum(fetched)


def test_a_second_load_takes_everything_from_the_cache(database: Database, tmp_path: Path) -> None:
    population = Population(database, 16)
    population.add(vectors_of(500, 16), [f"p{k % 7}" for k in range(500)])
    assert read_from_the_table(population, tmp_path) == 500
    assert read_from_the_table(population, tmp_path) == 0
    (place,) = tmp_path.iterdir()
    assert place.stat().st_mode & 0o777 == 0o700


def test_only_new_rows_are_fetched_and_appended(database: Database, tmp_path: Path) -> None:
    population = Population(database, 16)
    population.add(vectors_of(500, 16), [f"p{k % 7}" for k in range(500)])
    load(population, tmp_path)
    population.add(vectors_of(30, 16, 1), ["new"] * 30)
    assert read_from_the_table(population, tmp_path) == 30
    assert read_from_the_table(population, tmp_path) == 0


def test_a_changed_vector_gets_a_new_number_and_is_fetched(database: Database, tmp_path: Path) -> None:
    population = Population(database, 16)
    keys = population.add(vectors_of(100, 16), ["a"] * 100)
    load(population, tmp_path)
    population.embed_again(keys[10:20], vectors_of(10, 16, 5))
    assert read_from_the_table(population, tmp_path) == 10


@pytest.mark.parametrize("new", [0, 10])
@pytest.mark.parametrize("deleted", [1, 70])
def test_what_was_deleted_is_not_taken_from_the_cache_and_no_longer_in_it(
    database: Database, tmp_path: Path, deleted: int, new: int
) -> None:
    population = Population(database, 16)
    keys = population.add(vectors_of(100, 16), ["a"] * 100)
    load(population, tmp_path)
    population.delete(keys[:deleted])
    population.add(vectors_of(new, 16, 3), ["b"] * new)
    assert read_from_the_table(population, tmp_path) == new
    assert cached_bytes(tmp_path) == (100 - deleted + new) * 16 * 4
    assert read_from_the_table(population, tmp_path) == 0


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
    assert read_from_the_table(population, tmp_path) == 40
    assert read_from_the_table(population, tmp_path) == 0


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
    assert read_from_the_table(population, tmp_path) == 0


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
    join(*threads)
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
