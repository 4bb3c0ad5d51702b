"""Candidates: which pictures may be one photo by their hashes, whatever was cropped, framed, mirrored or turned."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from facedb.core.lookup import run_lengths, run_starts
from facedb.core.records import Int64Array

VIEWS: Final = 11
"""Hashes of a picture: of its eight turns, then of three crops."""
NEAR_BITS: Final = 8
FAR_BITS: Final = 12
"""Pictures whose nearest views differ in more than these of 64 bits are not laid over each other, which takes 20 ms a pair: drawings of
one kind differ in 16 at the median of the pairs whose faces are alike."""
FAR_LEAST: Final = 100
FAR_SHARE: Final = 4
"""Of those, each picture is compared with that of the likest face all the same, since one cropped on one side has another hash: a
hundred pairs, or one for every four pictures, the likest first, as in sets of drawings nearly every face has one."""
_PARTS: Final = ((0, 21), (21, 21), (42, 22))
_CROWD: Final = 64


def nearest_bits(views: Int64Array, rows_a: Int64Array, rows_b: Int64Array) -> Int64Array:
    """The fewest bits (m,) in which a view of one picture of each pair differs from the other as it is; 0 where one has no hash."""
    value = views.view(np.uint64)
    least = np.zeros(len(rows_a), np.int64)
    for start in range(0, len(rows_a), 1 << 16):
        a, b = value[rows_a[start : start + (1 << 16)]], value[rows_b[start : start + (1 << 16)]]
        there = np.bitwise_count(a[:, :1] ^ b).astype(np.int64) + 64 * (b == 0)
        back = np.bitwise_count(b[:, :1] ^ a).astype(np.int64) + 64 * (a == 0)
        known = (a[:, 0] != 0) & (b[:, 0] != 0)
        least[start : start + len(a)] = np.where(known, np.minimum(there.min(axis=1), back.min(axis=1)), 0)
    return least


def alike_by_hash(views: Int64Array, among: NDArray[np.bool_] | None = None) -> tuple[Int64Array, Int64Array]:
    """Pairs of pictures of which a view of one is within NEAR_BITS of the other as it is: rows int64 (m,), each pair once.

    ``views`` int64 (n, v): hashes of 64 bits, of the eight turns of each picture first (0: as it is), then of its crops; 0: not known.
    With ``among`` (n,) only the pairs of which one picture at least is among those.
    Two hashes are compared where one of three parts of them is equal, which those of up to two different bits are for sure; a part that
    more than 64 hashes share tells nothing and is passed over. So the work grows with n, and not with n squared.
    """
    count, kinds = views.shape
    if not count:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    row = np.repeat(np.arange(count), kinds)
    straight = np.tile(np.arange(kinds) == 0, count)
    value = views.ravel().view(np.uint64)
    known = value != 0
    row, straight, value = row[known], straight[known], value[known]
    if not len(value):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    found: list[Int64Array] = []
    for shift, bits in _PARTS:
        part = (value >> np.uint64(shift)) & np.uint64(2**bits - 1)
        order = np.arange(len(part))
        if among is not None:
            asked = np.zeros(2**bits, bool)
            asked[part[among[row]]] = True
            order = np.flatnonzero(asked[part])
        order = order[np.lexsort((~straight[order], part[order]))]
        part, of_row, is_straight = part[order], row[order], straight[order]
        start = run_starts(part)
        end = start + run_lengths(start, len(part))
        heads = np.add.reduceat(is_straight.astype(np.int64), start) if len(start) else start
        for k in np.flatnonzero((heads > 0) & (end - start > 1) & (end - start <= _CROWD)).tolist():
            s, h, e = int(start[k]), int(heads[k]), int(end[k])
            members = order[s:e]
            bits_apart = np.bitwise_count(value[members[:h, None]] ^ value[members[None, :]])
            one, two = np.nonzero((bits_apart <= NEAR_BITS) & (of_row[s : s + h, None] != of_row[None, s:e]))
            if len(one):
                a, b = of_row[s + one], of_row[s + two]
                found.append(np.minimum(a, b) * count + np.maximum(a, b))
    keys = np.unique(np.concatenate(found)) if found else np.empty(0, np.int64)
    a, b = (keys // count).astype(np.int64), (keys % count).astype(np.int64)
    wanted = slice(None) if among is None else among[a] | among[b]
    return a[wanted], b[wanted]
