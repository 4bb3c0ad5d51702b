import numkong
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facedb.search.int8 import reaching
from facedb.search.quantise import quantise_int8, score_error
from tests.unit.search.galleries import unit


@settings(deadline=None)
@given(seed=st.integers(0, 2**31), dim=st.sampled_from([1, 2, 64, 512]), sharpness=st.floats(0.2, 8))
def test_the_measured_int8_error_bounds_every_row(seed, dim, sharpness):
    rng = np.random.default_rng(seed)
    vectors = unit(
        np.sign(rng.standard_normal((200, dim))) * np.abs(rng.standard_normal((200, dim))) ** sharpness + 1e-6
    )
    result = quantise_int8(vectors, threads=2)
    true = np.linalg.norm(vectors.astype(np.float64) - result.codes.astype(np.float64) / result.scale, axis=1).max()
    assert true <= result.error <= true * 1.001 + 1e-6
    assert np.abs(result.codes.astype(int)).max() <= 127
    approximate = (result.codes.astype(np.int64) @ result.codes.astype(np.int64).T) / result.scale**2
    exact = vectors.astype(np.float64) @ vectors.astype(np.float64).T
    assert np.abs(approximate - exact).max() <= score_error(result.error, dim, 0.0)


def test_an_empty_gallery_quantises_to_nothing():
    assert quantise_int8(np.empty((0, 64), np.float32)).codes.shape == (0, 64)


@pytest.mark.parametrize("dim", [1, 63, 64, 127, 512, 1280])
def test_numkong_adds_extreme_int8_products_exactly(dim):
    rng = np.random.default_rng(dim)
    rows = rng.choice(np.array([-127, 127, 0, 1, -128], np.int8), (70, dim))
    rows[:2] = 127
    rows[2] = -127
    got = np.asarray(numkong.dots_packed(rows, numkong.dots_pack(rows)))
    assert (got == rows.astype(np.int64) @ rows.astype(np.int64).T).all()


@given(st.lists(st.integers(-5, 5), max_size=60), st.integers(-6, 6), st.integers(1, 9))
def test_the_two_pass_search_finds_every_position(values, lowest, run):
    array = np.array(values, np.int32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("facedb.search.int8._RUN", run)
        assert reaching(array, lowest).tolist() == np.flatnonzero(array >= lowest).tolist()
