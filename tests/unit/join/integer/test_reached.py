"""What reaches the limit in a tile: the places that comparing every product gives, tile after tile in one buffer."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facedb.join.integer.reached import _FEW, Reached


@settings(deadline=None, max_examples=50)
@given(
    seed=st.integers(0, 2**31),
    tiles=st.lists(st.tuples(st.integers(1, 40), st.integers(1, 40), st.floats(0, 1)), min_size=1, max_size=5),
    lowest=st.integers(-100, 100),
)
def test_every_place_is_found_in_tiles_of_any_shape_and_none_is_left_from_the_tile_before(seed, tiles, lowest):
    rng = np.random.default_rng(seed)
    reached = Reached(lowest, 1600)
    for height, width, share in tiles:
        products = np.where(
            rng.random((height, width)) < share,
            rng.integers(lowest, lowest + 3, (height, width)),
            rng.integers(lowest - 3, lowest, (height, width)),
        ).astype(np.int32)
        places = reached.places(products)
        expected = np.flatnonzero(products >= lowest)
        assert (places is None) == (len(expected) == 0)
        assert places is None or np.array_equal(places, expected)


@pytest.mark.parametrize("count", [1, _FEW, _FEW + 1, 4096])
def test_few_and_many_are_found_alike(count):
    products = np.zeros((64, 64), np.int32)
    chosen = np.sort(np.random.default_rng(0).choice(4096, count, replace=False))
    products.reshape(-1)[chosen] = 7
    found = Reached(7, 4096).places(products)
    assert found is not None
    assert np.array_equal(found, chosen)
