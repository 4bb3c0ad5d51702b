"""A scan on a Ray cluster: who is seated where, and that nodes may come and go while the rows stay those of one process."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facedb.core.errors import EngineError, UsageError
from facedb.core.progress import Silent
from facedb.db.connection import Database
from facedb.scan.run import ScanOptions, scan
from facedb.scan.tiles.ray_crew import MOST_THREADS, Seat, seats
from tests.db.population import Population, clustered
from tests.db.scan.scans import DIM, crowd, people

WITH_RAY = importlib.util.find_spec("ray") is not None


def node(name: str, alive: bool = True, host: str = "here", **resources: float) -> dict[str, Any]:
    return {"NodeID": name, "Alive": alive, "NodeManagerHostname": host, "Resources": resources}


def test_every_share_of_the_cores_of_a_node_is_a_seat() -> None:
    assert seats([node("a", CPU=4.0)], "int8", 2) == [Seat("a", 0, 2), Seat("a", 1, 2)]
    assert seats([node("a", CPU=3.0)], "int8", 2) == [Seat("a", 0, 2)]
    assert seats([node("a", CPU=1.0)], "int8", 8) == [Seat("a", 0, 1)]
    assert [seat.cores for seat in seats([node("a", CPU=64.0)], "int8", None)] == [MOST_THREADS] * 4


def test_every_gpu_is_a_seat_where_the_engine_may_use_one() -> None:
    nodes = [node("a", CPU=32.0, GPU=8.0), node("b", CPU=8.0)]
    gpus = [Seat("a", number, 4, gpu=True) for number in range(8)]
    assert seats(nodes, "cuda", None) == gpus
    assert seats(nodes, "auto", None) == [*gpus, Seat("b", 0, 8)]
    assert [seat.gpu for seat in seats(nodes, "int8", 8)] == [False] * 5


def test_dead_nodes_and_those_without_a_core_or_elsewhere_have_no_seat() -> None:
    nodes = [node("a", alive=False, CPU=4.0), node("b"), node("c", host="there", CPU=4.0)]
    assert seats(nodes, "auto", None, "here") == []
    assert seats(nodes, "auto", None) == [Seat("c", 0, 4)]


def test_workers_of_this_machine_and_those_of_a_cluster_exclude_each_other(database: Database) -> None:
    with pytest.raises(UsageError, match="--workers counts processes"):
        scan(database, ScanOptions(threshold=0.5, ray="", workers=2), reporter=Silent())
    with pytest.raises(UsageError, match="no engine 'fast'"):
        scan(database, ScanOptions(threshold=0.5, ray="", engine="fast"), reporter=Silent())


@pytest.mark.skipif(WITH_RAY, reason="Ray is installed")
def test_without_ray_the_scan_says_how_to_get_it(database: Database) -> None:
    crowd(database)
    with pytest.raises(EngineError, match="Ray is not installed"):
        scan(database, ScanOptions(threshold=0.5, ray=""), reporter=Silent())


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.skipif(not WITH_RAY, reason="Ray is not installed: uv sync --extra ray")
@pytest.mark.skipif(shutil.which("unshare") is None, reason="there is no unshare to make a network of its own")
def test_a_node_that_is_killed_and_one_that_comes_cost_no_row_and_at_most_the_tiles_in_hand(database: Database) -> None:
    if subprocess.run(["unshare", "-n", "true"], check=False).returncode:  # noqa: S607 - wherever it is
        pytest.skip("this user may not make a network namespace")
    population = Population(database, DIM)
    rng = np.random.default_rng(1)
    population.add(clustered(rng, 4000, DIM, 1500, noise=0.4), people(4000, 1300))
    done = subprocess.run(
        ["unshare", "-n", sys.executable, "-m", "tests.db.scan.tiles.ray_cluster", database.dsn],  # noqa: S607
        capture_output=True,
        text=True,
        timeout=480,
        cwd=Path(__file__).parents[3],
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["by_the_killed"] > 0
    assert told["by_the_new"] > 0
    assert population.pairs(told["scan"]) == population.expected_pairs(0.5)
    with database.connection() as conn:
        row = conn.execute(
            "select count(*), sum(attempt), count(*) filter (where status = 'done'), count(*) filter (where leased_until is not null)"
            " from facedb.scan_tile"
        ).fetchone()
    assert row is not None
    tiles, attempts, finished, claimed = row
    assert (finished, claimed) == (tiles, 0)
    # One tile was in the hands of the node that was killed; those held back were nobody's, and were not counted as claimed.
    assert attempts - tiles <= 1
