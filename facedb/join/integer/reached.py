"""Where the products of a tile reach the limit: few of a quarter of a million, most often none."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facedb.core.records import Int64Array

# The maxima of stretches of this length take no longer than that of the whole tile, and leave little to look through.
_STRETCH = 2048
# In more stretches than these, all products at once are looked through faster (`tests/bench/README.md`).
_FEW = 12


def reached(products: NDArray[np.int32], lowest: int) -> Int64Array | None:
    """Where ``products``, C-contiguous (h, w), are at least ``lowest``, as numbers in reading order; None where none is."""
    flat = products.reshape(-1)
    peaks = np.maximum.reduceat(flat, np.arange(0, len(flat), _STRETCH))
    hot = np.flatnonzero(peaks >= lowest)
    if len(hot) == 0:
        return None
    if len(hot) > _FEW:
        return np.flatnonzero(flat >= lowest)
    starts = (hot * _STRETCH).tolist()
    return np.concatenate([np.flatnonzero(flat[start : start + _STRETCH] >= lowest) + start for start in starts])
