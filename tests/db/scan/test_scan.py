"""Scans against the definition: every pair of different identities and images, scored in float64, compared one by one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from facedb.core.errors import EngineError, NotFoundError, TooManyPairsError, UsageError
from facedb.core.progress import Silent
from facedb.db.connection import Database
from facedb.findings.rates.histogram import BINS, count_scores
from facedb.join.engine import available_engines
from tests.db.population import Population, clustered, exact_scores
from tests.db.scan.scans import DIM, ENGINES, at_score, crowd, people, run
from tests.vectors import unit


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
        # The order of the names does not make another scan.
        assert summary.reused == (names == ("test", "train"))
        wanted = set(names) or {"train", "test", "other"}
        assert population.pairs(summary.scan.id) == [
            pair for pair in everything if {dataset_of[pair[0]], dataset_of[pair[1]]} <= wanted
        ]
    across = {(dataset_of[a], dataset_of[b]) for a, b, _ in everything if dataset_of[a] != dataset_of[b]}
    assert across


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
