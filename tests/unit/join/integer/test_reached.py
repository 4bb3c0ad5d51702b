"""What reaches the limit in a tile: the places that comparing every product gives."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facedb.join.integer.reached import _FEW, _STRETCH, reached


@settings(max_examples=50)
@given(
    seed=st.integers(0, 2**31),
    height=st.integers(1, 100),
    width=st.integers(1, 256),
    share=st.sampled_from([0.0, 1e-4, 1e-3, 0.5, 1.0]),
    lowest=st.integers(-(2**31), 2**31 - 1),
)
def test_every_place_is_found_in_tiles_of_any_shape(seed, height, width, share, lowest):
    rng = np.random.default_rng(seed)
    below, above = rng.integers(-(2**31), max(lowest, 1 - 2**31), 2), rng.integers(lowest, 2**31, 2)
    products = np.where(rng.random((height, width)) < share, above.max(), below.min()).astype(np.int32)
    places = reached(products, lowest)
    expected = np.flatnonzero(products >= lowest)
    assert (places is None) == (len(expected) == 0)
    assert places is None or np.array_equal(places, expected)


@pytest.mark.parametrize("stretches", [1, 2, _FEW, _FEW + 1, 20])
def test_few_and_many_are_found_alike_and_the_borders_of_stretches_too(stretches):
    products = np.zeros((160, 256), np.int32)
    chosen = np.sort(np.r_[np.arange(stretches) * _STRETCH, (np.arange(stretches) + 1) * _STRETCH - 1])
    products.reshape(-1)[chosen] = 7
    found = reached(products, 7)
    assert found is not None
    assert np.array_equal(found, chosen)
