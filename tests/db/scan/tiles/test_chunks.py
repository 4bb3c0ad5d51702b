"""Chunks: the vectors of a scan travel once, workers trust only what hashes to what was written, and nothing of them stays."""

from __future__ import annotations

import json
import os
import stat
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from facedb.core.errors import InputError
from facedb.core.progress import Silent
from facedb.db.connection import Database
from facedb.db.reconnecting import Work
from facedb.join.error_bounds import quantise_int8
from facedb.review.forget import Subject, forget
from facedb.scan import retention
from facedb.scan.run import ScanOptions, scan
from facedb.scan.tiles import chunks
from facedb.scan.tiles.strips import Strips
from facedb.scan.tiles.worker import WorkOptions, work
from tests.db.population import Population
from tests.db.scan.scans import DIM, Talk, crowd


class _Begun(BaseException):
    pass


def begun(db: Database, place: str) -> int:
    """A scan with chunks below ``place`` of which one tile is done."""

    def stop() -> None:
        raise _Begun

    options = ScanOptions(threshold=0.5, engine="exact", block_rows=16, threads=1, chunks=place)
    with pytest.raises(_Begun):
        scan(db, options, reporter=Silent(), pause=stop)
    with db.connection() as conn:
        row = conn.execute("select max(id) from facedb.scan where status = 'running'").fetchone()
    assert row is not None
    return int(row[0])


@pytest.fixture
def population(database: Database) -> Population:
    return crowd(database)


Begun = tuple[Database, int, Path]


@pytest.fixture
def begun_scan(population: Population, tmp_path: Path) -> Begun:
    scan_id = begun(population.db, str(tmp_path / "share"))
    (folder,) = (tmp_path / "share").iterdir()
    return population.db, scan_id, folder


def strips(db: Database, scan_id: int, population: Population, talk: Talk) -> list[np.ndarray]:
    with closing(Work(db)) as session:
        held = Strips(session, scan_id, population.model, 1 << 20, talk.say)
        return [held.get(k).vectors for k in range(4)]


def from_the_table(db: Database, scan_id: int, population: Population) -> list[np.ndarray]:
    with db.connection() as conn:
        conn.execute("update facedb.scan set chunks_sha256 = null")
    return strips(db, scan_id, population, Talk())


def test_workers_read_the_chunks_and_they_hold_what_the_table_does(
    population: Population, begun_scan: Begun, monkeypatch: pytest.MonkeyPatch
) -> None:
    db, scan_id, _ = begun_scan
    read: list[int] = []
    vectors = chunks.ChunkReader.vectors

    def noted(self: chunks.ChunkReader, block: int) -> np.ndarray:
        read.append(block)
        return vectors(self, block)

    monkeypatch.setattr(chunks.ChunkReader, "vectors", noted)
    ours = strips(db, scan_id, population, Talk())
    assert read == [0, 1, 2, 3]
    for mine, theirs in zip(ours, from_the_table(db, scan_id, population), strict=True):
        assert np.array_equal(mine, theirs)


def test_chunks_are_the_owners_alone(begun_scan: Begun) -> None:
    _, _, folder = begun_scan
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}


def test_the_manifest_knows_one_scale_for_all_and_the_largest_error_with_it(begun_scan: Begun) -> None:
    _, scan_id, folder = begun_scan
    told = json.loads((folder / "manifest.json").read_text())
    every = np.concatenate([np.load(folder / chunk["name"]) for chunk in told["chunks"]])
    assert (told["scan"], told["dim"], len(every)) == (scan_id, DIM, 120)
    whole = quantise_int8(every)
    assert (told["scale"], told["error"]) == (pytest.approx(whole.scale), pytest.approx(whole.error))
    # A part is coded as it is in the whole.
    part = quantise_int8(every[32:48], scale=told["scale"])
    assert np.array_equal(part.codes, whole.codes[32:48])


