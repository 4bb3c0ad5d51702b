import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from facedb.findings.rates.histogram import (
    BIN_EDGES,
    BIN_WIDTH,
    BINS,
    ScoreHistogram,
    bin_of,
    count_pairs,
    count_scores,
)
from tests.unit.join.galleries import make_gallery
from tests.vectors import unit


@given(st.lists(st.floats(-1 - 2**-10, 1 + 2**-10, width=32), max_size=50))
def test_every_score_falls_into_the_bin_whose_edges_hold_it(scores):
    values = np.array(scores, np.float32)
    bins = bin_of(values)
    for value, place in zip(values.tolist(), bins.tolist(), strict=True):
        assert 0 <= place < BINS
        assert place == 0 or BIN_EDGES[place] <= value
        assert place == BINS - 1 or value < BIN_EDGES[place + 1]
    assert count_scores(values).sum() == len(scores)


def test_every_edge_opens_its_own_bin():
    assert bin_of(BIN_EDGES[:-1]).tolist() == list(range(BINS))
    assert np.allclose(np.diff(BIN_EDGES), BIN_WIDTH)
    assert BIN_EDGES[0] == -1.0
    assert BIN_EDGES[-1] == 1.0


def test_counts_at_or_above_a_bin_edge_are_exact():
    histogram = ScoreHistogram(count_scores(np.array([0.1, 0.4, 0.4005, 0.9])), 4, 4)
    assert [histogram.at_or_above(edge) for edge in (0.0, 0.4, 0.401, 1.0)] == [4, 3, 1, 0]


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 6)), max_size=30))
def test_pair_counts_are_those_of_a_loop_over_all_pairs(faces):
    labels, groups = np.array(faces, dtype=np.int64).reshape(-1, 2).T
    gallery = make_gallery(unit(np.ones((len(faces), 4))), labels, groups)
    pairs = [(i, j) for j in range(len(faces)) for i in range(j) if groups[i] != groups[j]]
    counts = count_pairs(gallery)
    assert counts.genuine == sum(labels[i] == labels[j] for i, j in pairs)
    assert counts.impostor == sum(labels[i] != labels[j] for i, j in pairs)
