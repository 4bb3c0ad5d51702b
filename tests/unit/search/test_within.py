import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facedb.search import within
from facedb.search.histogram import count_pairs
from facedb.search.within import genuine_histogram, within_stats
from tests.unit.search.galleries import make_gallery, unit


@settings(deadline=None, max_examples=40)
@given(
    faces=st.lists(st.tuples(st.integers(-2, 3), st.integers(0, 25)), max_size=40),
    seed=st.integers(0, 2**31),
    chunk=st.integers(1, 50),
)
def test_each_face_is_measured_against_the_others_of_its_identity(faces, seed, chunk):
    labels, groups = np.array(faces, dtype=np.int64).reshape(-1, 2).T
    vectors = unit(np.random.default_rng(seed).standard_normal((len(faces), 16)) + 0.5)
    gallery = make_gallery(vectors, labels, groups)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(within, "_CHUNK_ROWS", chunk)
        stats = within_stats(gallery)
    wide = vectors.astype(np.float64)
    for row in range(len(faces)):
        others = np.flatnonzero((labels == labels[row]) & (groups != groups[row]))
        assert stats.others[row] == len(others)
        if not len(others):
            assert np.isnan(stats.mean[row])
            assert np.isnan(stats.best[row])
            assert stats.best_row[row] == -1
            continue
        scores = wide[others] @ wide[row]
        assert stats.mean[row] == pytest.approx(scores.mean(), abs=1e-5)
        assert stats.best[row] == pytest.approx(scores.max(), abs=1e-5)
        assert wide[stats.best_row[row]] @ wide[row] == pytest.approx(scores.max(), abs=1e-5)
        assert stats.best_row[row] in others
    assert stats.genuine.counted == stats.genuine.total == count_pairs(gallery).genuine


def test_an_empty_gallery_has_empty_statistics():
    stats = within_stats(make_gallery(np.empty((0, 16)), np.empty(0)))
    assert len(stats.mean) == len(stats.best) == 0
    assert stats.genuine.total == 0


def test_the_genuine_histogram_counts_each_pair_once():
    gallery = make_gallery(unit([[1, 0], [1, 0], [0, 1], [1, 1]]), [0, 0, 0, 1])
    histogram = genuine_histogram(gallery)
    assert (histogram.counted, histogram.at_or_above(0.999)) == (3, 1)
