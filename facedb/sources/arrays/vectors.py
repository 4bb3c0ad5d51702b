"""Collecting vectors of many small files into batches worth writing."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from facedb.core.records import Float32Array, VectorBatch
from facedb.sources.source import ROWS_PER_BATCH

LONGEST_VECTOR = 16_000
"""Values of the longest embedding that PostgreSQL's vector type holds."""

# What an ingest holds of one batch is six times as much, and of the next one four times.
_BATCH_BYTES = 4 << 20


def rows_per_batch(row_bytes: int) -> int:
    """How many rows of so many bytes are read and written together."""
    return max(1, min(ROWS_PER_BATCH, _BATCH_BYTES // max(1, row_bytes)))


class BatchCollector:
    """Joins rows until a batch is full; vectors of another dimension start a batch of their own."""

    def __init__(self) -> None:
        self._clear()

    def add(self, paths: list[str], identities: list[str | None], vectors: Float32Array) -> Iterator[VectorBatch]:
        """Take rows in; yield a batch where one is full or the dimension changes."""
        if self._parts and self._parts[0].shape[1] != vectors.shape[1]:
            yield from self.flush()
        self._paths += paths
        self._identities += identities
        self._parts.append(vectors)
        if len(self._paths) >= rows_per_batch(4 * vectors.shape[1]):
            yield from self.flush()

    def flush(self) -> Iterator[VectorBatch]:
        """Yield what is left, if anything."""
        if self._paths:
            vectors = self._parts[0] if len(self._parts) == 1 else np.concatenate(self._parts)
            batch = VectorBatch(self._paths, self._identities, vectors)
            self._clear()
            yield batch

    def _clear(self) -> None:
        self._paths: list[str] = []
        self._identities: list[str | None] = []
        self._parts: list[Float32Array] = []
