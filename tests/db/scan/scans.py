"""Scans of small populations for tests: run with what must hold for each, and what they left."""

from __future__ import annotations

from typing import Any

import numpy as np

from facedb.core.progress import Silent
from facedb.db.connection import Database
from facedb.join.engine import available_engines
from facedb.scan import pair_rows
from facedb.scan.run import ScanOptions, ScanSummary, scan
from facedb.scan.tiles import ledger_rows, tile_rows
from tests.db.population import Population, clustered
from tests.vectors import unit

ENGINES = [info.name for info in available_engines() if info.available]
DIM = 16


class Talk(Silent):
    """A reporter that remembers what was said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, message: str) -> None:
        self.said.append(message)


def run(db: Database, threshold: float = 0.5, reporter: Silent | None = None, **options: Any) -> ScanSummary:
    """Scan in small blocks with the plainest engine unless told otherwise; check what must hold for every scan."""
    usual: dict[str, Any] = {"engine": "exact", "block_rows": 16, "threads": 1}
    summary = scan(db, ScanOptions(threshold=threshold, **(usual | options)), reporter=reporter or Silent())
    found = summary.scan
    assert found.status == "finished"
    with db.connection() as conn:
        ledger = ledger_rows.read_blocks(conn, found.id)
        pairs = sum(map(len, pair_rows.pairs_in_parts(conn, found.id)))
        links = conn.execute("select sum(pairs), count(*) from facedb.link where scan_id = %s", (found.id,)).fetchone()
        assert tile_rows.open_tiles(conn, found.id) == []
    assert sum(len(block.embedding_ids) for block in ledger) == found.faces
    assert pairs == found.pairs
    assert links is not None
    assert (links[0] or 0, links[1]) == (found.pairs, found.links)
    return summary


def people(n: int, of: int) -> list[str]:
    return [f"p{k % of:02d}" for k in range(n)]


def crowd(db: Database, rows: int = 120, identities: int = 20, seed: int = 0) -> Population:
    """Faces around fewer centres than identities, so that there is plenty to find."""
    population = Population(db, DIM)
    population.add(clustered(np.random.default_rng(seed), rows, DIM, identities // 2), people(rows, identities))
    return population


def at_score(score: float, count: int, rng: np.random.Generator) -> np.ndarray:
    """``count`` pairs of float32 vectors whose scores are as near to ``score`` as rounding leaves them: (2 * count, DIM)."""
    rows = []
    for _ in range(count):
        a, b = rng.standard_normal((2, DIM))
        a /= np.linalg.norm(a)
        b -= a * (a @ b)
        b /= np.linalg.norm(b)
        rows += [a, score * a + np.sqrt(1 - score**2) * b]
    return unit(np.array(rows))


def links_of(db: Database, summary: ScanSummary) -> list[tuple[Any, ...]]:
    with db.connection() as conn:
        return conn.execute(
            "select rank, identity_a, identity_b, pairs, faces_a, faces_b, size_a, size_b, max_score, mean_score,"
            " median_score, centroid_score::numeric(6, 4) from facedb.link where scan_id = %s order by rank",
            (summary.scan.id,),
        ).fetchall()


def histograms_of(db: Database, summary: ScanSummary) -> list[tuple[Any, ...]]:
    with db.connection() as conn:
        return conn.execute(
            "select kind, bin, count from facedb.score_histogram where scan_id = %s and source = 'counted'"
            " and kind = 'impostor' order by 1, 2",
            (summary.scan.id,),
        ).fetchall()


def findings_of(db: Database, summary: ScanSummary) -> list[tuple[Any, ...]]:
    with db.connection() as conn:
        return conn.execute(
            "select f.rank, f.class, round(f.confidence::numeric, 5), f.identity_a, f.identity_b, f.faces_a, f.faces_b,"
            " round(f.mean_score::numeric, 4), round(f.sameness::numeric, 4),"
            " (select array_agg((w.face_id, w.role)::text order by w.face_id, w.role) from facedb.finding_face w"
            " where w.scan_id = f.scan_id and w.rank = f.rank)"
            " from facedb.finding f where f.scan_id = %s order by f.rank",
            (summary.scan.id,),
        ).fetchall()
