"""A scan on top of an earlier one gives the rows of a full one, whatever came, went or changed between them."""

from __future__ import annotations

import numpy as np
import pytest

from facedb.db.connection import Database
from facedb.scan.findings.ranked import FindingSelection, of_another_make
from facedb.scan.which_scan import find_scan
from tests.db.population import Population, clustered, exact_scores
from tests.db.scan.scans import DIM, ENGINES, Talk, at_score, crowd, findings_of, histograms_of, links_of, people, run
from tests.vectors import unit


def test_nothing_new_gives_the_earlier_scan(database: Database) -> None:
    crowd(database)
    first = run(database)
    again = run(database)
    assert again.reused
    assert again.scan.id == first.scan.id


def test_asking_again_for_what_an_older_scan_answers_makes_it_the_newest(database: Database) -> None:
    crowd(database)
    low, high = run(database, 0.45), run(database, 0.6)
    talk = Talk()
    again = run(database, 0.45, reporter=talk)
    assert (again.reused, again.scan.base_scan_id, again.scan.comparisons) == (False, low.scan.id, 0)
    assert (
        "Nothing is new since scan 1, but scan 2 came after it, and whoever names no scan is shown the newest."
        in talk.said
    )
    assert links_of(database, low) != links_of(database, high)
    for rows_of in (links_of, findings_of, histograms_of):
        assert rows_of(database, again) == rows_of(database, low)
    with database.connection() as conn:
        assert find_scan(conn).scan.id == again.scan.id
    assert run(database, 0.45).reused


def test_findings_of_another_make_are_made_anew_without_a_search_and_told_as_such_until_then(
    database: Database,
) -> None:
    crowd(database)
    first = run(database)
    assert of_another_make(database, FindingSelection()) is None
    with database.connection() as conn:
        conn.execute("update facedb.scan set made_by = '0.0.1 of old'")
        conn.execute("update facedb.finding set confidence = 1")
    assert of_another_make(database, FindingSelection()) == (
        "The findings of scan 1 were made by another version of facedb: to renew them, check or scan again as before, "
        "which does not repeat the search."
    )
    talk = Talk()
    again = run(database, reporter=talk)
    assert (again.reused, again.scan.base_scan_id, again.scan.new_faces) == (False, first.scan.id, 0)
    assert (again.scan.comparisons, again.tiles_done) == (0, 0)
    assert "Nothing is new since scan 1, but its findings were made by another version of facedb." in talk.said
    whole = run(database, full=True)
    for rows_of in (links_of, findings_of, histograms_of):
        assert rows_of(database, again) == rows_of(database, whole)
    assert run(database).reused
    assert of_another_make(database, FindingSelection()) is None


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


def test_pairs_of_a_finished_scan_stay_when_faces_go(database: Database) -> None:
    population = crowd(database)
    first = run(database)
    before = population.pairs(first.scan.id)
    population.delete([pair[0] for pair in before[:10]])
    second = run(database)
    assert population.pairs(first.scan.id) == before
    assert population.pairs(second.scan.id) == population.expected_pairs(0.5)
