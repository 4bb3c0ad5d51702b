"""Exact threshold search by k nearest neighbours, for hardware that offers k-NN and no range search.

A row whose k-th best score lies below threshold - epsilon has shown all its candidates; a row whose k-th best does
not is asked again with a larger k, and, where k cannot grow, its whole row of scores is read. So nothing is cut at k.
Two things keep the first k small: a block is compared with earlier rows, which hold no face of its own identities
when borders fall on identity borders; and inside a block the halves on both sides of an identity border are compared
with each other, again and again, until the pieces are small enough to read all their scores.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from facedb.core.lookup import run_starts
from facedb.core.records import Float32Array, Float64Array, Int64Array
from facedb.join.blocks import Block
from facedb.join.gallery import Gallery
from facedb.join.gpu.device_pool import hits_of
from facedb.join.sieve import Hits
from facedb.join.tiles import Tile

FIRST_K = 32
GROWTH = 8

_ROWS = 16_384
_LEAF_ROWS = 512
_TEST_COLUMNS = 64
_TILE_VALUES = 1 << 25


class KnnDevice(Protocol):
    """One device that multiplies rows of the gallery with a panel of columns.

    ``epsilon`` bounds |its score - the score|, ``max_k`` its k, ``max_columns`` the columns of one call: a device
    that cannot hold the gallery keeps panels of that many columns and loads them as they are asked for.
    """

    epsilon: float
    max_k: int
    max_columns: int

    def knn(self, rows: Int64Array, column: int, column_stop: int, k: int) -> tuple[Float32Array, Int64Array]:
        """The ``k`` best scores (m, k) of each row, descending, and their gallery rows; k <= column_stop - column."""

    def keep(self, rows: Any, columns: Any) -> Hits | None:
        """`Sieve.keep` of pairs that were found here."""

    def scores(self, rows: Int64Array, column: int, column_stop: int) -> Float32Array:
        """All scores (m, column_stop - column), on the host."""

    def close(self) -> None:
        """Give the device's memory back."""


class _Task(NamedTuple):
    tile: Tile
    whole: bool


class KnnSearcher:
    """Searches blocks with one or several devices; each takes the next piece of the block when it is free."""

    def __init__(self, gallery: Gallery, threshold: float, devices: Sequence[KnnDevice]) -> None:
        self._gallery, self._devices = gallery, list(devices)
        self.epsilon = max(device.epsilon for device in devices)
        lowest = np.float32(threshold - self.epsilon)
        # One float32 down, so that rounding the limit to float32 loses no candidate.
        self._lowest = np.nextafter(lowest, np.float32(-np.inf))
        self._first_k = FIRST_K
        self.upper_bound, self.method = False, ""

    def search(self, block: Block) -> Iterator[Hits]:
        yield from hits_of(self._devices, self._cut(block), self._candidates)

    def approximate(self, rows: Int64Array, columns: Int64Array) -> Float64Array:
        device = self._devices[0]
        out = np.empty((len(rows), len(columns)))
        # Products as wide as those of a search: a BLAS may take another way for a single column, or none.
        wide = min(_TEST_COLUMNS, len(self._gallery), device.max_columns)
        for place, column in enumerate(columns.tolist()):
            start = min(column, len(self._gallery) - wide)
            out[:, place] = device.scores(rows, start, start + wide)[:, column - start]
        return out

    def close(self) -> None:
        for device in self._devices:
            device.close()

    def _cut(self, block: Block) -> Iterator[_Task]:
        width = min(device.max_columns for device in self._devices)
        before = min(block.start, block.end)
        for column in range(block.column, before, width):
            for row in range(block.start, block.stop, _ROWS):
                stop = min(row + _ROWS, block.stop)
                yield _Task(Tile(row, stop, column, min(column + width, before)), whole=False)
        if block.end == block.stop:
            yield from self._cut_inside(block.start, block.stop, width)

    def _cut_inside(self, start: int, stop: int, width: int) -> Iterator[_Task]:
        borders = run_starts(self._gallery.identity_ids[start:stop])[1:] + start
        if not len(borders):
            return
        if stop - start <= _LEAF_ROWS:
            yield _Task(Tile(start, stop, start, stop), whole=True)
            return
        middle = int(borders[np.abs(borders - (start + stop) // 2).argmin()])
        for column in range(start, middle, width):
            for row in range(middle, stop, _ROWS):
                tile = Tile(row, min(row + _ROWS, stop), column, min(column + width, middle))
                yield _Task(tile, whole=False)
        yield from self._cut_inside(start, middle, width)
        yield from self._cut_inside(middle, stop, width)

    def _candidates(self, device: KnnDevice, task: _Task) -> Iterator[tuple[Int64Array, Int64Array]]:
        tile = task.tile
        pending = np.arange(tile.row, tile.row_stop)
        columns = tile.column_stop - tile.column
        k = columns + 1 if task.whole else min(self._first_k, columns)
        while len(pending) and k <= min(device.max_k, columns):
            step = max(1, _TILE_VALUES // k)
            overflowing: list[Int64Array] = []
            for start in range(0, len(pending), step):
                rows = pending[start : start + step]
                scores, found = device.knn(rows, tile.column, tile.column_stop, k)
                complete = (scores[:, -1] < self._lowest) | (k == columns)
                row, place = np.nonzero((scores >= self._lowest) & complete[:, None])
                yield rows[row], found[row, place]
                overflowing.append(rows[~complete])
            asked, pending = len(pending), np.concatenate(overflowing)
            if len(pending) > 0.1 * asked and k == self._first_k:
                self._first_k = min(self._first_k * GROWTH, device.max_k)
            if k == min(device.max_k, columns):
                break
            k = min(k * GROWTH, device.max_k, columns)
        yield from self._read_whole(device, pending, tile)

    def _read_whole(
        self, device: KnnDevice, rows: NDArray[np.int64], tile: Tile
    ) -> Iterator[tuple[Int64Array, Int64Array]]:
        columns = tile.column_stop - tile.column
        step = max(1, _TILE_VALUES // columns)
        for start in range(0, len(rows), step):
            part = rows[start : start + step]
            row, column = np.nonzero(device.scores(part, tile.column, tile.column_stop) >= self._lowest)
            yield part[row], column + tile.column
