import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facedb.findings.cores import folders
from facedb.findings.rates import genuine_scores
from facedb.findings.rates.histogram import count_pairs, count_scores
from tests.unit.findings.rates.genuine import genuine_histogram
from tests.unit.join.galleries import make_gallery
from tests.vectors import unit


@settings(max_examples=60)
@given(
    faces=st.lists(st.tuples(st.integers(-2, 3), st.integers(0, 25)), max_size=40),
    seed=st.integers(0, 2**31),
    largest=st.integers(1, 12),
    rows=st.integers(1, 12),
    held=st.integers(1, 50),
    batch=st.integers(1, 200),
)
def test_the_genuine_histogram_counts_each_pair_of_two_photos_once(faces, seed, largest, rows, held, batch):
    labels, groups = np.array(faces, dtype=np.int64).reshape(-1, 2).T
    vectors = unit(np.random.default_rng(seed).standard_normal((len(faces), 16)) + 0.5)
    gallery = make_gallery(vectors, labels, groups)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folders, "_LARGEST", largest)
        patch.setattr(genuine_scores, "_ROWS", rows)
        patch.setattr(genuine_scores, "_HELD_SCORES", held)
        patch.setattr(folders, "_BATCH_SCORES", batch)
        histogram = genuine_histogram(gallery)
    a, b = np.triu_indices(len(faces), 1)
    genuine = (labels[a] == labels[b]) & (groups[a] != groups[b])
    scores = (vectors.astype(np.float64)[a[genuine]] * vectors[b[genuine]]).sum(axis=1)
    assert histogram.counted == histogram.total == count_pairs(gallery).genuine == genuine.sum()
    # A float32 score may cross the border of its bin, into the next one.
    assert np.abs(np.cumsum(histogram.counts) - np.cumsum(count_scores(scores))).max(initial=0) <= 1


def test_equal_photos_are_counted_at_a_score_of_one():
    gallery = make_gallery(unit([[1, 0], [1, 0], [0, 1], [1, 1]]), [0, 0, 0, 1])
    histogram = genuine_histogram(gallery)
    assert (histogram.counted, histogram.at_or_above(0.999)) == (3, 1)


def test_an_empty_gallery_has_an_empty_histogram():
    histogram = genuine_histogram(make_gallery(np.empty((0, 16)), np.empty(0)))
    assert (histogram.counted, histogram.total) == (0, 0)
