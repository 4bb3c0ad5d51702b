"""Several at once: one waits or is refused by name, and the rows are right."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from facedb.core.progress import Silent
from facedb.dataset.ingest import ingest
from facedb.db import migrate
from facedb.db.connection import Database
from facedb.review.plans.plan import make_plan
from facedb.scan.retention import prune
from facedb.scan.run import ScanOptions, scan
from tests.acceptance import trees
from tests.acceptance.world import Command, block_model, people, picture_of
from tests.db.population import Population, clustered
from tests.faults.kills import rows
from tests.processes import Process

DIM = 32


def ends(running: list[Process]) -> list[tuple[str, int]]:
    """What each said and how it ended: well, or refused by name."""
    found = [(process.communicate()[1].decode(), process.returncode) for process in running]
    for said, code in found:
        assert code == 0 or (code == 10 and "facedb (process " in said), (code, said)
    assert 0 in [code for _, code in found], found
    return found


def picture(db: Database) -> dict[str, list[tuple[object, ...]]]:
    with db.connection() as conn:
        return picture_of(partial(rows, conn))


@pytest.mark.parametrize(
    "same", [pytest.param(True, id="one dataset"), pytest.param(False, id="two datasets", marks=pytest.mark.long)]
)
def test_two_checks_at_once_leave_the_rows_of_one_after_the_other(
    tmp_path: Path, database: Database, empty_database: Database, same: bool
) -> None:
    migrate.upgrade(empty_database)
    model = block_model(tmp_path / "blocks.onnx")
    folders = [people(tmp_path / "photos", 6, 4), people(tmp_path / "others", 5, 4, first=3)][: 1 if same else 2]
    alone, crowded = Command(tmp_path, dsn=empty_database.dsn), Command(tmp_path, dsn=database.dsn)
    commands = [("check", folder, "--model", model, "--threshold", "0.3") for folder in folders]
    for command in commands:
        alone(*command)
    ends([crowded.start(*command) for command in (commands * 2 if same else commands)])
    # One of two may have been refused; a scan of everything then shows what each of them brought.
    for facedb in (alone, crowded):
        for command in commands if facedb is crowded else ():
            facedb(*command)
        facedb("scan", "--threshold", "0.25")
    assert picture(database) == picture(empty_database)


def taken_from(population: Population, _: Path) -> Callable[[], object]:
    """Ingest with --prune: faces of a gallery vanish from the tables."""
    with population.db.connection() as conn:
        faces = [row[0] for row in conn.execute("select id from facedb.face order by id limit 20")]
    return lambda: population.delete(faces)


def pruned(population: Population, _: Path) -> Callable[[], object]:
    """Scans end."""
    scan(population.db, ScanOptions(threshold=0.7, engine="exact"), reporter=Silent())
    return lambda: prune(population.db, 0, yes=True)


def brought(population: Population, tmp_path: Path) -> Callable[[], object]:
    """An ingest of photos into another dataset."""
    folder = people(tmp_path / "photos", 2, 2)
    return lambda: ingest(population.db, folder, reporter=Silent())


def upgraded(population: Population, _: Path) -> Callable[[], object]:
    """An upgrade, which makes the views anew."""
    return lambda: migrate.upgrade(population.db)


@pytest.mark.parametrize("what", [taken_from, pruned, brought, upgraded])
def test_a_scan_goes_on_beside_others_and_has_the_rows_of_its_moment(
    database: Database, tmp_path: Path, what: Callable[[Population, Path], Callable[[], object]]
) -> None:
    population = Population(database, DIM)
    population.add(clustered(np.random.default_rng(1), 200, DIM, 8), [f"p{k // 4:03}" for k in range(200)])
    options = ScanOptions(threshold=0.5, engine="exact", block_rows=16)
    earlier = scan(database, ScanOptions(threshold=0.8, engine="exact"), reporter=Silent()).scan.id
    expected = population.expected_pairs(0.5)
    beside = what(population, tmp_path)
    moments = 0

    def pause() -> None:
        nonlocal moments
        moments += 1
        if moments == 3:
            beside()

    done = scan(database, options, reporter=Silent(), pause=pause).scan
    assert moments > 5
    assert population.pairs(done.id) == expected
    again = scan(database, options, reporter=Silent()).scan
    assert population.pairs(again.id) == population.expected_pairs(0.5)
    with database.connection() as conn:
        left = conn.execute("select id from facedb.scan where id = %s", [earlier]).fetchone()
    assert (left is None) == (what is pruned)


def test_two_applies_at_once_move_every_file_once(database: Database, tmp_path: Path) -> None:
    root = tmp_path / "root"
    trees.people(database, root)
    before = trees.look(root)
    plan = make_plan(database).plan.id
    facedb = Command(tmp_path, dsn=database.dsn)
    ends([facedb.start("apply", plan, "--yes") for _ in range(2)])
    facedb("apply", plan, "--yes")
    facedb("undo", plan, "--yes")
    assert trees.look(root) == before
