"""Keys to rows, against a dictionary."""

from __future__ import annotations

import numpy as np
import pytest

from facedb.core.lookup import Lookup, places, rows_of


@pytest.mark.parametrize("n", [0, 1, 50])
def test_every_key_is_found_where_it_stands_and_others_are_minus_one(n: int) -> None:
    rng = np.random.default_rng(n)
    keys = rng.permutation(3 * n)[:n].astype(np.int64)
    wanted = np.arange(-2, 3 * n + 2, dtype=np.int64)
    expected = {int(key): row for row, key in enumerate(keys)}
    assert rows_of(wanted, keys).tolist() == [expected.get(int(key), -1) for key in wanted]
    assert Lookup(keys).rows(np.empty(0, np.int64)).tolist() == []
    ordered = np.sort(keys)
    assert places(wanted, ordered).tolist() == [
        int(np.flatnonzero(ordered == key)[0]) if key in expected else -1 for key in wanted.tolist()
    ]


def test_of_equal_keys_the_first_place_counts() -> None:
    assert places(np.array([7, 8]), np.array([1, 7, 7, 9])).tolist() == [1, -1]
