"""The rates of a gallery with mistakes: the chance pairs that are foretold are those that are there."""

from __future__ import annotations

import numpy as np

from facedb.findings.copies import Hashes
from facedb.findings.find import find, study_folders
from facedb.findings.rates.error_rates import Calibration, calibrate, observed
from facedb.findings.rates.genuine_scores import genuine_histogram
from facedb.findings.rates.histogram import BINS, bin_of, count_scores
from facedb.findings.rates.impostors import impostor_histogram
from facedb.join.blocks import plan_blocks
from facedb.join.gallery import Gallery
from facedb.join.loop import join
from tests.unit.findings.odds.crowds import Known, known
from tests.unit.findings.people import Crowd, folders

THRESHOLD = 0.4
NONE = np.zeros(BINS, np.int64)


def measured(crowd: Known) -> tuple[Calibration, np.ndarray]:
    """The calibration of a scan at THRESHOLD, and the scores of the flagged pairs that are chance in truth."""
    gallery = crowd.gallery
    blocks = list(
        join(gallery, plan_blocks(gallery.identity_ids, target_rows=4096), threshold=THRESHOLD, engine="int8")
    )
    a, b, scores = (np.concatenate([getattr(r, name) for r in blocks]) for name in ("rows_a", "rows_b", "scores"))
    found = find(gallery, study_folders(gallery), a, b, scores, Hashes.none(len(gallery)))
    genuine, impostor = genuine_histogram(gallery), impostor_histogram(gallery)
    told = np.bincount(bin_of(scores), found.mated, minlength=BINS)
    return (
        calibrate(
            observed(genuine.counts, NONE, genuine.total, -1.0),
            observed(impostor.counts, NONE, impostor.total, -1.0),
            np.r_[np.cumsum(told[::-1])[::-1], 0.0],
        ),
        scores[crowd.person[a] != crowd.person[b]],
    )


def test_the_chance_pairs_foretold_are_those_that_are_there() -> None:
    held = looked_at = 0
    for seed in range(6):
        found, chance = measured(known(seed, effective=35.0))
        for threshold in (THRESHOLD, 0.42, 0.45):
            true = int((chance >= threshold).sum())
            if true < 10:
                continue
            looked_at += 1
            assert true / 1.5 <= found.false_pairs(threshold) <= true * 1.5, (seed, threshold)
            low, high = found.false_pairs_interval(threshold)
            held += low <= true <= high
    assert looked_at >= 6
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
