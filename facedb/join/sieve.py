"""The sieve: what turns the candidates of an engine into flagged pairs, the same way for every engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from facedb.core.records import Float32Array, Int64Array
from facedb.join.error_bounds import FLOAT32_ROUNDOFF, score_error
from facedb.join.score import CHUNK_VALUES, GPU_CHUNK_VALUES, pair_scores, rough_scores

_CHUNK_PAIRS = 1 << 18


@dataclass(frozen=True, slots=True)
class Hits:
    """Flagged pairs: rows ``rows_a`` < ``rows_b`` (m,), float32 ``scores`` (m,); out of ``candidates``."""

    rows_a: Int64Array
    rows_b: Int64Array
    scores: Float32Array
    candidates: int

    @staticmethod
    def join(parts: Sequence[Hits]) -> Hits:
        """All ``parts`` as one, sorted by (rows_a, rows_b)."""
        rows_a = np.concatenate([part.rows_a for part in parts]) if parts else np.empty(0, np.int64)
        rows_b = np.concatenate([part.rows_b for part in parts]) if parts else np.empty(0, np.int64)
        scores = np.concatenate([part.scores for part in parts]) if parts else np.empty(0, np.float32)
        # One key for both is sorted in a third of the time of `lexsort`; rows stay below 2**31.
        order = np.argsort(rows_a << 32 | rows_b)
        return Hits(rows_a[order], rows_b[order], scores[order], sum(part.candidates for part in parts))


class Faces(Protocol):
    """The arrays of a `Gallery`, on the host or on a GPU."""

    @property
    def vectors(self) -> Any: ...
    @property
    def identity_ids(self) -> Any: ...
    @property
    def image_ids(self) -> Any: ...


class Sieve:
    """Keeps, of the pairs an engine proposes, those that are flagged: identities differ, images differ, score >= threshold.

    Holds no state between calls, so threads share one. ``threshold`` is a float64 and compared with the float64 score. The
    arrays of ``faces`` may be on a GPU (CuPy): then the pairs are scored there, by the same code and with the same bits, and
    only the flagged ones come to the host.
    """

    def __init__(self, faces: Faces, threshold: float) -> None:
        self._faces = faces
        self.threshold = float(threshold)
        self._on_host = isinstance(faces.vectors, np.ndarray)
        epsilon = score_error(0.0, faces.vectors.shape[1], FLOAT32_ROUNDOFF)
        self._rough_limit = np.nextafter(np.float32(self.threshold - epsilon), np.float32(-np.inf))

    def keep(self, rows: NDArray[np.integer], columns: NDArray[np.integer]) -> Hits | None:
        """The flagged ones of the pairs (``rows[i]``, ``columns[i]``, arrays where the faces are), None if there are none.

        Only pairs with ``columns[i]`` < ``rows[i]`` count, so an engine that works on whole tiles need not cut the
        diagonal. The input is worked off in chunks: memory grows with the pairs kept, not with the pairs proposed.
        """
        parts = [
            self._keep_chunk(rows[start : start + _CHUNK_PAIRS], columns[start : start + _CHUNK_PAIRS])
            for start in range(0, len(rows), _CHUNK_PAIRS)
        ]
        found = [part for part in parts if part.candidates]
        if len(found) <= 1:
            return found[0] if found else None
        return Hits.join(found)

    def _keep_chunk(self, rows: NDArray[np.integer], columns: NDArray[np.integer]) -> Hits:
        vectors, identities, images = self._faces.vectors, self._faces.identity_ids, self._faces.image_ids
        wanted = np.flatnonzero((columns < rows) & (identities[rows] != identities[columns]))
        rows_b, rows_a = rows[wanted].astype(np.int64), columns[wanted].astype(np.int64)
        apart = images[rows_a] != images[rows_b]
        if not apart.all():
            rows_a, rows_b = rows_a[apart], rows_b[apart]
        candidates = len(rows_a)
        if self._on_host:
            # A coarse engine proposes many pairs that float32 can dismiss at a third of the price of the score.
            near = rough_scores(vectors, rows_a, rows_b) >= self._rough_limit
            rows_a, rows_b = rows_a[near], rows_b[near]
        scores = pair_scores(vectors, rows_a, rows_b, chunk_values=CHUNK_VALUES if self._on_host else GPU_CHUNK_VALUES)
        reached = scores >= self.threshold
        scores32 = scores[reached].astype(np.float32)
        return Hits(_fetched(rows_a[reached]), _fetched(rows_b[reached]), _fetched(scores32), candidates)


def _fetched(array: Any) -> Any:
    """``array`` on the host."""
    return array if isinstance(array, np.ndarray) else array.get()
