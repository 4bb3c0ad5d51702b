"""Workers that are killed at any moment, under a database that is killed too: each tile is done once, with the rows of one process."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time

import numpy as np
import pytest

from facedb.core.progress import Silent
from facedb.db.connection import Database
from facedb.db.migrate import ensure
from facedb.db.server.embedded import EmbeddedServer
from facedb.scan.run import ScanOptions, scan
from facedb.scan.tiles import ledger, tile_rows
from tests.db.population import Population, clustered
from tests.db.scan.scans import DIM, people
from tests.faults.test_lost_connection import postmaster

WORKERS, KILLS, FACES = 20, 50, 3000
DEATHS = (15, 35)
"""After these kills the database dies too."""


class Crowd:
    """Worker processes of which any may be killed and is replaced."""

    def __init__(self, dsn: str, scan_id: int) -> None:
        command = [
            "-m",
            "facedb",
            "--quiet",
            "work",
            str(scan_id),
            "--engine",
            "exact",
            "--threads",
            "1",
            "--lease",
            "5",
        ]
        self._command, self._environment = [sys.executable, *command], {**os.environ, "FACEDB_DSN": dsn}
        self.running: list[subprocess.Popen[bytes]] = []

    def fill(self) -> None:
        """As many as there were."""
        self.running = [worker for worker in self.running if worker.poll() is None]
        while len(self.running) < WORKERS:
            self.running.append(
                subprocess.Popen(
                    self._command, env=self._environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
                )
            )

    def kill_one(self, pids: list[int]) -> None:
        """One of those that have a tile in hand, ``pids``, as the kernel does when memory ends."""
        wanted = [worker for worker in self.running if worker.pid in pids]
        worker = random.choice(wanted or self.running)
        worker.kill()
        worker.wait()

    def end(self) -> None:
        """All of them, whatever they do."""
        for worker in self.running:
            worker.kill()
            worker.wait()


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_fifty_kills_and_two_dead_databases_cost_no_row_no_tile_and_leave_no_claim(
    use: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger.cut, "__defaults__", (40,))
    random.seed(5)
    db = Database(use.acquire(), embedded=True, reviver=use.revive)
    ensure(db)
    population = Population(db, DIM)
    population.add(clustered(np.random.default_rng(1), FACES, DIM, 1200, noise=0.4), people(FACES, 1000))

    def stop() -> None:
        raise KeyboardInterrupt

    options = ScanOptions(threshold=0.5, engine="exact", block_rows=16, threads=1)
    with pytest.raises(KeyboardInterrupt):
        scan(db, options, reporter=Silent(), pause=stop)
    with db.connection() as conn:
        (scan_id,) = conn.execute("select id from facedb.scan").fetchone() or (0,)
    crowd = Crowd(db.dsn, scan_id)
    crowd.fill()
    try:
        for kill in range(KILLS):
            # Spread over the whole scan, each while tiles are worked on.
            while True:
                with db.connection() as conn:
                    at = tile_rows.tile_counts(conn, scan_id)
                    claimed = conn.execute("select worker from facedb.scan_tile where status = 'claimed'").fetchall()
                if at.done >= at.tiles * kill // (KILLS + 5) and claimed:
                    break
                assert at.done < at.tiles, "the workers were done before they were killed as often as they should"
                time.sleep(0.05)
            crowd.kill_one([int(worker.split(":")[1]) for (worker,) in claimed])
            crowd.fill()
            if kill in DEATHS:
                postmaster(db)
                time.sleep(0.5)
                db.revive()
        summary = scan(db, options, reporter=Silent())
    finally:
        crowd.end()
    assert summary.resumed
    assert population.pairs(scan_id) == population.expected_pairs(0.5)
    with db.connection() as conn:
        counts = conn.execute(
            "select count(*), count(*) filter (where status = 'done'), count(*) filter (where leased_until is not null),"
            " sum(pairs), sum(comparisons), sum(attempt) from facedb.scan_tile"
        ).fetchone()
    assert counts is not None
    tiles, done, leased, pairs, comparisons, attempts = counts
    assert (tiles, leased) == (done, 0)
    assert (pairs, comparisons) == (summary.scan.pairs, FACES * (FACES - 1) // 2)
    # A worker has one tile in its hands at a time, so a kill, or a dead database, costs each at most one.
    assert attempts - tiles <= KILLS + len(DEATHS) * WORKERS
