"""The limit of pairs: how many links are expected of so many pairs."""

from __future__ import annotations

import numpy as np
import pytest

from facedb.scan.pair_limit import _links_of_chance


@pytest.mark.parametrize("pairs", [40, 400, 4_000])
def test_as_many_links_are_expected_as_chance_makes_between_folders_of_many_sizes(pairs: int) -> None:
    rng = np.random.default_rng(pairs)
    labels = np.repeat(np.arange(60), np.r_[np.ones(30, int), np.full(20, 4), np.full(10, 40)])
    drawn = labels[rng.integers(0, len(labels), (100, 2 * pairs, 2))]
    made = []
    for one, other in np.sort(drawn, axis=2).transpose(0, 2, 1):
        apart = np.flatnonzero(one != other)[:pairs]
        assert len(apart) == pairs
        made.append(len(np.unique(one[apart] * 60 + other[apart])))
    expected = _links_of_chance(pairs, labels)
    assert np.mean(made) == pytest.approx(expected, rel=0.03)
    # As if all folders were of one size it would be too many.
    assert expected < _links_of_chance(pairs, np.repeat(np.arange(60), 10))


def test_no_links_are_expected_of_one_identity_or_of_faces_without_labels() -> None:
    assert _links_of_chance(10.0, np.array([3, 3, 3])) == 0
    assert _links_of_chance(10.0, np.array([-1, -2, -3])) == 0
