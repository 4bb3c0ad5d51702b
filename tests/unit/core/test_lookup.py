"""Keys to rows, against a dictionary."""

from __future__ import annotations

import numpy as np
import pytest

from facedb.core.lookup import Lookup, best_of_runs, places, rows_of, run_starts


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


@pytest.mark.parametrize("n", [0, 1, 300])
def test_of_each_run_the_highest_score_counts_and_of_equal_ones_the_first_rows(n: int) -> None:
    rng = np.random.default_rng(n)
    key = np.sort(rng.integers(0, 40, n))
    scores = rng.choice(np.array([-0.5, 0.25, 0.75], np.float32), n)
    first, second = rng.integers(0, 5, n), rng.integers(0, 9, n)
    order = np.lexsort((second, first, -scores, key))
    wanted = order[np.searchsorted(key[order], np.unique(key))]
    found = best_of_runs(run_starts(key), scores, first, second)
    assert [each.tolist() for each in found] == [first[wanted].tolist(), second[wanted].tolist()]


@pytest.mark.parametrize("n", [0, 1, 300])
def test_runs_of_several_columns_begin_where_any_of_them_changes(n: int) -> None:
    rows = np.unique(np.random.default_rng(n).integers(0, 12, (n, 2)), axis=0).repeat(2, axis=0)
    starts = run_starts(rows[:, 0], rows[:, 1])
    assert starts.tolist() == [k for k in range(len(rows)) if k == 0 or rows[k].tolist() != rows[k - 1].tolist()]
    assert len(run_starts(rows[:, 0])) == len(np.unique(rows[:, 0]))
