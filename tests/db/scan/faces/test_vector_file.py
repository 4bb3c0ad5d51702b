"""A gallery that memory would not hold is scanned out of a file: the same rows, and nothing left behind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facedb.core.errors import FacedbError
from facedb.core.machine import memory
from facedb.core.progress import Silent
from facedb.db.connection import Database
from facedb.scan import memory_need
from facedb.scan.faces.vector_file import matrix_in_file
from facedb.scan.run import ScanOptions, scan
from tests.db.population import Population, clustered

ROWS, DIM, FOLDERS = 120, 64, 20


class Talk(Silent):
    """A reporter that remembers what was said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, message: str) -> None:
        self.said.append(message)


@pytest.fixture
def crowd(database: Database) -> Population:
    population = Population(database, DIM)
    population.add(clustered(np.random.default_rng(0), ROWS, DIM, 10), [f"p{k % FOLDERS:02d}" for k in range(ROWS)])
    return population


def short_by(missing: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the loading of vectors on, let memory have so many bytes less than a scan of them needs."""
    monkeypatch.setattr(memory_need, "_LEAST_BYTES", 0)
    monkeypatch.setattr(memory, "available", lambda: memory_need.of_gallery(ROWS, DIM, FOLDERS) - missing)


def test_vectors_that_do_not_fit_into_memory_lie_in_a_file_and_give_the_same_rows(
    database: Database, crowd: Population, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = Talk()
    short_by(4 * ROWS * DIM, monkeypatch)
    summary = scan(database, ScanOptions(threshold=0.5, cache_dir=tmp_path), reporter=talk)
    assert crowd.pairs(summary.scan.id) == crowd.expected_pairs(0.5)
    assert [message for message in talk.said if f"they are kept in a file in {tmp_path}" in message]
    assert sum(path.is_file() for path in tmp_path.iterdir()) == 0


@pytest.mark.usefixtures("crowd")
@pytest.mark.parametrize("why", ["codes do not fit either", "no folder", "addresses are limited"])
def test_a_scan_that_a_file_would_not_help_is_refused_with_the_numbers(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    short_by(4 * ROWS * DIM + (why == "codes do not fit either"), monkeypatch)
    monkeypatch.setattr(memory, "addresses_are_limited", lambda: why == "addresses are limited")
    cache = None if why == "no folder" else tmp_path
    with pytest.raises(memory.TooLittleMemoryError, match=f"{ROWS} faces x {DIM} values"):
        scan(database, ScanOptions(threshold=0.5, cache_dir=cache), reporter=Silent())


def test_a_disk_without_room_for_the_vectors_is_said_before_they_are_read(tmp_path: Path) -> None:
    with pytest.raises(FacedbError, match=f"cannot be made in {tmp_path}"):
        matrix_in_file(2**40, 1024, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_file_is_of_the_owner_alone_has_no_name_and_can_be_written(tmp_path: Path) -> None:
    matrix = matrix_in_file(1000, 8, tmp_path / "new")
    matrix[999] = 7
    assert matrix.shape == (1000, 8)
    assert matrix.dtype == np.float32
    assert matrix.sum() == 56
    assert list((tmp_path / "new").iterdir()) == []
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
