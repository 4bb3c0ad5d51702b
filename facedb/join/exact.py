"""Engine ``exact``: float64 matrix products, the reference that the other engines are tested against."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from facedb.core.records import Float64Array, Int64Array
from facedb.join.blocks import Block
from facedb.join.error_bounds import score_error
from facedb.join.gallery import Gallery
from facedb.join.searcher import EngineInfo
from facedb.join.sieve import Hits, Sieve
from facedb.join.tiles import Tile, cut_tiles, work_off

_HEIGHT, _WIDTH = 512, 1024


class ExactSearcher:
    """Tiles of float64 scores; epsilon covers only that BLAS adds in another order than the score does."""

    def __init__(self, gallery: Gallery, sieve: Sieve, threads: int) -> None:
        self._gallery, self._sieve, self._threads = gallery, sieve, threads
        self.upper_bound, self.method = False, ""
        self.epsilon = score_error(0.0, gallery.dim, 2.0**-53)

    def search(self, block: Block) -> Iterator[Hits]:
        yield from work_off(cut_tiles(block, self._gallery.identity_ids, _HEIGHT, _WIDTH), self._threads, self._search)

    def approximate(self, rows: Int64Array, columns: Int64Array) -> Float64Array:
        vectors = self._gallery.vectors
        return np.asarray(vectors[rows].astype(np.float64) @ vectors[columns].astype(np.float64).T)

    def close(self) -> None:
        pass

    def _search(self, tiles: Iterator[Tile]) -> Iterator[Hits]:
        vectors, lowest = self._gallery.vectors, self._sieve.threshold - self.epsilon
        for tile in tiles:
            rows = vectors[tile.row : tile.row_stop].astype(np.float64)
            columns = vectors[tile.column : tile.column_stop].astype(np.float64)
            row, column = np.nonzero(rows @ columns.T >= lowest)
            hits = self._sieve.keep(row + tile.row, column + tile.column)
            if hits is not None:
                yield hits


def probe() -> EngineInfo:
    """NumPy is always there."""
    return EngineInfo("exact", True, "float64 NumPy", blas=True)


def open_searcher(gallery: Gallery, sieve: Sieve, threads: int, comparisons: int) -> ExactSearcher:  # noqa: ARG001
    """A searcher over ``gallery``."""
    return ExactSearcher(gallery, sieve, threads)
