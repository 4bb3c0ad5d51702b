"""Score histograms: fixed bins over [-1, 1], so that counts of different scans and machines add up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facedb.core.lookup import are_distinct
from facedb.core.records import Float64Array, Int64Array
from facedb.join.gallery import Gallery

BINS = 2000
BIN_WIDTH = 2.0 / BINS
BIN_EDGES: Float64Array = (np.arange(BINS + 1) - BINS // 2) / (BINS // 2)


@dataclass(frozen=True, slots=True)
class ScoreHistogram:
    """``counts`` int64 (BINS,) of the scores of ``counted`` pairs out of the ``total`` pairs of that kind in the gallery.

    ``counted == total`` means that every pair was counted; otherwise the counted ones are a uniform random sample.
    """

    counts: Int64Array
    counted: int
    total: int

    def at_or_above(self, threshold: float) -> int:
        """How many counted scores are in the bins that start at or above ``threshold``."""
        first = int(np.searchsorted(BIN_EDGES[:-1], threshold - 1e-9))
        return int(self.counts[first:].sum())


@dataclass(frozen=True, slots=True)
class PairCounts:
    """The unordered pairs of a gallery: ``genuine`` of one identity, ``impostor`` of two; never two faces of one image."""

    genuine: int
    impostor: int


def edge(threshold: float) -> int:
    """The index of the first edge at or above ``threshold``."""
    return min(int(np.searchsorted(BIN_EDGES, threshold - 1e-9)), BINS)


def bin_of(scores: NDArray[np.floating]) -> Int64Array:
    """The bin (0 to BINS - 1) of each score; bin b holds BIN_EDGES[b] <= score < BIN_EDGES[b + 1], the last one also 1 and more.

    A score just above 1 (two unit vectors may be 1e-3 off) goes to the last bin, one just below -1 to the first.
    """
    if scores.dtype == np.float32:
        # 24 bits times ten: the product is exact, so no edge is missed.
        exact = np.multiply(scores, float(BINS // 2), dtype=np.float64)
        np.floor(exact, out=exact)
        exact += BINS // 2
        return np.asarray(np.clip(exact, 0, BINS - 1, out=exact), np.int64)
    wide = scores.astype(np.float64)
    bins = np.clip(np.floor((wide + 1.0) * (BINS / 2)), 0, BINS - 1).astype(np.int64)
    # The multiplication may round across an edge, so the edges themselves have the last word.
    bins += (bins < BINS - 1) & (wide >= BIN_EDGES[np.minimum(bins + 1, BINS - 1)])
    bins -= (bins > 0) & (wide < BIN_EDGES[bins])
    return bins


def count_scores(scores: NDArray[np.floating]) -> Int64Array:
    """How many of ``scores``, float (m,), fall into each bin: int64 (BINS,)."""
    return np.bincount(bin_of(scores), minlength=BINS).astype(np.int64)


def count_pairs(gallery: Gallery) -> PairCounts:
    """The genuine and impostor pairs of a gallery: honest denominators for rates."""
    return count_label_pairs(gallery.identity_ids, gallery.image_ids)


def count_label_pairs(labels: NDArray[np.integer], groups: NDArray[np.integer]) -> PairCounts:
    """The genuine and impostor pairs of rows with these ``labels`` and images ``groups`` (n,)."""
    rows = len(labels)
    if are_distinct(groups):
        genuine = _within(np.unique(labels, return_counts=True)[1])
        return PairCounts(genuine, rows * (rows - 1) // 2 - genuine)
    label_codes = np.unique(labels, return_inverse=True)[1]
    group_codes = np.unique(groups, return_inverse=True)[1]
    same_label = _within(np.bincount(label_codes))
    same_group = _within(np.bincount(group_codes))
    both = _within(np.unique(label_codes.astype(np.int64) * max(rows, 1) + group_codes, return_counts=True)[1])
    return PairCounts(same_label - both, rows * (rows - 1) // 2 - same_label - same_group + both)


def _within(sizes: NDArray[np.integer]) -> int:
    wide = sizes.astype(np.int64)
    return int((wide * (wide - 1) // 2).sum())
