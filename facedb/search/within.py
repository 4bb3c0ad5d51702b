"""Inside the identities: how well each face fits to the other faces that carry its label."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facedb.core.models import Float32Array, Int32Array, Int64Array
from facedb.search.gallery import Gallery
from facedb.search.histogram import BINS, ScoreHistogram, count_pairs, count_scores

_CHUNK_ROWS = 1024
_HELD_SCORES = 1 << 20


@dataclass(frozen=True, slots=True)
class WithinStats:
    """For each row of the gallery, the scores to the other faces of its identity that come from other images.

    ``mean`` and ``best`` float32 (n,), NaN where there is no such face; ``best_row`` int64 (n,), -1 there; ``others``
    int32 (n,), how many there are. ``genuine`` is the histogram of all those pairs, each counted once. Scores are
    float32 matrix products, within d * 2**-24 of the float64 score: for ranking and charts. A score shown for one
    pair comes from `score.pair_scores`.
    """

    mean: Float32Array
    best: Float32Array
    best_row: Int64Array
    others: Int32Array
    genuine: ScoreHistogram


def within_stats(gallery: Gallery) -> WithinStats:
    """Compare every face with every face of its own identity: sum of squared identity sizes, 1,024 rows at a time."""
    count = len(gallery)
    sums, others = np.zeros(count), np.zeros(count, np.int32)
    best, best_row = np.full(count, np.nan, np.float32), np.full(count, -1, np.int64)
    bins = np.zeros(BINS, np.int64)
    # Most identities are small, and a histogram has a fixed price: scores of many identities are counted at once.
    waiting: list[Float32Array] = []
    held = 0
    order = np.argsort(gallery.labels, kind="stable")
    starts, sizes = np.unique(gallery.labels[order], return_index=True, return_counts=True)[1:]
    for start, stop in zip(starts, starts + sizes, strict=True):
        members = order[start:stop]
        vectors, groups = gallery.vectors[members], gallery.groups[members]
        places = np.arange(len(members))
        for low in range(0, len(members), _CHUNK_ROWS):
            part = members[low : low + _CHUNK_ROWS]
            scores = vectors[low : low + _CHUNK_ROWS] @ vectors.T
            apart = groups[low : low + _CHUNK_ROWS, None] != groups[None, :]
            sums[part] = np.where(apart, scores, 0.0).sum(axis=1, dtype=np.float64)
            others[part] = apart.sum(axis=1)
            waiting.append(scores[apart & (places[None, :] > places[low : low + len(part), None])])
            held += len(waiting[-1])
            if held > _HELD_SCORES:
                bins += count_scores(np.concatenate(waiting))
                waiting, held = [], 0
            scores[~apart] = -np.inf
            nearest = scores.argmax(axis=1)
            has = others[part] > 0
            best[part[has]] = scores[np.arange(len(part)), nearest][has]
            best_row[part[has]] = members[nearest[has]]
    if waiting:
        bins += count_scores(np.concatenate(waiting))
    mean = np.full(count, np.nan, np.float32)
    np.divide(sums, others, out=mean, where=others > 0, casting="unsafe")
    total = count_pairs(gallery).genuine
    return WithinStats(mean, best, best_row, others, ScoreHistogram(bins, int(bins.sum()), total))


def genuine_histogram(gallery: Gallery) -> ScoreHistogram:
    """The histogram of every genuine pair; see `within_stats`."""
    return within_stats(gallery).genuine
