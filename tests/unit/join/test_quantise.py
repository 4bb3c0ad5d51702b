import numkong
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facedb.join.error_bounds import quantise_int8, score_error
from facedb.join.integer.int8 import probe
from tests.unit.join.galleries import clustered, every_pair, run
from tests.vectors import unit


@given(
    seed=st.integers(0, 2**31),
    dim=st.sampled_from([1, 2, 64, 512]),
    sharpness=st.floats(0.2, 8),
    largest=st.sampled_from([127, 79]),
)
def test_the_measured_int8_error_bounds_every_row(seed, dim, sharpness, largest):
    rng = np.random.default_rng(seed)
    vectors = unit(
        np.sign(rng.standard_normal((200, dim))) * np.abs(rng.standard_normal((200, dim))) ** sharpness + 1e-6
    )
    result = quantise_int8(vectors, threads=2, largest=largest)
    codes = result.codes[:, :dim].astype(np.float64)
    true = np.linalg.norm(vectors.astype(np.float64) - codes / result.scale, axis=1).max()
    assert true <= result.error <= true * 1.001 + 1e-6
    assert np.abs(result.codes.astype(int)).max() == largest
    assert not result.codes[:, dim:].any()
    assert result.codes.shape[1] % 64 == result.codes.ctypes.data % 64 == 0
    approximate = (result.codes.astype(np.int64) @ result.codes.astype(np.int64).T) / result.scale**2
    exact = vectors.astype(np.float64) @ vectors.astype(np.float64).T
    assert np.abs(approximate - exact).max() <= score_error(result.error, dim, 0.0)


@pytest.mark.parametrize("worst", [0, 1_500, 2_999])
def test_one_row_that_quantises_badly_is_measured_wherever_it_lies(worst):
    vectors = np.zeros((3_000, 64), np.float32)
    vectors[:, 0] = 1.0
    vectors[worst] = unit(np.random.default_rng(0).standard_normal((1, 64)))[0]
    result = quantise_int8(vectors, threads=2)
    residual = vectors[worst] - result.codes[worst, :64].astype(np.float64) / result.scale
    assert 0.01 < np.linalg.norm(residual) <= result.error


def test_the_scale_is_that_of_the_largest_value_wherever_it_lies():
    vectors = unit(np.random.default_rng(0).standard_normal((3_000, 64)))
    vectors[2_500] = np.eye(64, dtype=np.float32)[3]
    assert quantise_int8(vectors).scale == 127.0
    assert quantise_int8(vectors, largest=79).scale == quantise_int8(vectors, largest=79, scale=127.0).scale == 79.0


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


@pytest.fixture
def capabilities():
    """Switch instruction sets of NumKong off; all come back afterwards."""
    had = [name for name, has in numkong.get_capabilities().items() if has and name != "serial"]
    yield had
    for name in had:
        numkong.enable_capability(name)


def test_the_int8_engine_is_exact_with_every_instruction_set(capabilities):
    gallery = clustered(np.random.default_rng(0), 700, 192, 90)
    expected = every_pair(gallery, 0.25)
    extreme = np.random.default_rng(1).choice(np.array([-127, 127], np.int8), (64, 256))
    assert len(expected) > 100
    for name in [None, *reversed(capabilities)]:
        if name is not None:
            numkong.disable_capability(name)
        assert run(gallery, 0.25, "int8", target_rows=200) == expected
        got = np.asarray(numkong.dots_packed(extreme, numkong.dots_pack(extreme)))
        assert (got == extreme.astype(np.int64) @ extreme.astype(np.int64).T).all()
    assert "plain C" in probe().reason
