"""Planting is what it says, and grading counts what a person would count."""

from __future__ import annotations

import numpy as np
import pytest

from facedb.bench.synthetic import synthetic_gallery
from facedb.core.finding import Kind, Role
from facedb.findings.duplicates import Hashes
from facedb.findings.evaluation.grading import grade
from facedb.findings.evaluation.planting import Counts, Item, plant
from facedb.findings.finding_table import FindingTable, Members, ranked, table
from tests.unit.findings.people import Crowd, folders, scan

COUNTS = Counts(merge=2, stray=6, swap=2, duplicate=4, resaved=3)


def stray(row: int, confidence: float) -> FindingTable:
    members = Members.of([0], [row], Role.WRONG)
    return table(Kind.STRAY, np.array([confidence]), members, identity_a=1, identity_b=2, faces_a=1, size_a=5)


def test_average_precision_is_that_of_the_textbook() -> None:
    items = [Item("stray", 1, 2, (row,)) for row in (10, 11, 12)]
    found = ranked([stray(10, 0.9), stray(50, 0.8), stray(11, 0.7), stray(51, 0.6)])
    done = grade(found, items)
    assert done.rank_of.tolist() == [1, 3, 0]
    assert done.average_precision == pytest.approx((1 + 2 / 3 + 0) / 3)
    assert done.precision_at(3) == pytest.approx(2 / 3)
    assert done.recall_at(3) == pytest.approx(2 / 3)
    ranks, precision, recall = done.curve()
    assert ranks.tolist() == [1, 3]
    assert precision == pytest.approx([1, 2 / 3])
    assert recall == pytest.approx([1 / 3, 2 / 3])


def test_a_mistake_told_twice_costs_precision() -> None:
    done = grade(
        ranked([stray(10, 0.9), stray(10, 0.8), stray(11, 0.7)]), [Item("stray", 1, 2, (r,)) for r in (10, 11)]
    )
    assert done.hit.tolist() == [1, 0, 1]
    assert done.average_precision == pytest.approx((1 + 2 / 3) / 2)


def test_what_is_planted_can_be_read_off_the_labels() -> None:
    crowd = Crowd(20, seed=3)
    clean = folders([(p + 1, crowd.faces(p, 8)) for p in range(20)])
    planted = plant(clean, Hashes.none(len(clean)), COUNTS, 7)
    gallery, source = planted.gallery, planted.source
    assert len(gallery) == len(clean) + COUNTS.duplicate + COUNTS.resaved
    assert (np.diff(gallery.identity_ids) >= 0).all()
    truth = clean.identity_ids[source]
    kinds = [item.kind for item in planted.items]
    assert {k: kinds.count(k) for k in kinds} == {"merge": 2, "stray": 6, "swap": 4, "duplicate": 4, "resaved": 3}
    named = [row for item in planted.items if item.kind != "merge" for row in item.rows]
    assert len(named) == len(set(named))
    halves = {item.label_b: item.label_a for item in planted.items if item.kind == "merge"}
    person = np.array([halves.get(label, label) for label in gallery.identity_ids.tolist()])
    single = [item for item in planted.items if item.kind != "merge"]
    moved = {item.rows[-1] for item in single if item.kind in ("stray", "swap") or item.label_a != item.label_b}
    assert set(np.flatnonzero(person != truth).tolist()) == moved
    for item in planted.items:
        if item.kind in ("duplicate", "resaved"):
            one, two = item.rows
            assert source[one] == source[two]
            equal = planted.hashes.content[one] == planted.hashes.content[two] >= 0
            assert equal == (item.kind == "duplicate")
            assert 0.96 < gallery.vectors[one] @ gallery.vectors[two] < 1.0001
    assert np.array_equal(plant(clean, Hashes.none(len(clean)), COUNTS, 7).gallery.identity_ids, gallery.identity_ids)
    assert not np.array_equal(plant(clean, Hashes.none(len(clean)), COUNTS, 8).source, source)


def test_a_gallery_too_small_for_all_mistakes_gets_fewer() -> None:
    crowd = Crowd(2, seed=3)
    clean = folders([(p + 1, crowd.faces(p, 3)) for p in range(2)])
    assert len(plant(clean, Hashes.none(6), Counts(merge=5, stray=50), 1).items) == 2


@pytest.mark.parametrize("seed", range(3))
def test_every_planted_mistake_of_a_long_tailed_gallery_leads_the_ranks(seed: int) -> None:
    clean = synthetic_gallery(6000, 128, seed=seed, overlap=0.0).gallery
    planted = plant(clean, Hashes.none(len(clean)), Counts(merge=4, stray=30, swap=8, duplicate=14), seed)
    done = grade(scan(planted.gallery, planted.hashes), planted.items)
    assert done.average_precision >= 0.95


def test_sixty_thousand_faces_of_two_thousand_identities_with_one_percent_noise() -> None:
    # Long-tailed folders, and one identity in twenty with a look-alike whose centre scores 0.7 with its own.
    clean = synthetic_gallery(60_000, 256, seed=4, overlap=0.0, genuine=0.55).gallery
    assert len(np.unique(clean.identity_ids)) > 2000
    planted = plant(clean, Hashes.none(len(clean)), Counts(merge=20, stray=300, swap=75, duplicate=150), 7)
    done = grade(scan(planted.gallery, planted.hashes, engine="auto"), planted.items)
    assert done.average_precision >= 0.95


def test_what_stood_before_holds_without_a_rank_and_what_nobody_judged_counts_nowhere() -> None:
    found = ranked([stray(50, 0.95), stray(51, 0.9), stray(10, 0.8), stray(52, 0.7)])
    before, unjudged = Item("stray", 1, 2, (50,)), Item("stray", 1, 2, (51,))
    done = grade(found, [Item("stray", 1, 2, (10,))], [before], [unjudged])
    assert (done.rank_of.tolist(), done.hit.tolist(), done.average_precision) == ([1], [1, 0], 1.0)
    assert (done.standing, done.unjudged) == (1, 1)
    told = {t.above: (t.findings, t.true) for t in done.reliability if t.findings}
    assert told == {0.9: (1, 1), 0.8: (1, 1), 0.7: (1, 0)}
    alone = grade(found, [Item("stray", 1, 2, (10,))])
    assert alone.rank_of.tolist() == [3]
    both = grade(found, [Item("stray", 1, 2, (50,))], [before])
    assert both.rank_of.tolist() == [1], "a planted mistake keeps its rank though something stood there"
