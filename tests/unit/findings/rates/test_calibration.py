"""Calibration against distributions that are known, with and without label noise."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest

from facedb.findings.rates.error_rates import Calibration, Observed, calibrate, observed, wilson
from facedb.findings.rates.face_sample import sample_rows, score_pairs
from facedb.findings.rates.histogram import BINS, count_scores
from facedb.join.gallery import Gallery
from tests.unit.findings.people import Crowd, folders

GENUINE, IMPOSTOR = NormalDist(0.65, 0.1), NormalDist(0.05, 0.09)
NONE = np.zeros(BINS, np.int64)


def draw(rng: np.random.Generator, of: NormalDist, count: int) -> np.ndarray:
    return np.clip(rng.normal(of.mean, of.stdev, count), -1, 1)


def measured(noise: float = 0.0, impostors: int = 400_000, seed: int = 0) -> Calibration:
    """Everything counted; a share ``noise`` of the genuine pairs is labelled impostor, and as many the other way round."""
    rng = np.random.default_rng(seed)
    genuine, impostor = draw(rng, GENUINE, 20_000), draw(rng, IMPOSTOR, impostors)
    wrong = int(noise * len(genuine))
    genuine[:wrong], impostor[:wrong] = impostor[:wrong].copy(), genuine[:wrong].copy()
    within, across = (observed(count_scores(v), NONE, len(v), -1.0) for v in (genuine, impostor))
    return calibrate(within, across)


@pytest.mark.parametrize("noise", [0.0, 0.02, 0.1])
@pytest.mark.parametrize("threshold", [0.2, 0.3, 0.35])
def test_the_false_match_rate_is_found_behind_the_label_noise(noise: float, threshold: float) -> None:
    true = 1 - IMPOSTOR.cdf(threshold)
    assert measured(noise).cleaned_fmr(threshold) == pytest.approx(true, rel=0.25)


@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_the_tail_is_extrapolated_within_a_factor_and_says_from_where(noise: float) -> None:
    found = measured(noise)
    true = 1 - IMPOSTOR.cdf(0.47)
    assert found.extrapolated_from < 0.47
    assert true / 5 < found.cleaned_fmr(0.47) < true * 5
    assert found.threshold_for(1e-6) == pytest.approx(IMPOSTOR.inv_cdf(1 - 1e-6), abs=0.05)
    assert not found.supported(1e-6)
    assert found.supported(1e-4)


def test_rates_as_labelled_have_their_denominators_and_hold_the_noise() -> None:
    found = measured(0.1)
    match = found.false_match(0.6)
    assert match.pairs == 400_000
    assert match.rate == pytest.approx(2000 * (1 - GENUINE.cdf(0.6)) / 400_000, rel=0.1)
    assert match.low < match.rate < match.high
    assert found.cleaned_fmr(0.6) < match.rate / 1000
    miss = found.false_non_match(0.3)
    assert miss.pairs == 20_000
    assert miss.rate == pytest.approx(0.1, abs=0.02)
    assert found.cleaned_fnmr(0.3) < 0.01


def test_the_noise_is_told() -> None:
    found = measured(0.1)
    assert found.mated_share == pytest.approx(2000 / 400_000, rel=0.15)
    assert found.non_mated_share == pytest.approx(0.1, rel=0.15)
    assert measured(0.0).mated_share < 1e-4


def test_the_equal_error_rate_is_where_the_curves_cross() -> None:
    at = NormalDist().inv_cdf(1 - measured().eer)
    assert at == pytest.approx((GENUINE.mean - IMPOSTOR.mean) / (GENUINE.stdev + IMPOSTOR.stdev), abs=0.1)


def test_false_match_rates_never_rise_and_reach_any_rate() -> None:
    for noise in (0.0, 0.01, 0.1):
        found = measured(noise, impostors=5000)
        assert (np.diff(found.fmr) <= 0).all()
        assert (np.diff(found.fnmr) >= 0).all()
        assert 0.2 < found.threshold_for(1e-9) <= 1.0


def test_counts_above_the_floor_and_a_sample_below_are_one_curve() -> None:
    rng = np.random.default_rng(1)
    scores = draw(rng, IMPOSTOR, 200_000)
    sample = rng.choice(scores, 10_000)
    joined = observed(count_scores(scores[scores >= 0.25]), count_scores(sample), len(scores), 0.25)
    assert joined.trials[joined.hits == (scores >= 0.25).sum()].max() == len(scores)
    whole = (scores[None, :] >= np.array([0.1, 0.25, 0.3])[:, None]).mean(axis=1)
    at = [1100, 1250, 1300]
    assert joined.above()[at] == pytest.approx(whole, rel=0.1)
    assert joined.above()[at[1:]] == pytest.approx(whole[1:], rel=1e-12)


def test_wilsons_interval_is_the_published_one() -> None:
    # 0 of 10 and 1 of 10: Brown, Cai and DasGupta 2001.
    none, one = wilson(0, 10), wilson(1, 10)
    assert (none.low, none.high) == pytest.approx((0.0, 0.2775), abs=1e-4)
    assert (one.low, one.high) == pytest.approx((0.0179, 0.4042), abs=1e-4)
    assert np.isnan(wilson(0, 0).rate)


def test_without_genuine_pairs_only_false_matches_are_known() -> None:
    rng = np.random.default_rng(2)
    impostor = draw(rng, IMPOSTOR, 50_000)
    found = calibrate(observed(NONE, NONE, 0, None), observed(count_scores(impostor), NONE, len(impostor), -1.0))
    assert found.cleaned_fmr(0.3) == pytest.approx(1 - IMPOSTOR.cdf(0.3), rel=0.25)
    assert np.isnan(found.cleaned_fnmr(0.3))
    assert np.isnan(found.eer)


def test_without_any_pairs_nothing_is_promised() -> None:
    empty: Observed = observed(NONE, NONE, 0, None)
    found = calibrate(empty, empty)
    assert found.cleaned_fmr(0.5) == 1.0
    assert found.threshold_for(1e-6) == 1.0


def test_a_sample_holds_whole_identities_and_counts_every_pair_of_them() -> None:
    crowd = Crowd(40, seed=2)
    gallery = folders([(p + 1, crowd.faces(p, 5 + p % 3)) for p in range(40)])
    rows = sample_rows(gallery.identity_ids, faces=60)
    assert len(rows) == 60
    complete = [
        bool(np.isin(np.flatnonzero(gallery.identity_ids == label), rows).all())
        for label in np.unique(gallery.identity_ids[rows])
    ]
    assert complete.count(False) <= 1
    genuine, impostor = score_pairs(gallery, 1, 2)
    wide = gallery.vectors.astype(float)
    upper = np.triu_indices(len(gallery), 1)
    scores, same = (wide @ wide.T)[upper], (gallery.identity_ids[:, None] == gallery.identity_ids[None])[upper]
    assert genuine.trials[0] == same.sum()
    assert impostor.trials[0] == (~same).sum()
    assert impostor.hits[1200] == pytest.approx((scores[~same] >= 0.2).sum(), abs=3)


def test_faces_of_one_image_are_no_pair_in_a_sample() -> None:
    crowd = Crowd(2)
    gallery = folders([(1, crowd.faces(0, 2)), (2, crowd.faces(1, 2))])
    genuine, impostor = score_pairs(Gallery(gallery.vectors, gallery.identity_ids, np.array([1, 1, 1, 2])), 0, 0)
    assert (genuine.trials[0], impostor.trials[0]) == (1, 2)
