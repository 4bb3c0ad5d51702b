"""Connected groups of keys."""

from __future__ import annotations

from collections.abc import Iterable


def components(edges: Iterable[tuple[int, int]]) -> list[set[int]]:
    """The groups that ``edges`` connect, in the order of their smallest member."""
    group_of: dict[int, set[int]] = {}
    for a, b in edges:
        group = group_of.setdefault(a, {a})
        other = group_of.setdefault(b, {b})
        if group is not other:
            group |= other
            for key in other:
                group_of[key] = group
    unique = {id(group): group for group in group_of.values()}
    return sorted(unique.values(), key=min)
