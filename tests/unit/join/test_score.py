import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facedb.join.score import fold_sum, pair_scores
from tests.vectors import unit


@given(st.integers(1, 700), st.integers(0, 2**31), st.integers(1, 40))
def test_a_score_has_the_same_bits_alone_and_in_any_batch(dim, seed, batch):
    rng = np.random.default_rng(seed)
    vectors = unit(rng.standard_normal((50, dim)))
    rows_a, rows_b = rng.integers(0, 50, (2, 300))
    together = pair_scores(vectors, rows_a, rows_b)
    alone = [pair_scores(vectors, rows_a[i : i + 1], rows_b[i : i + 1])[0] for i in range(0, 300, 37)]
    assert together[::37].tobytes() == np.array(alone).tobytes()
    parts = [pair_scores(vectors, rows_a[i : i + batch], rows_b[i : i + batch]) for i in range(0, 300, batch)]
    assert np.concatenate(parts).tobytes() == together.tobytes()
    assert pair_scores(vectors, rows_b, rows_a).tobytes() == together.tobytes()


@pytest.mark.parametrize("dim", [1, 2, 3, 64, 127, 128, 512, 1280])
def test_a_score_is_within_its_rounding_bound_of_the_true_dot_product(dim):
    rng = np.random.default_rng(dim)
    vectors = unit(rng.standard_normal((20, dim)))
    for a, b in rng.integers(0, 20, (30, 2)):
        products = [Fraction(float(x)) * Fraction(float(y)) for x, y in zip(vectors[a], vectors[b], strict=True)]
        score = pair_scores(vectors, np.array([a]), np.array([b]))[0]
        bound = (math.ceil(math.log2(dim)) if dim > 1 else 0) * 2.0**-53 * 1.01 * float(sum(map(abs, products)))
        assert abs(Fraction(float(score)) - sum(products)) <= Fraction(bound)


def test_folding_adds_halves_in_a_fixed_order():
    values = np.array([[1e16, 1.0, -1e16, 1.0, 3.0]])
    assert fold_sum(values.copy())[0] == ((1e16 + 1.0) + 3.0) + (1.0 + -1e16)


def test_no_pairs_have_no_scores():
    assert pair_scores(np.zeros((0, 8), np.float32), np.empty(0, np.int64), np.empty(0, np.int64)).shape == (0,)
