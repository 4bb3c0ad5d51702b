"""Scans that were stopped, killed, refused, or ran at once with others: the rows are those of an undisturbed one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facedb.core.errors import ConflictError, DatabaseError, TooManyPairsError
from facedb.core.machine.in_background import checkpoint
from facedb.core.progress import Silent
from facedb.db.connection import Database
from facedb.findings.folder_study import FolderStudy
from facedb.join.gallery import Gallery
from facedb.scan import run as run_module
from facedb.scan.faces import gallery
from facedb.scan.faces.gallery import GallerySnapshot
from facedb.scan.faces.gallery_faces import GalleryFaces
from facedb.scan.run import ScanOptions, ScanSummary, scan
from facedb.scan.scores import histograms
from tests.db.population import clustered
from tests.db.scan.scans import DIM, ENGINES, crowd, links_of, people, run
from tests.processes import LONGEST_SECONDS, Process, join, until


class Stop(BaseException):
    """Stands for a killed process within one test process."""


@pytest.mark.parametrize("after", [1, 3, 6])
def test_a_scan_that_was_stopped_re_does_only_the_blocks_that_are_not_done(database: Database, after: int) -> None:
    population = crowd(database)
    passed = 0

    def pause() -> None:
        nonlocal passed
        passed += 1
        if passed == after:
            raise Stop

    options = ScanOptions(threshold=0.5, engine="exact", block_rows=16, threads=1)
    with pytest.raises(Stop):
        scan(database, options, reporter=Silent(), pause=pause)
    stamps = finished_blocks(database)
    assert len(stamps) == after
    summary = run(database, engine="faiss-cpu" if "faiss-cpu" in ENGINES else "exact")
    assert summary.resumed
    assert summary.tiles_found == after
    assert {k: v for k, v in finished_blocks(database).items() if k in stamps} == stamps
    assert population.pairs(summary.scan.id) == population.expected_pairs(0.5)


def finished_blocks(db: Database) -> dict[int, object]:
    with db.connection() as conn:
        return dict(
            conn.execute("select tile, finished_at from facedb.scan_tile where status = 'done' order by 1").fetchall()
        )


def stop_after(db: Database, blocks: int, **options: Any) -> None:
    passed = 0

    def pause() -> None:
        nonlocal passed
        passed += 1
        if passed == blocks:
            raise Stop

    usual: dict[str, Any] = {"threshold": 0.5, "engine": "exact", "block_rows": 16, "threads": 1}
    chosen = ScanOptions(**(usual | options))
    with pytest.raises(Stop):
        scan(db, chosen, reporter=Silent(), pause=pause)


def test_faces_that_came_while_a_scan_was_down_are_searched_on_top_of_it(database: Database) -> None:
    population = crowd(database)
    stop_after(database, 3)
    population.add(clustered(np.random.default_rng(4), 12, DIM, 4), people(12, 20))
    population.relabel([row[0] for row in population.gallery()[:5]], "somebody")
    summary = run(database)
    assert summary.scan.base_scan_id is not None
    assert population.pairs(summary.scan.id) == population.expected_pairs(0.5)


def test_a_scan_whose_faces_are_gone_is_given_up(database: Database) -> None:
    population = crowd(database)
    stop_after(database, 3)
    population.delete([row[0] for row in population.gallery()[:5]])
    summary = run(database)
    assert population.pairs(summary.scan.id) == population.expected_pairs(0.5)
    with database.connection() as conn:
        assert conn.execute("select status from facedb.scan order by id").fetchall() == [("abandoned",), ("finished",)]
        assert conn.execute("select distinct scan_id from facedb.flagged_pair").fetchall() == [(summary.scan.id,)]


def test_a_block_whose_mark_fails_leaves_no_pairs_behind(database: Database) -> None:
    population = crowd(database)
    with database.connection() as conn:
        conn.execute(
            "create function facedb.power_cut() returns trigger language plpgsql"
            " as $$ begin raise exception 'power cut'; end $$"
        )
        conn.execute(
            "create trigger power_cut before update on facedb.scan_tile for each row when (new.tile = 3 and new.status = 'done')"
            " execute function facedb.power_cut()"
        )
    with pytest.raises(DatabaseError, match="power cut"):
        run(database)
    with database.connection() as conn:
        conn.execute("drop trigger power_cut on facedb.scan_tile")
        marked = conn.execute("select sum(pairs) from facedb.scan_tile").fetchone()
        assert marked == conn.execute("select count(*) from facedb.flagged_pair").fetchone()
    summary = run(database)
    assert summary.resumed
    assert summary.tiles_found == 3
    assert population.pairs(summary.scan.id) == population.expected_pairs(0.5)


def test_a_refused_scan_does_not_wait_for_what_is_measured_beside_it(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    crowd(database)
    leave = threading.Event()
    measured: list[bool] = []
    measure = histograms.measure

    def measure_for_long(gallery: Gallery, folders: FolderStudy) -> histograms.Distributions:
        measured.append(leave.wait(60))
        return measure(gallery, folders)

    monkeypatch.setattr(histograms, "measure", measure_for_long)
    try:
        with pytest.raises(TooManyPairsError):
            run(database, -1.0, max_pairs=50)
        assert not measured
    finally:
        leave.set()


def test_a_stopped_full_scan_is_resumed_as_a_full_one(database: Database) -> None:
    population = crowd(database)
    run(database)
    stop_after(database, 3, full=True)
    summary = run(database, full=True)
    assert summary.resumed
    assert summary.scan.base_scan_id is None
    assert population.pairs(summary.scan.id) == population.expected_pairs(0.5)
    with database.connection() as conn:
        assert conn.execute("select count(*) from facedb.scan where status = 'running'").fetchone() == (0,)


def test_a_stopped_incremental_scan_is_resumed(database: Database) -> None:
    population = crowd(database)
    run(database)
    population.add(clustered(np.random.default_rng(4), 60, DIM, 4), people(60, 20))
    stop_after(database, 2)
    summary = run(database)
    assert summary.resumed
    assert summary.scan.new_faces == 60
    assert population.pairs(summary.scan.id) == population.expected_pairs(0.5)


def test_the_same_scan_twice_at_once_is_a_conflict(database: Database) -> None:
    crowd(database)
    inside, leave = threading.Event(), threading.Event()
    failures: list[BaseException] = []

    def pause() -> None:
        inside.set()
        leave.wait(LONGEST_SECONDS)

    def first() -> None:
        try:
            scan(database, ScanOptions(threshold=0.5, engine="exact", block_rows=16), reporter=Silent(), pause=pause)
        except BaseException as error:  # noqa: BLE001 - handed to the test's thread
            failures.append(error)

    thread = threading.Thread(target=first)
    thread.start()
    try:
        assert inside.wait(LONGEST_SECONDS)
        with pytest.raises(ConflictError, match="same parameters"):
            run(database)
    finally:
        leave.set()
        join(thread)
    assert not failures
    assert run(database).reused


def test_scans_of_different_parameters_at_once_do_not_disturb_each_other(database: Database, tmp_path: Path) -> None:
    population = crowd(database, 200, 30)
    found: dict[float, ScanSummary] = {}
    failures: list[BaseException] = []

    def work(threshold: float) -> None:
        try:
            found[threshold] = run(database, threshold, block_rows=9, cache_dir=tmp_path)
        except BaseException as error:  # noqa: BLE001 - handed to the test's thread
            failures.append(error)

    threads = [threading.Thread(target=work, args=(t,)) for t in (0.4, 0.5, 0.6, 0.7)]
    for thread in threads:
        thread.start()
    join(*threads)
    assert not failures
    for threshold, summary in found.items():
        assert population.pairs(summary.scan.id) == population.expected_pairs(threshold)


def test_a_scan_is_of_one_moment_even_while_faces_come_in(database: Database) -> None:
    population = crowd(database)
    expected = population.expected_pairs(0.5)
    added = False

    def pause() -> None:
        nonlocal added
        if not added:
            added = True
            population.add(clustered(np.random.default_rng(4), 30, DIM, 4), people(30, 20))

    summary = scan(database, ScanOptions(threshold=0.5, engine="exact", block_rows=16), reporter=Silent(), pause=pause)
    assert population.pairs(summary.scan.id) == expected
    assert population.pairs(run(database).scan.id) == population.expected_pairs(0.5)


def start_scan(db: Database, home: Path, **more: Any) -> Process:
    options = {"--threshold": 0.5, "--block-rows": 12, "--engine": "exact", "--threads": 1} | more
    command = [sys.executable, "-c", "from facedb.cli.app import main; main()", "scan"]
    command += [str(part) for option in options.items() for part in option]
    environment = {**os.environ, "FACEDB_DSN": db.dsn, "FACEDB_HOME": str(home)}
    return Process(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.mark.long
def test_a_scan_killed_again_and_again_ends_with_the_same_rows(database: Database, tmp_path: Path) -> None:
    population = crowd(database, 480, 60)
    expected = run(database, 0.5, engine="faiss-cpu" if "faiss-cpu" in ENGINES else "exact", block_rows=4096)
    expected_rows = population.pairs(expected.scan.id)
    expected_links = links_of(database, expected)
    with database.connection() as conn:
        conn.execute("delete from facedb.scan")
        conn.execute(f"drop table facedb.flagged_pair_{expected.scan.id}")
    for target in (1, 20):
        process = start_scan(database, tmp_path)
        while process.poll() is None and len(finished_blocks(database)) < target:
            time.sleep(0.005)
        stamps = finished_blocks(database)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL, "the scan ended before it was killed"
        assert {k: v for k, v in finished_blocks(database).items() if k in stamps} == stamps
    stamps = finished_blocks(database)
    process = start_scan(database, tmp_path)
    complaint = process.communicate()[1].decode()
    assert process.returncode == 0, complaint
    assert f"{len(stamps)} of {len(finished_blocks(database))} tiles are done" in complaint
    assert {k: v for k, v in finished_blocks(database).items() if k in stamps} == stamps
    summary = run(database)
    assert summary.reused
    assert population.pairs(summary.scan.id) == expected_rows
    assert links_of(database, summary) == expected_links
    with database.connection() as conn:
        assert conn.execute("select count(*) from facedb.scan").fetchone() == (1,)


def test_a_scan_lets_whoever_waits_for_the_vectors_alone_go_first(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    population = crowd(database)
    faces_of = GallerySnapshot.faces
    waiting: list[threading.Thread] = []

    def lock() -> None:
        with database.connection() as conn:
            conn.execute(f"lock table facedb.embedding_{population.model.id} in access exclusive mode")

    def faces(snapshot: GallerySnapshot) -> GalleryFaces:
        found = faces_of(snapshot)
        if not waiting:
            waiting.append(threading.Thread(target=lock))
            waiting[0].start()
            waits = "select 1 from pg_locks where not granted and mode = 'AccessExclusiveLock'"
            with database.connection(autocommit=True) as conn:
                until(lambda: conn.execute(waits).fetchone(), "the one that waits for the vectors")
        return found

    monkeypatch.setattr(gallery, "LOCK_SECONDS", 0.2)
    monkeypatch.setattr(GallerySnapshot, "faces", faces)
    scan_id = run(database).scan.id
    join(waiting[0])
    assert population.pairs(scan_id) == population.expected_pairs(0.5)


def test_a_scan_that_ended_after_its_pairs_were_indexed_goes_on(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    population = crowd(database)

    def cut(*_: object) -> None:
        with database.connection() as conn:
            until(lambda: conn.execute(indexed).fetchone() == (1,), "the index of the pairs")
        raise DatabaseError("power cut")

    indexed = "select count(*) from pg_index where indrelid = 'facedb.flagged_pair_1'::regclass and indisprimary"
    with monkeypatch.context() as patch:
        patch.setattr(histograms, "write", cut)
        with pytest.raises(DatabaseError, match="power cut"):
            run(database)
    summary = run(database)
    assert (summary.resumed, summary.scan.id) == (True, 1)
    assert population.pairs(1) == population.expected_pairs(0.5)
    with database.connection() as conn:
        assert conn.execute(indexed).fetchone() == (1,)


def test_a_search_that_is_stopped_does_not_wait_for_the_study_of_the_folders(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    crowd(database)

    studied: list[bool] = []

    def study_for_long(_: Gallery) -> None:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            checkpoint()
            time.sleep(0.01)
        studied.append(True)

    monkeypatch.setattr(run_module, "study_folders", study_for_long)
    stop_after(database, 1, engine="int8")
    assert not studied
