"""Two at once on one dataset, and disks that are full: rows stay right, and nothing half-written is believed."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facedb.core.progress import Silent
from facedb.db.connection import Connection, Database
from facedb.scan.run import ScanOptions, scan
from tests.acceptance.world import Command, block_model, people, picture_of
from tests.db.population import Population, clustered


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte; skips where this user may not mount one."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["/bin/mount", "-t", "tmpfs", "-o", "size=1m", "none", str(place)], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("mounting a small disk takes root")
    yield place
    subprocess.run(["/bin/umount", "-l", str(place)], check=True)


def rows(conn: Connection, statement: str) -> list[tuple[Any, ...]]:
    return conn.execute(statement).fetchall()


def test_two_checks_at_once_leave_the_rows_of_one(tmp_path: Path, database: Database, empty_database: Database) -> None:
    from facedb.db.migrate import upgrade

    upgrade(empty_database)
    folder, model = people(tmp_path / "photos", 6, 4), block_model(tmp_path / "blocks.onnx")
    alone, crowded = Command(tmp_path, dsn=empty_database.dsn), Command(tmp_path, dsn=database.dsn)
    alone("check", folder, "--model", model, "--threshold", "0.3")
    both = [crowded.start("check", folder, "--model", model, "--threshold", "0.3") for _ in range(2)]
    ends = [(process.communicate(timeout=120)[1].decode(), process.returncode) for process in both]
    assert 0 in [code for _, code in ends], ends
    for said, code in ends:
        assert code == 0 or (code == 10 and "Another facedb" in said), said
    pictures = []
    for db in (empty_database, database):
        with db.connection() as conn:
            pictures.append(picture_of(partial(rows, conn)))
    assert pictures[0] == pictures[1]


def test_an_export_to_a_full_disk_names_it_and_leaves_nothing(
    small_disk: Path, tmp_path: Path, database: Database
) -> None:
    population = Population(database, 64)
    population.add(clustered(np.random.default_rng(1), 6000, 64, 40), [f"p{k // 3:04}" for k in range(6000)])
    facedb = Command(tmp_path, dsn=database.dsn)
    said = facedb("export", "embeddings", small_disk / "all.npz", code=1)
    assert "No space left" in said.err
    assert list(small_disk.iterdir()) == []


def test_a_cache_on_a_full_disk_costs_the_cache_and_not_the_scan(small_disk: Path, database: Database) -> None:
    population = Population(database, 64)
    population.add(clustered(np.random.default_rng(1), 6000, 64, 40), [f"p{k // 3:04}" for k in range(6000)])
    options = ScanOptions(threshold=0.9, engine="exact", cache_dir=small_disk)
    with_cache = scan(database, options, reporter=Silent()).scan
    again = scan(
        database, ScanOptions(threshold=0.9, engine="exact", full=True, cache_dir=small_disk), reporter=Silent()
    ).scan
    assert population.pairs(with_cache.id) == population.pairs(again.id)
    assert with_cache.pairs > 0
