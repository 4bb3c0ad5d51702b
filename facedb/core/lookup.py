"""Keys to rows: where each of some numbers stands in an array of others."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facedb.core.records import Float32Array, Int64Array

# Numbers that lie close together are told apart by a mark for each, without sorting them.
_BITS_PER_KEY = 16


def places(wanted: Int64Array, ordered: Int64Array) -> Int64Array:
    """The first place (m,) int64 of each of ``wanted`` (m,) in ``ordered`` (n,), which is sorted; -1 where it is not there."""
    if not len(ordered):
        return np.full(len(wanted), -1, np.int64)
    at = np.searchsorted(ordered, wanted)
    at[at == len(ordered)] = 0
    at[ordered[at] != wanted] = -1
    return at


class Lookup:
    """Finds rows by their keys int64 (n,), distinct and in any order; sorted once, asked often."""

    __slots__ = ("_keys", "_order")

    def __init__(self, keys: Int64Array) -> None:
        # Keys mostly come as they were given out, and to see that costs a tenth of sorting them.
        self._order = np.arange(len(keys)) if (keys[1:] > keys[:-1]).all() else np.argsort(keys)
        self._keys = keys[self._order]

    def rows(self, wanted: Int64Array) -> Int64Array:
        """The row (m,) int64 of each of ``wanted`` (m,); -1 for a key that is not there."""
        at = places(wanted, self._keys)
        found: Int64Array = np.where(at < 0, -1, self._order[at]) if len(self._order) else at
        return found


def rows_of(wanted: Int64Array, keys: Int64Array) -> Int64Array:
    """The row of each of ``wanted`` (m,) among ``keys`` (n,), distinct and in any order; -1 where it is none of them."""
    return Lookup(keys).rows(wanted)


def run_starts(ordered: NDArray[np.integer], *more: NDArray[np.integer]) -> Int64Array:
    """Where each run of equal numbers begins in ``ordered`` (n,), which is sorted: places (r,) int64, none where it is empty.

    With ``more`` (n,) each, a run holds rows that are equal in all of them.
    """
    fresh = np.ones(len(ordered), bool)
    fresh[1:] = ordered[1:] != ordered[:-1]
    for column in more:
        fresh[1:] |= column[1:] != column[:-1]
    return np.flatnonzero(fresh)


def run_lengths(starts: Int64Array, count: int) -> Int64Array:
    """The lengths (r,) int64 of the runs into which ``count`` numbers fall, where these begin at ``starts`` (r,)."""
    return np.diff(starts, append=count)


def run_numbers(starts: Int64Array, count: int) -> Int64Array:
    """Which run (count,) int64 each of ``count`` numbers is in, where the runs begin at ``starts`` (r,)."""
    return np.repeat(np.arange(len(starts)), run_lengths(starts, count))


def as_whole_numbers(scores: Float32Array) -> Int64Array:
    """Numbers int64 (n,) from 0 to 2^32 - 1 in the order of ``scores`` (n,), which sort faster, and with others before them."""
    bits = scores.view(np.int32).astype(np.int64)
    # As whole numbers the bits of negative floats descend.
    return np.where(bits < 0, ~bits & 0x7FFFFFFF, bits | 0x80000000)


def best_of_runs(
    starts: Int64Array, scores: Float32Array, first: Int64Array, second: Int64Array
) -> tuple[Int64Array, Int64Array]:
    """Of each run, which begins at ``starts`` (r,), the entry of the highest of ``scores`` (n,): its ``first`` and ``second`` (r,) each.

    Of equal scores the one with the smallest ``first``, and of those the smallest ``second``, both (n,) and not negative.
    """
    if not len(starts):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    lengths = run_lengths(starts, len(scores))
    none, best = np.iinfo(np.int64).max, scores == np.repeat(np.maximum.reduceat(scores, starts), lengths)
    low = np.minimum.reduceat(np.where(best, first, none), starts)
    best &= first == np.repeat(low, lengths)
    return low, np.minimum.reduceat(np.where(best, second, none), starts)


def are_distinct(keys: NDArray[np.integer]) -> bool:
    """Whether no number occurs twice in ``keys`` (n,)."""
    if len(keys) < 2:
        return True
    low, high = int(keys.min()), int(keys.max())
    if high - low >= _BITS_PER_KEY * len(keys):
        return len(np.unique(keys)) == len(keys)
    seen = np.zeros(high - low + 1, bool)
    seen[keys - low] = True
    return int(np.count_nonzero(seen)) == len(keys)
