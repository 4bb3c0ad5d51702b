"""Inside the identities: the scores of every two photos that carry one label."""

from __future__ import annotations

import numpy as np

from facedb.core.records import Float32Array
from facedb.findings.cores.folders import BoolArray, Folders, large
from facedb.findings.rates.histogram import BINS, ScoreHistogram, count_scores
from facedb.join.gallery import Gallery

_ROWS = 1024
_HELD_SCORES = 1 << 16


class GenuineScores:
    """The histogram of every genuine pair, each counted once, of folders whose scores `peel` computes anyway.

    Scores are float32 matrix products, within d * 2**-24 of the score: for charts and rates, not for a single pair.
    """

    def __init__(self) -> None:
        self._bins = np.zeros(BINS, np.int64)
        # A histogram has a fixed price: scores of many batches are counted at once.
        self._waiting: list[Float32Array] = []
        self._held = 0

    def add(self, scores: Float32Array, apart: BoolArray) -> None:
        """Count the pairs of a batch of folders: those ``apart`` of ``scores`` (b, m, m), as `scores_within` gives them."""
        self._hold(scores[apart & ~np.tri(scores.shape[1], dtype=bool)])

    def histogram(self, gallery: Gallery, parts: Folders) -> ScoreHistogram:
        """All pairs of ``gallery``: those that were added, and those of the folders that are too large for a batch of ``parts``."""
        for members, _ in large(parts):
            vectors, images = gallery.vectors[members], gallery.image_ids[members]
            for low in range(0, len(members), _ROWS):
                part = slice(low, low + _ROWS)
                apart = np.triu(images[part, None] != images[None, low:], 1)
                self._hold((vectors[part] @ vectors[low:].T)[apart])
        self._count()
        total = int(self._bins.sum())
        return ScoreHistogram(self._bins, total, total)

    def _hold(self, scores: Float32Array) -> None:
        self._waiting.append(scores)
        self._held += len(scores)
        if self._held > _HELD_SCORES:
            self._count()

    def _count(self) -> None:
        if self._waiting:
            self._bins += count_scores(np.concatenate(self._waiting))
        self._waiting, self._held = [], 0
