"""Groups by complete linkage: everything in a group is close to everything else in it, so a chain is never one group."""

from __future__ import annotations

import numpy as np

from facedb.core.records import Float64Array, Int64Array


def complete_linkage(a: Int64Array, b: Int64Array, weight: Float64Array) -> tuple[dict[int, int], dict[int, float]]:
    """Group the ends of edges (``a[i]``, ``b[i]``) so that all members of a group are joined to each other.

    The heaviest edge first, two groups become one when every member of the one has an edge to every member of the other
    (agglomerative clustering, complete linkage, where a missing edge is infinitely far). Returns the group of each node and
    the smallest ``weight`` between members of each group; a node alone is in no group. Groups count from 1, by their
    heaviest edge. Equal weights are taken in the order of the nodes.
    """
    joined: dict[int, dict[int, float]] = {}
    for x, y, w in zip(a.tolist(), b.tolist(), weight.tolist(), strict=True):
        joined.setdefault(x, {})[y] = w
        joined.setdefault(y, {})[x] = w
    members: dict[int, list[int]] = {node: [node] for node in joined}
    cluster: dict[int, int] = {node: node for node in joined}
    # What each cluster is fully joined to, with the smallest weight.
    reach: dict[int, dict[int, float]] = {node: dict(edges) for node, edges in joined.items()}
    lowest: dict[int, float] = {}
    first_edge: dict[int, int] = {}
    for place, k in enumerate(np.lexsort((b, a, -weight)).tolist()):
        one, two = cluster[int(a[k])], cluster[int(b[k])]
        if one == two or two not in reach[one]:
            continue
        between = reach[one].pop(two)
        del reach[two][one]
        lowest[one] = min(between, lowest.pop(one, np.inf), lowest.pop(two, np.inf))
        first_edge[one] = min(place, first_edge.pop(one, place), first_edge.pop(two, place))
        for node in members[two]:
            cluster[node] = one
        members[one] += members.pop(two)
        other = reach.pop(two)
        kept = {c: min(w, other[c]) for c, w in reach[one].items() if c in other}
        for c in set(reach[one]) | set(other):
            reach[c].pop(two, None)
            reach[c].pop(one, None)
            if c in kept:
                reach[c][one] = kept[c]
        reach[one] = kept
    numbers = {c: n for n, c in enumerate(sorted(first_edge, key=first_edge.__getitem__), start=1)}
    group = {node: numbers[c] for node, c in cluster.items() if c in numbers}
    return group, {numbers[c]: low for c, low in lowest.items()}
