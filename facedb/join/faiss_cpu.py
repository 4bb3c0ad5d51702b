"""Engine ``faiss-cpu``: FAISS range search in float32, a second opinion that shares no arithmetic with the others."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from typing import Any

import numpy as np

from facedb.core.records import Float64Array, Int64Array
from facedb.join.blocks import Block
from facedb.join.error_bounds import FLOAT32_ROUNDOFF, score_error
from facedb.join.gallery import Gallery
from facedb.join.searcher import EngineInfo
from facedb.join.sieve import Hits, Sieve
from facedb.join.tiles import cut_tiles

# At worst every pair of a tile is a hit: 4 million hits of 12 bytes, and FAISS' own copy of them, stay near 100 MB.
_HEIGHT, _WIDTH = 512, 8192


class FaissCpuSearcher:
    """``range_search_inner_product`` on slices of the gallery itself, so nothing is copied into an index.

    FAISS keeps results strictly above a float32 radius: the radius is the next float32 below threshold - epsilon. Its
    float32 sums are within d 2**-24 / (1 - d 2**-24) N**2 of the score in any order.
    """

    def __init__(self, gallery: Gallery, sieve: Sieve, threads: int) -> None:
        import faiss

        self._faiss: Any = faiss
        self.upper_bound, self.method = False, ""
        self._gallery, self._sieve, self._threads = gallery, sieve, threads
        self.epsilon = score_error(0.0, gallery.dim, FLOAT32_ROUNDOFF)
        below = np.float32(np.nextafter(np.float32(sieve.threshold - self.epsilon), np.float32(-np.inf)))
        self._radius = float(np.nextafter(below, np.float32(-np.inf)))

    def search(self, block: Block) -> Iterator[Hits]:
        vectors = self._gallery.vectors
        before = self._faiss.omp_get_max_threads()
        self._faiss.omp_set_num_threads(self._threads)
        try:
            for tile in cut_tiles(block, self._gallery.identity_ids, _HEIGHT, _WIDTH):
                column_stop = min(tile.column_stop, tile.row_stop)
                limits, _, columns = self._range_search(
                    vectors[tile.row : tile.row_stop], vectors[tile.column : column_stop], self._radius
                )
                rows = np.repeat(np.arange(tile.row, tile.row_stop), np.diff(limits))
                hits = self._sieve.keep(rows, columns + tile.column)
                if hits is not None:
                    yield hits
        finally:
            self._faiss.omp_set_num_threads(before)

    def approximate(self, rows: Int64Array, columns: Int64Array) -> Float64Array:
        vectors = self._gallery.vectors
        _, scores, _ = self._range_search(vectors[rows], vectors[columns], -4.0)
        return np.asarray(scores, dtype=np.float64).reshape(len(rows), len(columns))

    def close(self) -> None:
        pass

    def _range_search(self, queries: Any, base: Any, radius: float) -> tuple[Int64Array, Any, Int64Array]:
        """Row limits (m + 1,), scores and column numbers of all products above ``radius``, sorted by row and column."""
        faiss = self._faiss
        result = faiss.RangeSearchResult(len(queries))
        faiss.range_search_inner_product(
            faiss.swig_ptr(queries), faiss.swig_ptr(base), queries.shape[1], len(queries), len(base), radius, result
        )
        limits = faiss.rev_swig_ptr(result.lims, len(queries) + 1).astype(np.int64)
        count = int(limits[-1])
        scores = faiss.rev_swig_ptr(result.distances, count).copy()
        columns = faiss.rev_swig_ptr(result.labels, count).copy()
        return limits, scores, columns


def probe() -> EngineInfo:
    """Whether FAISS is installed."""
    if importlib.util.find_spec("faiss") is None:
        return EngineInfo("faiss-cpu", False, "FAISS is not installed (the extra `cpu` or `gpu` brings it)")
    return EngineInfo("faiss-cpu", True, "FAISS on the CPU", blas=True)


def open_searcher(gallery: Gallery, sieve: Sieve, threads: int, comparisons: int) -> FaissCpuSearcher:  # noqa: ARG001
    """A searcher over ``gallery``."""
    return FaissCpuSearcher(gallery, sieve, threads)
