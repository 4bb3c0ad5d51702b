"""The pairs of a scan that are too many to be looked at together lie in a file, and everything comes out as if they were not."""

from __future__ import annotations

import resource
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facedb.core.errors import FacedbError
from facedb.core.machine import memory
from facedb.core.progress import Silent
from facedb.db.connection import Database
from facedb.findings.cores.folders import folders
from facedb.findings.flagged import Pairs
from facedb.scan import memory_need, pair_store
from facedb.scan.pair_limit import expect_room
from facedb.scan.pair_store import PairStore
from facedb.scan.run import ScanOptions, ScanSummary, scan
from facedb.scan.tiles.ledger import Pause
from tests.db.population import clustered
from tests.db.scan.scans import DIM, crowd, people

TABLES = (
    "select face_a, face_b, score from facedb.flagged_pair where scan_id = %s order by 1, 2",
    "select to_jsonb(l) - 'scan_id' from facedb.link l where scan_id = %s order by rank",
    "select to_jsonb(f) - 'scan_id' from facedb.finding f where scan_id = %s order by rank",
    "select rank, face_id, role from facedb.finding_face where scan_id = %s order by 1, 2, 3",
    "select kind, source, bin, count, mated, doubt from facedb.score_histogram where scan_id = %s order by 1, 2, 3",
)
PAIRS = 500


@pytest.fixture
def few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pair_store, "AT_ONCE", 9)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[PairStore]:
    with PairStore(tmp_path / "new") as flagged:
        yield flagged


def drawn(count: int, seed: int = 0) -> Pairs:
    rng = np.random.default_rng(seed)
    rows = np.array([rng.permutation(40)[:2] for _ in range(count)], np.int64).reshape(-1, 2)
    return Pairs(rows[:, 0], rows[:, 1], rng.random(count).astype(np.float32))


def as_set(parts: Iterator[Pairs]) -> list[tuple[int, int, float]]:
    return sorted(
        row for part in parts for row in zip(*(getattr(part, name).tolist() for name in Pairs.__slots__), strict=True)
    )


@pytest.mark.usefixtures("few_at_once")
@pytest.mark.parametrize("tile", [1, 7, 100])
def test_pairs_whose_rows_have_the_same_codes_come_in_one_part(store: PairStore, tile: int) -> None:
    pairs = drawn(PAIRS)
    for start in range(0, PAIRS, tile):
        store.add(pairs.only((np.arange(PAIRS) >= start) & (np.arange(PAIRS) < start + tile)))
    for codes in (np.arange(40) // 4, np.arange(40) % 3 - 50, np.arange(40) // 4):
        met: dict[tuple[int, int], int] = {}
        for number, part in enumerate(store.together(codes)):
            for a, b in zip(codes[part.rows_a].tolist(), codes[part.rows_b].tolist(), strict=True):
                assert met.setdefault((min(a, b), max(a, b)), number) == number
        assert len(set(met.values())) > 2
        assert as_set(store.together(codes)) == as_set(iter(store)) == as_set(iter(pairs))
    assert max(map(len, store)) <= 9


def test_few_pairs_stay_in_memory_and_none_are_one_empty_part(store: PairStore, tmp_path: Path) -> None:
    assert [len(part) for part in store] == [0]
    store.take([drawn(3), drawn(0), drawn(4, seed=1)])
    assert [len(part) for part in store.together(np.zeros(40, np.int64))] == [7]
    store.take([drawn(5)])
    assert [len(part) for part in store] == [5]
    assert not (tmp_path / "new").exists()


def test_where_memory_is_short_fewer_pairs_are_held_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = drawn(100_000)
    for room, most in (None, 100_000), (1 << 36, 100_000), (1 << 20, 1 << 16):
        monkeypatch.setattr(memory, "available", lambda room=room: room)
        with PairStore(tmp_path) as flagged:
            flagged.add(pairs)
            assert max(map(len, flagged)) == most
            assert as_set(iter(flagged)) == as_set(iter([pairs]))


def test_findings_of_more_links_than_memory_holds_are_refused_with_their_number(
    store: PairStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs, folder = drawn(1000), np.arange(40) // 2
    store.add(pairs)
    links = len({frozenset(two) for two in zip(folder[pairs.rows_a], folder[pairs.rows_b], strict=True)})
    need = memory_need.of_findings(1000, links)
    monkeypatch.setattr(memory, "available", lambda: need)
    expect_room(store, folders(folder, np.arange(40)))
    monkeypatch.setattr(memory, "available", lambda: need - 1)
    with pytest.raises(memory.TooLittleMemoryError, match=f"about {links} links takes"):
        expect_room(store, folders(folder, np.arange(40)))


@pytest.mark.usefixtures("few_at_once")
def test_the_file_is_of_the_owner_alone_and_has_no_name(store: PairStore, tmp_path: Path) -> None:
    store.add(drawn(20))
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
    assert list((tmp_path / "new").iterdir()) == []


@pytest.mark.usefixtures("few_at_once")
def test_a_disk_without_room_for_the_pairs_is_said_in_a_sentence(store: PairStore, tmp_path: Path) -> None:
    previous = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(FacedbError, match=f"cannot be kept in {tmp_path / 'new'} (.*): make room there"):
            store.add(drawn(1000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, previous)


@pytest.fixture
def noisy(database: Database) -> Database:
    """Twenty identities of ten people, and some of their faces once more under other names."""
    population = crowd(database)
    population.add(clustered(np.random.default_rng(0), 120, DIM, 10)[:9], people(9, 7))
    return database


def search(db: Database, pause: Pause = None, **options: Any) -> ScanSummary:
    settings: dict[str, Any] = {"threshold": 0.3, "engine": "exact", "threads": 1, "block_rows": 16}
    return scan(db, ScanOptions(**(settings | options)), reporter=Silent(), pause=pause)


def results(db: Database, **options: Any) -> list[list[tuple[Any, ...]]]:
    summary = search(db, **options)
    with db.connection() as conn:
        return [conn.execute(query, (summary.scan.id,)).fetchall() for query in TABLES]


def test_links_findings_and_histograms_do_not_depend_on_how_many_pairs_are_looked_at_together(
    noisy: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = results(noisy, full=True)
    assert len(whole[0]) > 300
    assert min(map(len, whole)) > 5
    monkeypatch.setattr(pair_store, "AT_ONCE", 100)
    assert results(noisy, full=True) == whole


def test_a_scan_that_was_stopped_or_builds_on_another_ends_with_many_pairs_as_with_few(
    noisy: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = results(noisy, full=True)
    monkeypatch.setattr(pair_store, "AT_ONCE", 100)
    passed: list[None] = []

    def stop() -> None:
        passed.append(None)
        if len(passed) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(noisy, stop, full=True)
    assert results(noisy, full=True) == whole
    carried = search(noisy, threshold=0.4)
    assert carried.scan.base_scan_id is not None
    monkeypatch.undo()
    again = search(noisy, threshold=0.4, full=True)
    assert carried.scan.pairs == again.scan.pairs > 300
    with noisy.connection() as conn:
        built, fresh = (
            [conn.execute(query, (found.scan.id,)).fetchall() for query in TABLES] for found in (carried, again)
        )
    assert built == fresh
