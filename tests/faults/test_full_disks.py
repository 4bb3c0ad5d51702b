"""Full disks, caused for real by small ones: the error names the place and the room, and nothing half-written is believed."""

from __future__ import annotations

import re
import resource
import secrets
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from facedb.core.files.paths import QUARANTINE
from facedb.core.progress import Silent
from facedb.db.connection import Database
from facedb.review.plans.plan import make_plan
from facedb.review.verdicts import Statement, say
from facedb.scan.run import ScanOptions, scan
from tests.acceptance import trees
from tests.acceptance.world import Command
from tests.db.population import Population, clustered

SmallDisk = Callable[[Path, str], None]


@pytest.fixture
def small_disk() -> Iterator[SmallDisk]:
    """Puts a disk of some size at a place; skips where this user may not mount one."""
    mounted: list[Path] = []

    def mount(place: Path, size: str) -> None:
        place.mkdir(parents=True, exist_ok=True)
        again = ["-o", f"remount,size={size}"] if place in mounted else ["-t", "tmpfs", "-o", f"size={size},mode=755"]
        done = subprocess.run(["/bin/mount", *again, "none", str(place)], check=False, capture_output=True)
        if done.returncode:
            pytest.skip("mounting a small disk takes root")
        mounted.append(place)

    yield mount
    for place in set(mounted):
        subprocess.run(["/bin/umount", "-l", str(place)], check=True)


@pytest.fixture
def faces(database: Database) -> Population:
    """Six thousand faces, whose vectors take a megabyte and a half."""
    population = Population(database, 64)
    population.add(clustered(np.random.default_rng(1), 6000, 64, 40), [f"p{k // 3:04}" for k in range(6000)])
    return population


def assert_named(said: str, place: Path) -> None:
    """The sentence names the place, what is needed and what is free."""
    assert str(place) in said
    assert len(re.findall(r"[\d.]+ MB", said)) == 2
    assert "free" in said
    assert "Traceback" not in said


def test_a_data_directory_without_room_is_named_and_the_same_command_ends_the_work_when_there_is_some(
    small_disk: SmallDisk, short_directory: Path, tmp_path: Path
) -> None:
    place = short_directory / secrets.token_hex(4)
    small_disk(place, "150m")
    source = tmp_path / "vectors"
    source.mkdir()
    rows, dim = 24_000, 512
    rng = np.random.default_rng(1)
    for part in range(4):
        np.save(source / f"{part:04}.features.npy", rng.standard_normal((rows // 4, dim)).astype(np.float32))
        np.save(source / f"{part:04}.object_ids.npy", np.array([f"p{k // 5}/{part}-{k}" for k in range(rows // 4)]))
    facedb = Command(place)
    said = facedb("ingest", source, "--contract", "given", code=3)
    assert_named(said.err, place)
    small_disk(place, "500m")
    counted = facedb("datasets", "--format", "csv").csv
    assert 0 <= sum(int(row["files"]) for row in counted) < rows
    facedb("ingest", source, "--contract", "given")
    assert facedb("datasets", "--format", "csv").csv[0]["embedded"] == str(rows)
    facedb("db", "stop")


@pytest.mark.long
def test_a_disk_that_is_too_small_for_a_database_is_named_and_left_as_it_was(
    small_disk: SmallDisk, short_directory: Path
) -> None:
    place = short_directory / secrets.token_hex(4)
    small_disk(place, "20m")
    facedb = Command(place)
    assert_named(facedb("datasets", code=3).err, place)
    small_disk(place, "200m")
    facedb("datasets")


@pytest.mark.parametrize("what", ["all.npz", pytest.param("all.parquet", marks=pytest.mark.long), "all"])
def test_an_export_to_a_full_disk_names_it_and_leaves_nothing(
    small_disk: SmallDisk, faces: Population, tmp_path: Path, what: str
) -> None:
    small_disk(tmp_path / "small", "1m")
    more = ["--format", "npy"] if what == "all" else []
    said = Command(tmp_path, dsn=faces.db.dsn)("export", "embeddings", tmp_path / "small" / what, *more, code=1)
    assert_named(said.err, tmp_path / "small")
    assert list((tmp_path / "small").iterdir()) == []


def test_a_limit_of_the_size_of_files_is_told_in_the_same_way(faces: Population, tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.mkdir()
    facedb = Command(tmp_path, dsn=faces.db.dsn)
    process = facedb.start(
        "export",
        "embeddings",
        target / "all.npz",
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20)),
    )
    said = process.communicate()[1].decode()
    assert process.returncode == 1
    assert_named(said, target)
    assert list(target.iterdir()) == []


def test_a_backup_to_a_full_disk_leaves_nothing(small_disk: SmallDisk, faces: Population, tmp_path: Path) -> None:
    small_disk(tmp_path / "small", "1m")
    said = Command(tmp_path, dsn=faces.db.dsn)("db", "backup", tmp_path / "small" / "faces.dump", code=3)
    assert_named(said.err, tmp_path / "small")
    assert list((tmp_path / "small").iterdir()) == []


def test_a_cache_on_a_full_disk_costs_the_cache_and_not_the_scan(
    small_disk: SmallDisk, faces: Population, tmp_path: Path
) -> None:
    small_disk(tmp_path / "small", "1m")
    cache = tmp_path / "small"
    first = scan(faces.db, ScanOptions(threshold=0.9, engine="exact", cache_dir=cache), reporter=Silent()).scan
    again = ScanOptions(threshold=0.9, engine="exact", full=True, cache_dir=cache)
    second = scan(faces.db, again, reporter=Silent()).scan
    assert faces.pairs(first.id) == faces.pairs(second.id)
    assert first.pairs > 0


def test_an_apply_that_finds_no_room_stands_still_and_goes_both_ways(
    small_disk: SmallDisk, database: Database, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    trees.grow(root, {f"bob/{n}.png": trees.png(f"bob {n} " * 1200) for n in range(4)})
    # Another file system, to which nothing can be linked: what goes there is copied.
    quarantine = root / QUARANTINE
    small_disk(quarantine, "1m")
    trees.take(database, root)
    before = {path: seen for path, seen in trees.look(root).items() if QUARANTINE not in path}
    say(database, [Statement("face", f"bob/{n}.png", "wrong-identity", by="eve") for n in range(3)])
    facedb, plan = Command(tmp_path, dsn=database.dsn), make_plan(database).plan.id
    said = facedb("apply", plan, "--yes", code=7).err
    assert str(root) in said
    assert "No space left" in said
    facedb("undo", plan, "--yes")
    after = {path: seen[2] for path, seen in trees.look(root).items() if QUARANTINE not in path}
    assert after == {path: seen[2] for path, seen in before.items()}
    assert not [path for path in quarantine.rglob("*") if path.is_file()]
    plan = make_plan(database).plan.id
    facedb("apply", plan, "--yes", code=7)
    small_disk(quarantine, "8m")
    facedb("apply", plan, "--yes")
    assert len(list(quarantine.rglob("*.png"))) == 3
    facedb("undo", plan, "--yes")
