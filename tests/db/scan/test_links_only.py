"""A scan that keeps links alone: the links, the histogram and what follows are those of a scan that keeps every pair."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from psycopg import sql

from facedb.core.errors import UsageError
from facedb.core.progress import Silent
from facedb.db.connection import Database
from facedb.review.forget import Subject, forget
from facedb.scan.run import ScanOptions, ScanSummary, scan
from facedb.scan.tiles import ledger
from facedb.scan.tiles.worker import WorkOptions, work
from tests.db.population import Population, clustered
from tests.db.scan.scans import DIM, Talk, crowd


@pytest.fixture(autouse=True)
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of 16 rows of identities of 6, so that identities and links lie in several tiles."""
    monkeypatch.setattr(ledger.cut, "__defaults__", (24,))


@pytest.fixture
def population(database: Database) -> Population:
    return crowd(database)


def run(db: Database, reporter: Silent | None = None, **options: Any) -> ScanSummary:
    usual: dict[str, Any] = {"threshold": 0.5, "engine": "exact", "block_rows": 5, "threads": 1, "links_only": True}
    return scan(db, ScanOptions(**(usual | options)), reporter=reporter or Silent())


def rows(db: Database, table: str, scan_id: int, columns: str) -> list[tuple[Any, ...]]:
    listed = sql.SQL(", ").join(map(sql.Identifier, columns.split(", ")))
    query = sql.SQL("select {columns} from {table} where scan_id = %s order by {columns}").format(
        columns=listed, table=sql.Identifier(*table.split("."))
    )
    with db.connection() as conn:
        return conn.execute(query, (scan_id,)).fetchall()


LINK = "rank, identity_a, identity_b, pairs, faces_a, faces_b, size_a, size_b, max_score, mean_score, median_score, centroid_score"


def test_links_and_histograms_are_those_of_all_pairs_to_the_last_bit(population: Population) -> None:
    db = population.db
    whole, rolled = run(db, links_only=False, full=True), run(db)
    assert rolled.scan.pairs == whole.scan.pairs > rolled.scan.links == whole.scan.links > 20
    for table, columns in (
        ("facedb.link", LINK),
        ("facedb.score_histogram", "kind, source, bin, count"),
        ("facedb.score_total", "kind, total, counted_from, sampled"),
    ):
        assert rows(db, table, rolled.scan.id, columns) == rows(db, table, whole.scan.id, columns)
    assert rows(db, "facedb.link_part", rolled.scan.id, "tile") == []


def test_of_each_link_the_best_pair_stays(population: Population) -> None:
    db = population.db
    rolled = run(db)
    with db.connection() as conn:
        labels = dict(
            conn.execute(
                "select f.id, i.identity_id from facedb.face f join facedb.image i on i.id = f.image_id"
            ).fetchall()
        )
    best: dict[tuple[int, int], tuple[float, int, int]] = {}
    for a, b, score in population.expected_pairs(0.5):
        link = min(labels[a], labels[b]), max(labels[a], labels[b])
        best[link] = min(best.get(link, (0.0, 0, 0)), (-score, a, b))
    assert sorted((a, b, -score) for score, a, b in best.values()) == sorted(population.pairs(rolled.scan.id))


def test_workers_roll_up_as_the_scan_does_and_a_resumed_one_ends_the_same(population: Population) -> None:
    db = population.db
    whole = run(db, links_only=False, full=True)

    class Stopped(BaseException):
        pass

    def stop() -> None:
        raise Stopped

    options = ScanOptions(threshold=0.5, engine="exact", block_rows=5, threads=1, links_only=True)
    with pytest.raises(Stopped):
        scan(db, options, reporter=Silent(), pause=stop)
    assert work(db, None, WorkOptions(engine="int8", threads=1, memory=1), reporter=Silent()).tiles > 20
    rolled = run(db)
    assert (rolled.resumed, rolled.tiles_done) == (True, 0)
    assert rows(db, "facedb.link", rolled.scan.id, LINK) == rows(db, "facedb.link", whole.scan.id, LINK)


def test_such_a_scan_is_never_built_on_and_is_the_answer_while_nothing_is_new(population: Population) -> None:
    first = run(population.db)
    talk = Talk()
    assert run(population.db, talk).reused
    with population.db.connection() as conn:
        conn.execute("update facedb.scan set made_by = '0.0.1 of old'")
    assert run(population.db, talk).reused
    assert talk.said == [
        "The findings of scan 1 were made by another version of facedb: to renew them, scan with --full."
    ]
    assert not run(population.db, links_only=False).reused
    assert run(population.db, talk).reused
    assert talk.said[-1] == "Scan 2 is newer: to see this one, say --scan 1."
    population.add(clustered(np.random.default_rng(3), 4, DIM, 1), ["new"] * 4)
    later = run(population.db)
    assert (later.scan.base_scan_id, later.scan.new_faces) == (None, 124)
    assert later.scan.id != first.scan.id


def test_what_a_tile_found_of_a_forgotten_person_goes_before_the_scan_ends(population: Population) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    options = ScanOptions(threshold=-1.0, engine="exact", block_rows=30, threads=1, links_only=True, max_pairs=None)
    with pytest.raises(KeyboardInterrupt):
        scan(population.db, options, reporter=Silent(), pause=stop)
    with population.db.connection() as conn:
        (gone,) = conn.execute("select id from facedb.identity where name = 'p01'").fetchone() or (0,)
        kept = "select count(*) from facedb.link_part where %(gone)s in (identity_a, identity_b)"
        assert conn.execute(kept, {"gone": gone}).fetchone() != (0,)
    forget(population.db, Subject("identity", "p01"), yes=True, say=lambda _: None)
    with population.db.connection() as conn:
        assert conn.execute(kept, {"gone": gone}).fetchone() == (0,)


def test_faces_without_labels_have_no_links(population: Population) -> None:
    with pytest.raises(UsageError, match="have no links"):
        run(population.db, unlabelled=True)
