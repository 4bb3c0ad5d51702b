import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facedb.bench.synthetic import synthetic_gallery
from facedb.findings.rates.histogram import BINS, count_pairs
from facedb.findings.rates.pair_sample import Prediction, draw_pairs, predict_pairs, sample_scores
from tests.unit.join.galleries import clustered, every_pair, make_gallery
from tests.vectors import unit


@pytest.fixture(scope="module")
def gallery():
    return synthetic_gallery(2_000, 64, seed=1, overlap=0.2).gallery


@pytest.mark.parametrize("first_new", [0, 1_500])
def test_a_prediction_from_all_rows_is_the_truth(gallery, first_new):
    truth = len(every_pair(gallery, 0.4, first_new))
    prediction = predict_pairs(gallery, 0.4, first_new=first_new, sample_rows=2_000)
    assert prediction.expected == prediction.low == prediction.high == pytest.approx(truth, abs=1)
    assert prediction.expected_by_bin.sum() == pytest.approx(prediction.expected)


def test_the_interval_of_a_sampled_prediction_holds_the_truth_most_of_the_time(gallery):
    truth = len(every_pair(gallery, 0.4))
    predictions = [predict_pairs(gallery, 0.4, seed=seed) for seed in range(30)]
    assert sum(p.low <= truth <= p.high for p in predictions) >= 24
    assert np.mean([p.expected for p in predictions]) == pytest.approx(truth, rel=0.2)


def threshold_for(prediction: Prediction, pairs: float) -> tuple[float, float]:
    suggested = prediction.threshold_for(pairs)
    assert suggested is not None
    return suggested


def test_the_suggested_threshold_gives_about_the_wanted_number_of_pairs(gallery):
    prediction = predict_pairs(gallery, 0.3, sample_rows=2_000)
    wanted = prediction.expected / 5
    suggested, pairs = threshold_for(prediction, wanted)
    assert suggested > 0.3
    assert len(every_pair(gallery, suggested)) == pytest.approx(pairs, abs=1)
    assert pairs <= wanted < len(every_pair(gallery, suggested - 0.002))
    assert threshold_for(prediction, prediction.expected)[0] == 0.3
    assert threshold_for(prediction, 0)[0] < 1.0


def test_no_threshold_is_suggested_where_copies_alone_are_too_many():
    gallery = make_gallery(np.tile(unit(np.ones((1, 8))), (100, 1)), np.arange(100))
    assert predict_pairs(gallery, 0.5).threshold_for(10) is None
    assert predict_pairs(gallery, 0.5).threshold_for(4_950) == (0.5, 4_950)


def test_nothing_new_means_nothing_to_flag(gallery):
    prediction = predict_pairs(gallery, 0.4, first_new=len(gallery))
    assert (prediction.expected, prediction.high, prediction.sampled_rows) == (0.0, 0.0, 0)


def test_no_hit_in_the_sample_is_not_a_promise_of_none():
    vectors = unit(np.random.default_rng(0).standard_normal((2_000, 64)))
    prediction = predict_pairs(make_gallery(vectors, np.arange(2_000)), 0.95, sample_rows=100)
    assert prediction.expected == 0.0
    assert prediction.high == pytest.approx(3 * 2_000 / 100)


@settings(max_examples=40)
@given(
    faces=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 20)), max_size=40),
    kind=st.sampled_from(["genuine", "impostor"]),
    seed=st.integers(0, 99),
)
def test_drawn_pairs_are_of_their_kind_and_never_within_one_image(faces, kind, seed):
    labels, groups = np.array(faces, dtype=np.int64).reshape(-1, 2).T
    gallery = make_gallery(unit(np.ones((len(faces), 4))), labels, groups)
    rows_a, rows_b = draw_pairs(gallery, 200, seed, kind=kind)
    assert (groups[rows_a] != groups[rows_b]).all()
    assert ((labels[rows_a] == labels[rows_b]) == (kind == "genuine")).all()
    assert (rows_a != rows_b).all()
    histogram = sample_scores(gallery, 200, seed, kind=kind)
    assert histogram.total == getattr(count_pairs(gallery), kind)
    assert histogram.counted == histogram.counts.sum() == len(rows_a)


@pytest.mark.parametrize("kind", ["genuine", "impostor"])
def test_every_pair_of_a_kind_is_drawn_equally_often(kind):
    labels = np.array([3, 1, 3, 1, 1, 2, 3, 3])
    gallery = make_gallery(unit(np.ones((8, 4))), labels)
    rows_a, rows_b = draw_pairs(gallery, 40_000, 0, kind=kind)
    keys, counts = np.unique(np.minimum(rows_a, rows_b) * 8 + np.maximum(rows_a, rows_b), return_counts=True)
    assert len(keys) == getattr(count_pairs(gallery), kind)
    expected = 40_000 / len(keys)
    assert np.abs(counts - expected).max() < 6 * np.sqrt(expected)


def test_the_sampled_impostor_scores_look_like_all_of_them():
    gallery = clustered(np.random.default_rng(2), 600, 64, 60)
    rows_a, rows_b = np.triu_indices(600, 1)
    wide = gallery.vectors.astype(np.float64)
    true = (wide[rows_a] * wide[rows_b]).sum(axis=1)[gallery.identity_ids[rows_a] != gallery.identity_ids[rows_b]]
    histogram = sample_scores(gallery, 50_000, 0)
    share = histogram.at_or_above(0.1) / histogram.counted
    assert share == pytest.approx((true >= 0.1).mean(), abs=0.01)
    assert histogram.counts.shape == (BINS,)
