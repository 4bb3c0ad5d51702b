"""CPU stand-ins for the devices of the GPU engines: the real algorithms run on them, only the hardware is missing."""

from __future__ import annotations

import threading

import faiss
import numpy as np

from facedb.join.error_bounds import FLOAT32_ROUNDOFF, score_error
from facedb.join.gallery import Gallery
from facedb.join.gpu.append_search import AppendSearcher
from facedb.join.gpu.knn_search import KnnSearcher
from facedb.join.sieve import Sieve


class CpuKnn:
    """k-NN by faiss-cpu, with the limits of a GPU made small."""

    def __init__(self, gallery: Gallery, threshold: float, max_k: int, max_columns: int) -> None:
        self.keep = Sieve(gallery, threshold).keep
        self.vectors = gallery.vectors
        self.max_k, self.max_columns = max_k, max_columns
        self.epsilon = score_error(0.0, gallery.dim, FLOAT32_ROUNDOFF)
        self.calls: list[tuple[str, int, int]] = []
        self.threads: set[int] = set()

    def knn(self, rows, column, column_stop, k):
        assert 1 <= k <= min(self.max_k, column_stop - column) <= self.max_columns
        self.calls.append(("knn", len(rows), k))
        self.threads.add(threading.get_ident())
        scores, found = faiss.knn(self.vectors[rows], self.vectors[column:column_stop], k, faiss.METRIC_INNER_PRODUCT)
        return scores, found + column

    def scores(self, rows, column, column_stop):
        self.calls.append(("scores", len(rows), column_stop - column))
        return self.vectors[rows] @ self.vectors[column:column_stop].T

    def close(self):
        self.vectors = self.vectors[:0]


class CpuAppend:
    """Tiles by NumPy, with a hit buffer made small."""

    batch = 3

    def __init__(self, gallery: Gallery, threshold: float, capacity: int, height: int, width: int) -> None:
        self.keep = Sieve(gallery, threshold).keep
        self.gallery, self.capacity, self.height, self.width = gallery, capacity, height, width
        self.epsilon = score_error(0.0, gallery.dim, FLOAT32_ROUNDOFF)
        self.overflows = 0

    def append(self, tiles, lowest):
        found = [self.hits(tile, lowest) for tile in tiles]
        rows, columns = (np.concatenate(parts) for parts in zip(*found, strict=True))
        if len(rows) > self.capacity:
            self.overflows += 1
            return None
        return rows, columns

    def hits(self, tile, lowest):
        assert tile.row_stop - tile.row <= self.height
        assert tile.column_stop - tile.column <= self.width
        labels = self.gallery.identity_ids
        rows = np.arange(tile.row, tile.row_stop)
        columns = np.arange(tile.column, tile.column_stop)
        scores = self.gallery.vectors[rows] @ self.gallery.vectors[columns].T
        hit = (scores >= lowest) & (labels[rows][:, None] != labels[columns]) & (columns < rows[:, None])
        row, column = np.nonzero(hit)
        return rows[row], columns[column]

    def scores(self, rows, columns):
        vectors = self.gallery.vectors
        return (vectors[rows] @ vectors[columns].T).astype(np.float64)

    def close(self):
        pass


def knn_searcher(gallery: Gallery, threshold: float, *, max_k: int, max_columns: int, devices: int = 1) -> KnnSearcher:
    """The searcher of ``faiss-gpu`` on CPU devices."""
    made = [CpuKnn(gallery, threshold, max_k, max_columns) for _ in range(devices)]
    return KnnSearcher(gallery, threshold, made)


def append_searcher(
    gallery: Gallery, threshold: float, *, capacity: int, height: int, width: int, devices: int = 1
) -> AppendSearcher:
    """The searcher of ``cuda`` on CPU devices."""
    made = [CpuAppend(gallery, threshold, capacity, height, width) for _ in range(devices)]
    return AppendSearcher(gallery, threshold, made)