@pytest.mark.parametrize("fault", ["gone", "one gone", "changed", "cut", "manifest"])
def test_a_worker_that_finds_chunks_gone_or_changed_reads_the_table_and_says_so(
    population: Population, begun_scan: Begun, fault: str
) -> None:
    db, scan_id, folder = begun_scan
    chunk = folder / "block-000001.npy"
    match fault:
        case "gone":
            chunks.Folder(str(folder)).remove()
        case "one gone":
            chunk.unlink()
        case "changed":
            content = bytearray(chunk.read_bytes())
            content[-1] ^= 1
            chunk.write_bytes(content)
        case "cut":
            os.truncate(chunk, 200)
        case "manifest":
            (folder / "manifest.json").write_text("{}")
    talk = Talk()
    found = strips(db, scan_id, population, talk)
    assert len(talk.said) == 1
    assert "come from the database instead" in talk.said[0]
    for mine, theirs in zip(found, from_the_table(db, scan_id, population), strict=True):
        assert np.array_equal(mine, theirs)


def test_a_scan_with_chunks_and_a_worker_of_little_memory_gives_the_rows_and_leaves_nothing(
    population: Population, begun_scan: Begun, tmp_path: Path
) -> None:
    db, scan_id, folder = begun_scan
    before = (folder / "manifest.json").stat().st_mtime_ns
    work(db, scan_id, WorkOptions(engine="int8", threads=1, memory=1), reporter=Silent())
    options = ScanOptions(threshold=0.5, engine="exact", block_rows=16, threads=1, chunks=str(tmp_path / "share"))
    written: list[int] = []
    summary = scan(
        db, options, reporter=Silent(), pause=lambda: written.append((folder / "manifest.json").stat().st_mtime_ns)
    )
    assert summary.scan.id == scan_id
    assert set(written) <= {before}
    assert population.pairs(scan_id) == population.expected_pairs(0.5)
    assert list((tmp_path / "share").iterdir()) == []
    with db.connection() as conn:
        assert conn.execute("select chunks, chunks_sha256 from facedb.scan").fetchone() == (None, None)


@pytest.mark.parametrize("way", ["forget", "model", "given up"])
def test_chunks_go_with_what_they_hold(population: Population, begun_scan: Begun, way: str) -> None:
    db, _, folder = begun_scan
    match way:
        case "forget":
            forget(db, Subject("identity", "p03"), yes=False, say=lambda _: None)
            assert folder.exists()
            forget(db, Subject("identity", "p03"), yes=True, say=lambda _: None)
        case "model":
            retention.remove_model(db, population.name, yes=True)
        case "given up":
            with db.connection() as conn:
                conn.execute(
                    "update facedb.image set status = 'vanished' where identity_id = (select min(id) from facedb.identity)"
                )
            scan(db, ScanOptions(threshold=0.5, engine="exact", threads=1), reporter=Silent())
    assert not folder.exists()
    with db.connection() as conn:
        assert conn.execute("select from facedb.scan where chunks is not null").fetchall() == []


@pytest.mark.parametrize(
    ("place", "says"),
    [("/proc/here", "cannot be made"), ("nowhere://bucket", "cannot be used"), ("s3x:///a", "cannot be used")],
)
def test_a_place_that_takes_no_chunks_is_named(population: Population, place: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        scan(population.db, ScanOptions(threshold=0.5, engine="exact", threads=1, chunks=place), reporter=Silent())


def test_an_object_store_is_a_place_too(population: Population) -> None:
    scan_id = begun(population.db, "memory://gallery")
    with population.db.connection() as conn:
        found = chunks.reader(conn, scan_id)
    assert found is not None
    assert found.vectors(0).shape[1] == DIM
    assert len(strips(population.db, scan_id, population, Talk())) == 4
    with population.db.connection() as conn:
        chunks.remove(conn, [scan_id])
    with pytest.raises(chunks.DamagedError):
        found.vectors(0)
