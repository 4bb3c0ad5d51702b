"""The rates of a gallery with mistakes: the chance pairs that are foretold are those that are there."""

from __future__ import annotations

import numpy as np
import pytest

from facedb.findings.rates.explained_pairs import Explained
from facedb.findings.rates.histogram import bin_of, count_scores
from facedb.findings.rates.impostors import impostor_histogram
from facedb.join.gallery import Gallery
from facedb.scan.scores.thresholds import lines
from tests.unit.findings.odds.crowds import known
from tests.unit.findings.people import Crowd, folders
from tests.unit.findings.rates.chance import chance_scores, measured

THRESHOLD = 0.4


def test_the_chance_pairs_foretold_are_those_that_are_there() -> None:
    held = looked_at = 0
    for seed in range(6):
        crowd = known(seed, effective=35.0)
        found, chance = measured(crowd, THRESHOLD), chance_scores(crowd)
        review = lines(found, len(crowd.person), 2.0).review
        for threshold in (THRESHOLD, 0.42, 0.45, review, found.threshold_for(1e-5)):
            true = int((chance >= threshold).sum())
            if true < 10:
                continue
            looked_at += 1
            assert true / 1.5 <= found.false_pairs(threshold) <= true * 1.5, (seed, threshold)
            low, high = found.false_pairs_interval(threshold)
            held += low <= true <= high
    assert looked_at >= 12
    assert held >= 0.9 * looked_at


def test_small_galleries_have_every_impostor_pair_counted() -> None:
    crowd = Crowd(9, seed=3)
    gallery = folders([(p + 1, crowd.faces(p, 3 + p)) for p in range(9)])
    shared = Gallery(gallery.vectors, gallery.identity_ids, np.r_[0, 0, np.arange(2, len(gallery))])
    found = impostor_histogram(shared)
    wide = shared.vectors.astype(float)
    apart = (shared.identity_ids[:, None] != shared.identity_ids[None]) & (
        shared.image_ids[:, None] != shared.image_ids[None]
    )
    scores = (wide @ wide.T)[np.triu(apart, 1)]
    assert found.counted == found.total == len(scores)
    assert np.abs(np.cumsum(found.counts) - np.cumsum(count_scores(scores))).max() <= 2


def test_an_uncertain_link_of_many_pairs_widens_the_interval() -> None:
    scores, one_link = np.linspace(0.9, 0.5, 100, dtype=np.float32), np.zeros(100, np.int64)
    pairs = Explained.of(scores, np.full(100, 0.2), one_link, one_link).doubt
    apart = Explained.of(scores, np.full(100, 0.2), np.arange(100), np.arange(100) + 100).doubt
    assert pairs.sum() == pytest.approx(100**2 * 0.2 * 0.8)
    assert apart.sum() == pytest.approx(100 * 0.2 * 0.8)
    assert pairs[bin_of(scores[9:10])[0] :].sum() == pytest.approx(10**2 * 0.2 * 0.8)
    assert Explained.of(scores, np.full(100, 0.99), one_link, one_link).doubt.sum() == 0
