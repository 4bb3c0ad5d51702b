"""Old scans end: which stay, which go, and what goes with them."""

from __future__ import annotations

from contextlib import closing

import numpy as np
import pytest

from facedb.core.errors import ConflictError, NotFoundError
from facedb.core.progress import Silent
from facedb.db import locks
from facedb.db.connection import Database
from facedb.review import verdicts
from facedb.scan.retention import prune, remove_model, scans
from facedb.scan.run import ScanOptions, scan
from tests.db.population import Population, clustered


def populated(db: Database) -> Population:
    population = Population(db, 16)
    population.add(clustered(np.random.default_rng(2), 60, 16, 4), [f"p{k // 3:02}" for k in range(60)])
    return population


def scanned(population: Population, times: int, *, keep: int = 0, threshold: float = 0.5) -> list[int]:
    """``times`` scans, each after a face more."""
    rng = np.random.default_rng(population._count + times)
    done = []
    for _ in range(times):
        population.add(clustered(rng, 1, 16, 1), ["p00"])
        options = ScanOptions(threshold=threshold, engine="exact", keep_scans=keep)
        done.append(scan(population.db, options, reporter=Silent()).scan.id)
    return done


def left(db: Database) -> list[int]:
    with db.connection() as conn:
        return [row[0] for row in conn.execute("select id from facedb.scan order by id")]


def partitions(db: Database) -> set[str]:
    with db.connection() as conn:
        rows = conn.execute(
            "select inhrelid::regclass::text from pg_inherits where inhparent = 'facedb.flagged_pair'::regclass"
        )
        return {row[0] for row in rows}


def test_after_a_finished_scan_the_newest_stay_with_their_rows_and_the_others_leave_nothing(database: Database) -> None:
    population = populated(database)
    done = scanned(population, 6, keep=3)
    assert left(database) == done[-3:]
    assert partitions(database) == {f"facedb.flagged_pair_{number}" for number in done[-3:]}
    assert population.pairs(done[-1]) == population.expected_pairs(0.5)
    with database.connection() as conn:
        for table in ("scan_block", "scan_tile", "link", "finding", "score_histogram", "scan_dataset"):
            rows = conn.execute(f"select distinct scan_id from facedb.{table}").fetchall()  # noqa: S608
            assert {row[0] for row in rows} <= set(done[-3:]), table


def test_a_scan_that_something_rests_on_stays(database: Database) -> None:
    population = populated(database)
    first = scanned(population, 1)[0]
    with database.connection() as conn:
        a, b = conn.execute(
            "select na.name, nb.name from facedb.link l join facedb.identity na on na.id = l.identity_a"
            " join facedb.identity nb on nb.id = l.identity_b where scan_id = %s limit 1",
            [first],
        ).fetchone() or ("", "")
    verdicts.say(database, [verdicts.Statement("link", a, "different", b)])
    others = scanned(population, 3)
    assert prune(database, 1, yes=False).scans == tuple(others[:-1])
    assert left(database) == [first, *others]
    assert prune(database, 1, yes=True).scans == tuple(others[:-1])
    assert left(database) == [first, others[-1]]
    with database.connection() as conn:
        assert next(s for s in scans(conn, 1) if s.scan_id == first).reason == "verdicts rest on it"


def test_the_scan_with_the_lowest_threshold_stays_for_others_to_build_on(database: Database) -> None:
    population = populated(database)
    low = scanned(population, 1, threshold=0.3)[0]
    others = scanned(population, 4, keep=2, threshold=0.6)
    assert left(database) == [low, *others[-2:]]


def test_scans_stay_while_others_read_them_and_go_with_the_next(database: Database) -> None:
    population = populated(database)
    first = scanned(population, 2)
    said: list[str] = []

    class Loud(Silent):
        def say(self, message: str) -> None:
            said.append(message)

    with closing(database.open()) as reader:
        reader.execute("select count(*) from facedb.flagged_pair")
        population.add(clustered(np.random.default_rng(9), 1, 16, 1), ["p00"])
        options = ScanOptions(threshold=0.5, engine="exact", keep_scans=1)
        third = scan(database, options, reporter=Loud()).scan.id
        reader.rollback()
    assert left(database) == [*first, third]
    assert any("stay for now" in line for line in said)
    assert left(database)[-1:] != scanned(population, 1, keep=1)
    assert len(left(database)) == 1


def test_a_removed_model_takes_its_embeddings_faces_and_scans_along(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    population = populated(database)
    scanned(population, 1)
    other = Population(database, 8, name="other")
    other.add(clustered(np.random.default_rng(3), 12, 8, 2), [f"q{k // 3}" for k in range(12)], dataset="others")
    with pytest.raises(NotFoundError):
        remove_model(database, "nobody", yes=True)
    assert remove_model(database, "test", yes=False).embeddings == 61
    monkeypatch.setattr(locks, "_PATIENCE_SECONDS", 0.2)
    with closing(database.open(autocommit=True)) as busy:
        busy.execute("select pg_advisory_lock(5)")
        with pytest.raises(ConflictError, match=r"at work here .* could be using it"):
            remove_model(database, "test", yes=True)
    assert remove_model(database, "test", yes=True).scans == 1
    with database.connection() as conn:
        assert conn.execute("select count(*) from facedb.embedding").fetchone() == (12,)
        assert conn.execute("select count(*) from facedb.scan").fetchone() == (0,)
        assert conn.execute("select act, counts from bi.audit where act = 'remove'").fetchall() == [
            ("remove", {"embeddings": 61, "scans": 1})
        ]
