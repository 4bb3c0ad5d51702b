"""The ledger of tiles: many workers share a scan, each tile is done exactly once, and the rows are those of one process."""

from __future__ import annotations

import itertools
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facedb.core.errors import ConflictError, DatabaseError, NotFoundError, UsageError
from facedb.core.progress import Silent
from facedb.db.connection import Connection, Database
from facedb.db.reconnecting import Work
from facedb.join.gallery import Gallery
from facedb.join.integer import int8
from facedb.join.integer.prefix import Prefix, make_prefix, principal_axes
from facedb.scan import scan_rows
from facedb.scan.pair_rows import PairRows
from facedb.scan.run import ScanOptions, scan
from facedb.scan.tiles import leader, ledger, tile_rows, worker
from facedb.scan.tiles.claims import Claims, Found, release_dead
from facedb.scan.tiles.crew import Crew
from facedb.scan.tiles.strips import Strips
from facedb.scan.tiles.tile_rows import TileRow
from facedb.scan.tiles.worker import WorkOptions, work
from tests.db.population import Population, clustered
from tests.db.scan.scans import DIM, ENGINES, crowd, run
from tests.processes import join

EXACT = WorkOptions(engine="exact", threads=1)


@pytest.fixture
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiles of two blocks, so that a few dozen faces make a triangle of tiles."""
    monkeypatch.setattr(ledger.cut, "__defaults__", (24,))


class _Begun(BaseException):
    pass


def begun(db: Database, threshold: float = 0.5) -> int:
    """A scan whose ledger is written and of which one tile is done."""

    def stop() -> None:
        raise _Begun

    with pytest.raises(_Begun):
        scan(
            db,
            ScanOptions(threshold=threshold, engine="exact", block_rows=16, threads=1),
            reporter=Silent(),
            pause=stop,
        )
    with db.connection() as conn:
        row = conn.execute("select max(id) from facedb.scan where status = 'running'").fetchone()
    assert row is not None
    return int(row[0])


def test_a_tile_is_sixteen_of_its_blocks_wide_and_at_least_as_wide_as_usual() -> None:
    for rows, columns in ((8_192, 131_072), (65_536, 1_048_576), (1_000, 131_072)):
        borders = list(range(0, 3_000_000, rows))
        widths = {borders[each.last_column + 1] - borders[each.first_column] for each in ledger.cut(borders, 0)}
        assert columns <= max(widths) < columns + rows


@pytest.mark.parametrize("carried", [0, 1, 3])
@pytest.mark.parametrize("columns", [1, 20, 45, 1000])
def test_tiles_cut_the_triangle_of_the_new_blocks_into_pieces_without_gap_or_overlap(
    carried: int, columns: int
) -> None:
    borders = [0, 16, 30, 31, 60, 64]
    tiles = ledger.cut(borders, carried, columns)
    met = [(t.block, column) for t in tiles for column in range(t.first_column, t.last_column + 1)]
    assert sorted(met) == [(b, c) for b in range(carried, 5) for c in range(b + 1)]
    assert [t.tile for t in tiles] == list(range(len(tiles)))
    whole = ledger.Ledger(1, borders)
    new = borders[carried]
    assert sum(whole.block(t).comparisons for t in tiles) == 64 * 63 // 2 - new * (new - 1) // 2


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.usefixtures("small_tiles")
def test_every_engine_gives_the_same_rows_in_tiles_as_at_once(database: Database, engine: str) -> None:
    population = crowd(database)
    summary = run(database, engine=engine)
    assert summary.tiles_done > 10
    assert population.pairs(summary.scan.id) == population.expected_pairs(0.5)


@pytest.mark.usefixtures("small_tiles")
def test_a_worker_with_nothing_but_the_database_does_the_rest_and_the_scan_ends_with_the_same_rows(
    database: Database,
) -> None:
    population = crowd(database)
    scan_id = begun(database)
    done = work(database, scan_id, EXACT, reporter=Silent())
    assert done.tiles > 5
    with database.connection() as conn:
        assert tile_rows.open_tiles(conn, scan_id) == []
    summary = run(database)
    assert summary.scan.id == scan_id
    assert summary.tiles_done == 0
    assert population.pairs(scan_id) == population.expected_pairs(0.5)


@pytest.mark.usefixtures("small_tiles")
def test_workers_beside_the_scan_itself_share_its_tiles(database: Database) -> None:
    population = crowd(database)
    begun(database)
    done: list[int] = []
    helpers = [
        threading.Thread(target=lambda: done.append(work(database, None, EXACT, reporter=Silent()).tiles))
        for _ in range(3)
    ]
    for helper in helpers:
        helper.start()
    summary = run(database)
    join(*helpers)
    with database.connection() as conn:
        counts = tile_rows.tile_counts(conn, summary.scan.id)
    assert summary.tiles_done + sum(done) + 1 == counts.tiles == counts.done
    assert population.pairs(summary.scan.id) == population.expected_pairs(0.5)


@pytest.mark.usefixtures("small_tiles")
def test_a_worker_keeps_few_strips_and_still_finds_every_pair(database: Database) -> None:
    population = crowd(database)
    scan_id = begun(database)
    work(database, scan_id, WorkOptions(engine="exact", threads=1, memory=1), reporter=Silent())
    run(database)
    assert population.pairs(scan_id) == population.expected_pairs(0.5)


def test_a_worker_that_comes_back_from_the_dead_loses_harmlessly(database: Database) -> None:
    population = crowd(database)
    scan_id = begun(database)
    with closing(Work(database)) as one, closing(Work(database)) as other:
        with Claims(one, database.open, scan_id, seconds=0.01) as slow:
            slow._stop.set()
            tile = slow.take()
            assert tile is not None
            time.sleep(0.05)
            with Claims(other, database.open, scan_id) as quick:
                again = quick.take()
                assert again is not None
                assert (again.tile, again.attempt) == (tile.tile, 2)
                pair = PairRows(np.array([1]), np.array([2]), np.array([0.9], np.float32))
                assert not slow.finish(tile, Found(pair, 1, 1, 0.0))
        assert (1, 2) not in {(a, b) for a, b, _ in population.pairs(scan_id)}
    run(database)
    assert population.pairs(scan_id) == population.expected_pairs(0.5)


def test_a_worker_that_is_stopped_gives_its_tile_back_at_once(database: Database) -> None:
    crowd(database)
    scan_id = begun(database)
    passed = itertools.count()

    def stop() -> None:
        if next(passed) == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work(database, scan_id, EXACT, reporter=Silent(), pause=stop)
    with database.connection() as conn:
        assert conn.execute("select count(*) from facedb.scan_tile where status = 'claimed'").fetchone() == (0,)
        assert tile_rows.tile_counts(conn, scan_id).done == 3


def test_a_worker_interrupted_while_it_commits_a_tile_gives_it_back_at_once(database: Database) -> None:
    crowd(database)
    scan_id = begun(database)
    with closing(Work(database)) as session, Claims(session, database.open, scan_id) as claims:
        tile = claims.take()
        assert tile is not None
        assert tile_rows.finish_tile(
            session.conn, scan_id, claims.worker, tile, pairs=0, candidates=0, comparisons=1, seconds=0.0
        )
        # What Ctrl-C leaves behind in mid-statement: a connection that takes no other one, and its locks.
        session.conn.pgconn.send_query(b"select pg_sleep(60)")
    with database.connection() as conn:
        counts = tile_rows.tile_counts(conn, scan_id)
        assert (counts.claimed, counts.done) == (0, 1)


def test_what_a_worker_killed_on_this_machine_had_claimed_is_free_at_once(database: Database) -> None:
    crowd(database)
    scan_id = begun(database)
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    host = socket.gethostname()
    living = [f"{host}:{os.getpid()}:12", f"elsewhere:{gone.pid}:12", "a name"]
    with database.connection() as conn:
        for name in (f"{host}:{gone.pid}:12", f"ray:{host}:{gone.pid}:12:3", *living):
            assert tile_rows.claim_tile(conn, scan_id, name) is not None
    with database.connection() as conn:
        release_dead(conn, scan_id)
        assert sorted(tile_rows.claimants(conn, scan_id)) == sorted(living)


def leased_until(db: Database, scan_id: int, tile: TileRow) -> object:
    with db.connection() as conn:
        row = conn.execute(
            "select leased_until from facedb.scan_tile where scan_id = %s and tile = %s", [scan_id, tile.tile]
        ).fetchone()
    return row and row[0]


def test_a_claim_is_renewed_while_its_worker_is_at_work_also_when_a_connection_was_refused(database: Database) -> None:
    crowd(database)
    scan_id = begun(database)
    refused: list[bool] = []

    def opened() -> Connection:
        if not refused:
            refused.append(True)
            raise DatabaseError("The database server is stopping or starting.")
        return database.open()

    with (
        closing(Work(database)) as session,
        database.connection() as other,
        Claims(session, opened, scan_id, seconds=3.0) as mine,
    ):
        tile = mine.take()
        assert tile is not None
        first = leased_until(database, scan_id, tile)
        deadline = time.monotonic() + 60
        while leased_until(database, scan_id, tile) == first:
            assert time.monotonic() < deadline, "the claim is not renewed"
            time.sleep(0.05)
        assert len(refused) == 1
        taken = []
        while (free := tile_rows.claim_tile(other, scan_id, "other")) is not None:
            taken.append(free.tile)
        assert tile.tile not in taken
        other.rollback()


def test_claims_go_on_behind_the_last_and_pass_over_none(database: Database) -> None:
    crowd(database)
    scan_id = begun(database)
    with database.connection() as conn:
        left = [t.tile for t in tile_rows.open_tiles(conn, scan_id)]
        first = tile_rows.claim_tile(conn, scan_id, "a", after=left[3])
        taken = [first.tile if first else -1]
        while (tile := tile_rows.claim_tile(conn, scan_id, "a", after=taken[-1])) is not None:
            taken.append(tile.tile)
        assert taken == left[4:] + left[:4]


def test_a_scan_that_is_not_there_or_over_is_refused(database: Database) -> None:
    crowd(database)
    done = run(database).scan.id
    with pytest.raises(NotFoundError, match="no scan 99"):
        work(database, 99, EXACT, reporter=Silent())
    with pytest.raises(UsageError, match="is finished"):
        work(database, done, EXACT, reporter=Silent())
    assert work(database, None, EXACT, reporter=Silent()).scans == ()


def test_a_worker_says_when_the_faces_of_a_scan_are_not_what_they_were(database: Database) -> None:
    population = crowd(database)
    scan_id = begun(database)
    rng = np.random.default_rng(1)
    faces = [row[0] for row in population.gallery()]
    population.embed_again(faces, clustered(rng, len(faces), DIM, 3))
    with pytest.raises(ConflictError, match="gone or were embedded again"):
        work(database, scan_id, EXACT, reporter=Silent())
    with database.connection() as conn:
        assert tile_rows.tile_counts(conn, scan_id).claimed == 0


@pytest.mark.parametrize("memory", [1, 1 << 30])
def test_a_tile_of_strips_is_what_the_whole_gallery_gives_there(database: Database, memory: int) -> None:
    population = Population(database, DIM)
    population.add(clustered(np.random.default_rng(5), 60, DIM, 4), [f"p{k // 3}" for k in range(60)])
    scan_id = begun(database, 0.4)
    with database.connection() as conn:
        row = scan_rows.scan_by_id(conn, scan_id)
        assert row is not None
        options = WorkOptions("exact", threads=1, memory=memory)
    with closing(Work(database)) as session:
        with closing(worker.TileSearch(session, row, population.model, options, engine="exact")) as tiles:
            found = tiles.search(TileRow(0, 2, 0, 1)).pairs
        strips = Strips(session, scan_id, population.model, 1 << 20)
        blocks = [set(strips.get(k).face_ids.tolist()) for k in range(3)]
    expected = {
        (a, b)
        for a, b, _ in population.expected_pairs(0.4)
        if (a in blocks[2] and b in blocks[0] | blocks[1]) or (b in blocks[2] and a in blocks[0] | blocks[1])
    }
    assert set(zip(found.face_a.tolist(), found.face_b.tolist(), strict=True)) == expected
    assert expected


@pytest.mark.usefixtures("small_tiles")
def test_a_worker_with_little_memory_decides_once_how_to_multiply_and_the_rows_are_those_of_one_process(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    population = crowd(database)
    scan_id = begun(database)
    asked: list[float] = []

    def choose(part: Gallery, *_: object, openings: float, searched: int) -> Prefix:
        assert 0 < searched <= len(part)
        asked.append(openings)
        return make_prefix(principal_axes(part.vectors), 6)

    monkeypatch.setattr(int8, "_WORTH_MEASURING", 1.0)
    monkeypatch.setattr(int8, "_WORTH_MEASURING_WITH_AMX", 1.0)
    monkeypatch.setattr(int8, "choose_prefix", choose)
    done = work(database, scan_id, WorkOptions("int8", threads=1, memory=1), reporter=Silent())
    assert done.tiles > 10
    assert len(asked) == 1
    assert asked[0] > 1
    assert run(database).scan.id == scan_id
    assert population.pairs(scan_id) == population.expected_pairs(0.5)


@pytest.mark.usefixtures("small_tiles")
def test_a_crew_that_is_interrupted_while_it_is_started_leaves_no_worker(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    crowd(database)
    started: list[Interrupted] = []

    class Interrupted(subprocess.Popen[bytes]):
        def __init__(self, *args: Any, **options: Any) -> None:
            if started:
                raise KeyboardInterrupt
            super().__init__(*args, **options)
            started.append(self)

    monkeypatch.setattr(subprocess, "Popen", Interrupted)
    with pytest.raises(KeyboardInterrupt), Crew(database, begun(database), 2, engine="exact", threads=1):
        pass
    assert [process.returncode is not None for process in started] == [True]


def test_a_crew_of_processes_shares_a_scan_and_one_that_is_killed_is_replaced(database: Database) -> None:
    population = crowd(database)
    killed: list[int] = []

    def kill_one() -> None:
        children = Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text().split()
        workers = [
            int(pid) for pid in children if b"facedb\0--quiet\0work" in Path(f"/proc/{pid}/cmdline").read_bytes()
        ]
        if workers and not killed:
            killed.append(workers[0])
            os.kill(killed[0], signal.SIGKILL)

    options = ScanOptions(threshold=0.5, engine="exact", block_rows=16, threads=1, workers=3)
    summary = scan(database, options, reporter=Silent(), pause=kill_one)
    assert killed
    assert population.pairs(summary.scan.id) == population.expected_pairs(0.5)


@pytest.mark.usefixtures("small_tiles")
def test_on_several_gpus_each_worker_sees_one_and_together_they_do_all_of_the_search(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    population = crowd(database)
    # Stands in for a machine with two GPUs, of which the user has named these.
    monkeypatch.setattr(leader, "visible_gpus", lambda: ["2", "GPU-77"])
    monkeypatch.setattr(leader, "GPU_ENGINES", ("exact",))
    seen: dict[int, str] = {}

    def look() -> None:
        children = Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text().split()
        for pid in map(int, children):
            if b"facedb\0--quiet\0work" in Path(f"/proc/{pid}/cmdline").read_bytes():
                said = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
                # Nothing is said any more by one that has just ended.
                for each in said:
                    if each.startswith(b"CUDA_VISIBLE_DEVICES="):
                        seen[pid] = each.decode()

    options = ScanOptions(threshold=0.5, engine="exact", block_rows=16, threads=1, workers=2)
    summary = scan(database, options, reporter=Silent(), pause=look)
    assert sorted(seen.values()) == ["CUDA_VISIBLE_DEVICES=2", "CUDA_VISIBLE_DEVICES=GPU-77"]
    assert summary.tiles_done == 0
    assert population.pairs(summary.scan.id) == population.expected_pairs(0.5)
