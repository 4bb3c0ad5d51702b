"""Where the products of a tile reach the limit: few of a quarter of a million, most often none."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facedb.core.records import Int64Array

# Up to so many, looking for each of them is faster than turning all marks into numbers (`tests/bench/README.md`).
_FEW = 256


class Reached:
    """Finds the products of one tile after another that are at least ``lowest``, in tiles of at most ``size``; for one thread.

    Three passes, each cheaper than the next and most often the last: the maximum, a mark for each product (its buffer is used again
    and again: a new one would cost more than the marks), and a search for the marks.
    """

    def __init__(self, lowest: int, size: int) -> None:
        self._lowest = lowest
        self._marks = bytearray(size)
        self._marked = np.frombuffer(self._marks, dtype=np.bool_)

    def places(self, products: NDArray[np.int32]) -> Int64Array | None:
        """Where ``products``, C-contiguous (h, w), reach the limit, as numbers in reading order; None where none does."""
        flat = products.reshape(-1)
        if flat.max() < self._lowest:
            return None
        marked = self._marked[: len(flat)]
        np.greater_equal(flat, self._lowest, out=marked)
        if np.count_nonzero(marked) > _FEW:
            return np.flatnonzero(marked)
        places: list[int] = []
        place = self._marks.find(1, 0, len(flat))
        while place >= 0:
            places.append(place)
            place = self._marks.find(1, place + 1, len(flat))
        return np.array(places, np.int64)
