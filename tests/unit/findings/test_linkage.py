"""Complete linkage: everything in a group is joined to everything else in it."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from facedb.findings.linkage import complete_linkage

Edges = dict[tuple[int, int], float]


def group(edges: Edges) -> tuple[dict[int, int], dict[int, float]]:
    a, b = np.array(sorted(edges), np.int64).reshape(-1, 2).T
    return complete_linkage(a, b, np.array([edges[x, y] for x, y in zip(a.tolist(), b.tolist(), strict=True)]))


def test_a_triangle_is_one_group_with_its_weakest_edge() -> None:
    assert group({(1, 2): 0.9, (2, 3): 0.8, (1, 3): 0.7}) == ({1: 1, 2: 1, 3: 1}, {1: 0.7})


def test_a_chain_is_cut_at_its_weaker_edge() -> None:
    groups, lowest = group({(1, 2): 0.9, (2, 3): 0.8})
    assert groups == {1: 1, 2: 1}
    assert lowest == {1: 0.9}


def test_no_edges_make_no_groups() -> None:
    empty = np.empty(0, np.int64)
    assert complete_linkage(empty, empty, np.empty(0)) == ({}, {})


@settings(max_examples=200)
@given(
    st.dictionaries(
        st.tuples(st.integers(0, 9), st.integers(0, 9)).filter(lambda e: e[0] < e[1]),
        st.integers(1, 100).map(lambda v: v / 100),
    )
)
def test_members_are_all_joined_and_the_lowest_weight_is_told(edges: Edges) -> None:
    groups, lowest = group(edges)
    for number in set(groups.values()):
        members = sorted(node for node, of in groups.items() if of == number)
        assert len(members) >= 2
        weights = [edges[pair] for pair in combinations(members, 2)]
        assert lowest[number] == min(weights)
    # The heaviest edge of all always joins its two ends.
    if edges:
        most = max(edges.values())
        assert any(groups.get(a) == groups.get(b) is not None for (a, b), w in edges.items() if w == most)
