"""Scans against the definition: every pair of different identities and images, scored in float64, compared one by one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from facedb.core.errors import ConflictError, DatabaseError, EngineError, NotFoundError, TooManyPairsError, UsageError
from facedb.core.machine.in_background import checkpoint
from facedb.core.progress import Silent
from facedb.db.connection import Database
from facedb.findings.rates.histogram import BINS, count_scores
from facedb.join.engine import available_engines
from facedb.join.gallery import Gallery
from facedb.scan import pair_rows
from facedb.scan import run as run_module
from facedb.scan.faces import gallery
from facedb.scan.faces.gallery import GallerySnapshot
from facedb.scan.faces.gallery_faces import GalleryFaces
from facedb.scan.run import ScanOptions, ScanSummary, scan
from facedb.scan.scores import histograms
from facedb.scan.tiles import tile_rows
from tests.db.population import Population, clustered, exact_scores, unit

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
        ledger = pair_rows.ledger(conn, found.id)
        pairs = pair_rows.read_pairs(conn, found.id)
        links = conn.execute("select sum(pairs), count(*) from facedb.link where scan_id = %s", (found.id,)).fetchone()
        assert tile_rows.open_tiles(conn, found.id) == []
    assert sum(len(block.embedding_ids) for block in ledger) == found.faces
    assert len(pairs) == found.pairs
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


# One scan


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("block_rows", [7, 1000])
def test_the_rows_are_those_of_the_definition(database: Database, engine: str, block_rows: int) -> None:
    population = crowd(database)
    expected = population.expected_pairs(0.5)
    assert len(expected) > 100
    summary = run(database, engine=engine, block_rows=block_rows)
    assert population.pairs(summary.scan.id) == expected
    assert summary.scan.engine == engine
    assert (summary.scan.faces, summary.scan.new_faces, summary.scan.identities) == (120, 120, 20)
    assert summary.scan.comparisons == 120 * 119 // 2


def test_a_pair_exactly_on_the_line_is_flagged_and_one_a_hair_below_is_not(database: Database) -> None:
    population = Population(database, DIM)
    rng = np.random.default_rng(3)
    vectors = at_score(0.6, 30, rng)
    population.add(vectors, [f"q{k}" for k in range(60)])
    line = float(np.sort(exact_scores(vectors[::2], vectors[1::2]))[10])
    for threshold in (line, float(np.nextafter(line, 2)), 0.6):
        summary = run(database, threshold, full=True)
        assert population.pairs(summary.scan.id) == population.expected_pairs(threshold)


def test_faces_of_one_image_are_never_flagged(database: Database) -> None:
    population = Population(database, DIM)
    same = np.repeat(unit(np.random.default_rng(0).standard_normal((1, DIM))), 6, axis=0)
    population.add(same, ["a", "a", "b", "b", "c", "c"], per_image=2)
    summary = run(database)
    assert population.pairs(summary.scan.id) == population.expected_pairs(0.5)
    assert summary.scan.pairs == 12


@pytest.mark.parametrize(
    ("rows", "labels"), [(1, ["a"]), (2, ["a", "a"]), (2, ["a", "b"]), (5, ["a"] * 5), (3, [None, None, "a"])]
)
def test_tiny_galleries(database: Database, rows: int, labels: list[str | None]) -> None:
    population = Population(database, DIM)
    population.add(np.repeat(unit(np.ones((1, DIM))), rows, axis=0), labels)
    summary = run(database)
    assert population.pairs(summary.scan.id) == population.expected_pairs(0.5)
    assert summary.scan.faces == sum(label is not None for label in labels)


def test_an_empty_gallery_is_scanned_and_a_database_without_embeddings_says_what_to_do(database: Database) -> None:
    with pytest.raises(NotFoundError, match="facedb check"):
        run(database)
    population = Population(database, DIM)
    keys = population.add(unit(np.ones((3, DIM))), ["a", "b", "c"])
    population.set_status(keys, "vanished")
    summary = run(database)
    assert (summary.scan.faces, summary.scan.pairs, summary.scan.comparisons) == (0, 0, 0)


def test_unlabelled_faces_stay_out(database: Database) -> None:
    population = Population(database, DIM)
    population.add(np.repeat(unit(np.ones((1, DIM))), 4, axis=0), [None, "a", "b", None])
    assert run(database).scan.pairs == 1


def test_small_and_blurred_faces_stay_out_when_asked_and_unmeasured_ones_do_not(database: Database) -> None:
    population = Population(database, DIM)
    keys = population.add(
        np.repeat(unit(np.ones((1, DIM))), 5, axis=0),
        ["a", "b", "c", "d", "e"],
        sizes=[39.9, 40.0, None, 80.0, 90.0],
        sharpness=[9.0, 9.0, 9.0, 1.0, None],
    )
    by_size = run(database, min_face=40.0)
    assert {face for pair in population.pairs(by_size.scan.id) for face in pair[:2]} == set(keys[1:].tolist())
    both = run(database, min_face=40.0, min_quality=2.0)
    assert {face for pair in population.pairs(both.scan.id) for face in pair[:2]} == {keys[1], keys[2], keys[4]}
    assert run(database).scan.pairs == 10


def test_datasets_are_scanned_within_and_across(database: Database) -> None:
    population = Population(database, DIM)
    rng = np.random.default_rng(1)
    for name in ("train", "test", "other"):
        population.add(clustered(rng, 40, DIM, 3), people(40, 8), dataset=name)
    everything = population.expected_pairs(0.5)
    dataset_of = {row[0]: row[3] for row in population.gallery()}
    for names in (("train",), ("train", "test"), ("test", "train"), ()):
        summary = run(database, datasets=names)
        wanted = set(names) or {"train", "test", "other"}
        assert population.pairs(summary.scan.id) == [
            pair for pair in everything if {dataset_of[pair[0]], dataset_of[pair[1]]} <= wanted
        ]
    across = {(dataset_of[a], dataset_of[b]) for a, b, _ in everything if dataset_of[a] != dataset_of[b]}
    assert across
    # The order of the names does not make another scan.
    assert run(database, datasets=("test", "train")).reused


def test_what_does_not_exist_is_named(database: Database) -> None:
    crowd(database, 10, 5)
    with pytest.raises(NotFoundError, match="nowhere"):
        run(database, datasets=("faces", "nowhere"))
    with pytest.raises(NotFoundError, match="model"):
        run(database, model="nobody")
    with pytest.raises(UsageError, match="engine"):
        run(database, engine="steam")
    with pytest.raises(UsageError, match="between -1 and 1"):
        run(database, 1.5)
    missing = [info.name for info in available_engines() if not info.available]
    if missing:
        with pytest.raises(EngineError, match=missing[0]):
            run(database, engine=missing[0])


def test_models_are_scanned_apart_and_the_one_used_last_is_meant(database: Database) -> None:
    first, second = Population(database, DIM, "first"), Population(database, 8, "second")
    rng = np.random.default_rng(1)
    first.add(clustered(rng, 40, DIM, 3), people(40, 8))
    second.add(clustered(rng, 30, 8, 3), people(30, 8))
    latest = run(database)
    assert second.pairs(latest.scan.id) == second.expected_pairs(0.5)
    named = run(database, model="first")
    assert first.pairs(named.scan.id) == first.expected_pairs(0.5)
    by_digest = run(database, model=first.model.digest)
    assert by_digest.reused


# Links and histograms


def test_links_equal_a_plain_count(database: Database) -> None:
    population = crowd(database, 150, 30)
    summary = run(database, 0.6)
    rows = population.gallery()
    label = {face: identity for face, _, identity, _, _ in rows}
    members: dict[int, list[np.ndarray]] = {}
    for _, _, identity, _, vector in rows:
        members.setdefault(identity, []).append(vector.astype(np.float64))
    evidence: dict[tuple[int, int], list[tuple[int, int, float]]] = {}
    for a, b, score in population.expected_pairs(0.6):
        if label[a] > label[b]:
            a, b = b, a
        evidence.setdefault((label[a], label[b]), []).append((a, b, score))
    expected = []
    for (x, y), pairs in evidence.items():
        scores = [score for _, _, score in pairs]
        sides = (len({a for a, _, _ in pairs}), len({b for _, b, _ in pairs}))
        sizes = (len(members[x]), len(members[y]))
        means = [np.sum(members[key], axis=0) for key in (x, y)]
        centroid = float(means[0] @ means[1] / np.linalg.norm(means[0]) / np.linalg.norm(means[1]))
        coverage = max(sides[0] / sizes[0], sides[1] / sizes[1])
        expected.append(
            (
                -max(scores),
                -coverage,
                -float(np.mean(scores)),
                x,
                y,
                len(pairs),
                *sides,
                *sizes,
                float(np.median(scores)),
                centroid,
            )
        )
    expected.sort()
    with database.connection() as conn:
        found = conn.execute(
            "select identity_a, identity_b, pairs, faces_a, faces_b, size_a, size_b, max_score, mean_score,"
            " median_score, centroid_score from facedb.link where scan_id = %s order by rank",
            (summary.scan.id,),
        ).fetchall()
    assert len(found) == len(expected) > 20
    for got, (best, _, mean, x, y, count, fa, fb, sa, sb, median, centroid) in zip(found, expected, strict=True):
        assert got[:7] == (x, y, count, fa, fb, sa, sb)
        assert np.float32(got[7]) == -best
        np.testing.assert_allclose(got[8:], (-mean, median, centroid), atol=1e-6)


def test_histograms_count_every_pair_with_its_denominator(database: Database) -> None:
    population = crowd(database, 140, 12)
    summary = run(database, 0.3)
    rows = population.gallery()
    identities, vectors = np.array([row[2] for row in rows]), np.stack([row[4] for row in rows])
    a, b = np.triu_indices(len(rows), 1)
    scores, same = exact_scores(vectors[a], vectors[b]), identities[a] == identities[b]
    genuine, impostor = scores[same], scores[~same]
    with database.connection() as conn:
        totals = {
            row[0]: row[1:]
            for row in conn.execute(
                "select kind, total, counted_from, sampled from facedb.score_total where scan_id = %s",
                (summary.scan.id,),
            )
        }
        counts = {
            (kind, source): (bins, n)
            for kind, source, bins, n in conn.execute(
                "select kind, source, array_agg(bin), sum(count) from facedb.score_histogram where scan_id = %s"
                " group by 1, 2",
                (summary.scan.id,),
            )
        }
    assert totals["genuine"][0] == len(genuine) == counts["genuine", "counted"][1]
    assert totals["impostor"][0] == len(impostor)
    assert counts["impostor", "counted"][1] == len(impostor)
    assert totals["impostor"][1:] == (-1.0, 0)
    assert ("impostor", "sampled") not in counts
    assert len(genuine) + len(impostor) == 140 * 139 // 2
    with database.connection() as conn:
        counted = dict(
            conn.execute(
                "select bin, count from facedb.score_histogram where scan_id = %s and kind = 'impostor'",
                (summary.scan.id,),
            )
        )
    true = count_scores(impostor)
    assert sum(n for at, n in counted.items() if at >= 1300) == summary.scan.pairs == (impostor >= 0.3).sum()
    at_or_above = np.array([sum(n for at, n in counted.items() if at >= edge) for edge in range(0, BINS, 20)])
    # Below the threshold scores are float32 products, and one may lie across an edge.
    assert np.abs(at_or_above - [true[edge:].sum() for edge in range(0, BINS, 20)]).max() <= 2


def test_load_and_join_tell_how_far_they_are(database: Database) -> None:
    class Watch(Silent):
        def __init__(self) -> None:
            self.seen: dict[str, list[tuple[int, str]]] = {}

        @contextmanager
        def task(self, title: str, total: int | None, unit: str) -> Iterator[Any]:
            self.seen[title] = [(total or 0, unit)]
            yield SimpleNamespace(advance=lambda n=1, note="": self.seen[title].append((n, note)))

    crowd(database)
    watch = Watch()
    run(database, reporter=watch, block_rows=60)
    pairs = 120 * 119 // 2
    assert watch.seen["load gallery"][0] == (120, "faces")
    assert sum(n for n, _ in watch.seen["load gallery"][1:]) == 120
    assert watch.seen["scan"][0] == (pairs, "pairs")
    assert sum(n for n, _ in watch.seen["scan"][1:]) == pairs
    assert watch.seen["scan"][-1][1] == "2/2 tiles"


# Before the work


def test_too_many_pairs_stop_the_scan_before_it_begins_with_a_threshold_that_helps(database: Database) -> None:
    population = crowd(database)
    expected = len(population.expected_pairs(-1.0))
    with pytest.raises(TooManyPairsError, match=f"{expected:,}.*--max-pairs 50") as caught:
        run(database, -1.0, max_pairs=50)
    with database.connection() as conn:
        assert conn.execute("select count(*) from facedb.scan").fetchone() == (0,)
    proposed = float(str(caught.value).split("a threshold of ")[1].split()[0])
    assert run(database, proposed, max_pairs=50).scan.pairs <= 50
    assert run(database, -1.0, max_pairs=None).scan.pairs == expected


def test_pairs_that_are_carried_over_count_towards_the_limit(database: Database) -> None:
    population = crowd(database)
    first = run(database)
    population.add(clustered(np.random.default_rng(9), 10, DIM, 3), ["fresh"] * 10)
    expected = len(population.expected_pairs(0.5))
    assert expected > first.scan.pairs > 50
    with pytest.raises(TooManyPairsError, match=f"{expected:,} pairs reach 0.5"):
        run(database, max_pairs=50)
    assert run(database, max_pairs=expected).scan.pairs == expected


# Incremental


def test_nothing_new_gives_the_earlier_scan(database: Database) -> None:
    crowd(database)
    first = run(database)
    again = run(database)
    assert again.reused
    assert again.scan.id == first.scan.id


def test_an_incremental_scan_equals_a_full_one_after_every_kind_of_change(database: Database) -> None:
    rng = np.random.default_rng(5)
    population = Population(database, DIM)
    centres = rng.standard_normal((8, DIM))

    def fresh(n: int) -> np.ndarray:
        return unit(centres[rng.integers(0, 8, n)] + 0.6 * rng.standard_normal((n, DIM)))

    alive = population.add(fresh(60), people(60, 12)).tolist()
    away: list[int] = []
    threshold = 0.45
    run(database, threshold)
    for step in range(14):
        for change in rng.choice(["add", "relabel", "embed", "delete", "vanish", "return", "raise"], 2, replace=False):
            some = rng.choice(alive, 4, replace=False).tolist()
            match change:
                case "add":
                    alive += population.add(fresh(9), [f"n{step}-{k % 4}" for k in range(9)]).tolist()
                case "relabel":
                    population.relabel(some, f"p{int(rng.integers(0, 12)):02d}")
                case "embed":
                    population.embed_again(some, fresh(4))
                case "delete":
                    population.delete(some)
                    alive = [face for face in alive if face not in some]
                case "vanish":
                    population.set_status(some, "vanished")
                    away += some
                    alive = [face for face in alive if face not in some]
                case "return":
                    population.set_status(away, "ready")
                    alive += away
                    away = []
                case "raise":
                    # A threshold that falls exactly on a score, where rounding to float32 would decide wrongly.
                    scores = [score for _, _, score in population.expected_pairs(threshold)]
                    threshold = max(threshold, float(sorted(scores)[len(scores) // 20]))
        talk = Talk()
        summary = run(database, threshold, talk, block_rows=int(rng.integers(1, 40)), engine=str(rng.choice(ENGINES)))
        assert population.pairs(summary.scan.id) == population.expected_pairs(threshold), talk.said
        if not summary.reused:
            assert summary.scan.base_scan_id is not None
            assert summary.scan.new_faces < summary.scan.faces
        full = run(database, threshold, full=True)
        assert full.scan.base_scan_id is None
        assert population.pairs(full.scan.id) == population.pairs(summary.scan.id)
        assert links_of(database, full) == links_of(database, summary)
        assert histograms_of(database, full) == histograms_of(database, summary)
        assert findings_of(database, full) == findings_of(database, summary)


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


@pytest.mark.parametrize("seed", range(3))
def test_a_raised_threshold_keeps_exactly_the_pairs_on_and_above_the_line(database: Database, seed: int) -> None:
    population = Population(database, DIM)
    rng = np.random.default_rng(seed)
    line = float(rng.uniform(0.5, 0.9))
    vectors = at_score(line, 40, rng)
    population.add(vectors, [f"q{k}" for k in range(80)])
    base = run(database, line - 0.1)
    scores = sorted(exact_scores(vectors[::2], vectors[1::2]).tolist())
    as_stored = sorted(score for _, _, score in population.pairs(base.scan.id))
    for threshold in (scores[5], float(np.nextafter(scores[5], 2)), as_stored[-12], line, scores[-1]):
        summary = run(database, threshold)
        assert summary.reused or summary.scan.new_faces == 0
        assert population.pairs(summary.scan.id) == population.expected_pairs(threshold)


def test_a_lowered_threshold_is_a_full_scan_and_says_so(database: Database) -> None:
    population = crowd(database)
    run(database, 0.6)
    talk = Talk()
    lower = run(database, 0.4, talk)
    assert lower.scan.base_scan_id is None
    assert any("full scan" in line and "0.6" in line for line in talk.said)
    assert population.pairs(lower.scan.id) == population.expected_pairs(0.4)


def test_an_incremental_scan_compares_only_what_is_new(database: Database) -> None:
    population = crowd(database)
    run(database)
    population.add(clustered(np.random.default_rng(9), 10, DIM, 3), ["fresh"] * 10)
    summary = run(database)
    assert (summary.scan.new_faces, summary.scan.faces) == (10, 130)
    assert summary.scan.comparisons == 10 * 120 + 45


def test_the_ledger_that_a_scan_takes_over_is_that_of_its_base_with_the_new_faces_behind(database: Database) -> None:
    population = crowd(database)
    base = run(database, block_rows=30)
    population.add(clustered(np.random.default_rng(9), 10, DIM, 3), ["fresh"] * 10, dataset="other")
    built = run(database)
    with database.connection() as conn:
        one, two = (
            conn.execute(
                "select block, embedding_ids, identity_ids, face_ids from facedb.scan_block where scan_id = %s order by block",
                (summary.scan.id,),
            ).fetchall()
            for summary in (base, built)
        )
        assert len(one) > 2
        assert two[: len(one)] == one
        assert sum(len(row[1]) for row in two[len(one) :]) == 10
        counted = conn.execute(
            "select d.name, s.faces, s.identities from facedb.scan_dataset s join facedb.dataset d on d.id = s.dataset_id"
            " where s.scan_id = %s order by d.name",
            (built.scan.id,),
        ).fetchall()
        truth = conn.execute(
            "select d.name, count(*), count(distinct n.id) from facedb.image i join facedb.identity n on n.id = i.identity_id"
            " join facedb.dataset d on d.id = n.dataset_id group by 1 order by 1"
        ).fetchall()
    assert counted == truth
    assert len(truth) == 2
    assert population.pairs(built.scan.id) == population.expected_pairs(0.5)


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


def test_pairs_of_a_finished_scan_stay_when_faces_go(database: Database) -> None:
    population = crowd(database)
    first = run(database)
    before = population.pairs(first.scan.id)
    population.delete([pair[0] for pair in before[:10]])
    second = run(database)
    assert population.pairs(first.scan.id) == before
    assert population.pairs(second.scan.id) == population.expected_pairs(0.5)


# Interrupted and at once


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


def test_a_scan_that_ended_after_its_pairs_were_indexed_goes_on(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    population = crowd(database)

    def cut(*_: object) -> None:
        with database.connection() as conn:
            while conn.execute(indexed).fetchone() == (0,):
                time.sleep(0.01)
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


def test_a_refused_scan_does_not_wait_for_what_is_measured_beside_it(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    crowd(database)
    leave = threading.Event()
    measure = histograms.measure

    def measure_for_long(gallery: Gallery) -> histograms.Distributions:
        leave.wait(60)
        return measure(gallery)

    monkeypatch.setattr(histograms, "measure", measure_for_long)
    started = time.monotonic()
    try:
        with pytest.raises(TooManyPairsError):
            run(database, -1.0, max_pairs=50)
        assert time.monotonic() - started < 30
    finally:
        leave.set()


def test_a_search_that_is_stopped_does_not_wait_for_the_study_of_the_folders(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    crowd(database)

    def study_for_long(_: Gallery) -> None:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            checkpoint()
            time.sleep(0.01)

    monkeypatch.setattr(run_module, "study", study_for_long)
    started = time.monotonic()
    stop_after(database, 1, engine="int8")
    assert time.monotonic() - started < 30


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
        leave.wait(30)

    def first() -> None:
        try:
            scan(database, ScanOptions(threshold=0.5, engine="exact", block_rows=16), reporter=Silent(), pause=pause)
        except BaseException as error:  # noqa: BLE001 - handed to the test's thread
            failures.append(error)

    thread = threading.Thread(target=first)
    thread.start()
    try:
        assert inside.wait(30)
        with pytest.raises(ConflictError, match="same parameters"):
            run(database)
    finally:
        leave.set()
        thread.join()
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
    for thread in threads:
        thread.join()
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


def start_scan(db: Database, home: Path, **more: Any) -> subprocess.Popen[bytes]:
    options = {"--threshold": 0.5, "--block-rows": 12, "--engine": "exact", "--threads": 1} | more
    command = [sys.executable, "-c", "from facedb.cli.app import main; main()", "scan"]
    command += [str(part) for option in options.items() for part in option]
    environment = {**os.environ, "FACEDB_DSN": db.dsn, "FACEDB_HOME": str(home)}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


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
    assert f"{len(stamps)} of {len(finished_blocks(database))} blocks are done" in complaint
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
            with database.connection(autocommit=True) as conn:
                while not conn.execute(
                    "select 1 from pg_locks where not granted and mode = 'AccessExclusiveLock'"
                ).fetchone():
                    time.sleep(0.01)
        return found

    monkeypatch.setattr(gallery, "LOCK_SECONDS", 0.2)
    monkeypatch.setattr(GallerySnapshot, "faces", faces)
    scan_id = run(database).scan.id
    waiting[0].join()
    assert population.pairs(scan_id) == population.expected_pairs(0.5)
