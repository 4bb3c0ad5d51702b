"""Inside the identities: the scores of every two photos that carry one label."""

from __future__ import annotations

import numpy as np

from facedb.core.records import Float32Array
from facedb.findings.cores.folders import batches, folders, scores_within, shared_images
from facedb.findings.rates.histogram import BINS, ScoreHistogram, count_pairs, count_scores
from facedb.join.gallery import Gallery

_LARGEST_AT_ONCE = 1024
_HELD_SCORES = 1 << 20


def genuine_histogram(gallery: Gallery) -> ScoreHistogram:
    """The histogram of every genuine pair, each counted once: the sum of squared identity sizes is the work.

    Scores are float32 matrix products, within d * 2**-24 of the score: for charts and rates, not for a single pair.
    """
    bins = np.zeros(BINS, np.int64)
    # A histogram has a fixed price: scores of many batches are counted at once.
    waiting: list[Float32Array] = []
    held = 0

    def add(scores: Float32Array) -> None:
        nonlocal bins, waiting, held
        waiting.append(scores)
        held += len(scores)
        if held > _HELD_SCORES:
            bins += count_scores(np.concatenate(waiting))
            waiting, held = [], 0

    parts = folders(gallery.identity_ids, gallery.image_ids)
    groups = shared_images(gallery.image_ids)
    for rows, alive in batches(parts, _LARGEST_AT_ONCE):
        scores, apart = scores_within(gallery.vectors, groups, rows, alive)
        add(scores[np.triu(apart, 1)])
    for k in np.flatnonzero(parts.sizes > _LARGEST_AT_ONCE):
        members = parts.order[parts.starts[k] : parts.starts[k] + parts.sizes[k]]
        vectors, images = gallery.vectors[members], gallery.image_ids[members]
        for low in range(0, len(members), _LARGEST_AT_ONCE):
            part = slice(low, low + _LARGEST_AT_ONCE)
            apart = np.triu(images[part, None] != images[None, low:], 1)
            add((vectors[part] @ vectors[low:].T)[apart])
    if waiting:
        bins += count_scores(np.concatenate(waiting))
    return ScoreHistogram(bins, int(bins.sum()), count_pairs(gallery).genuine)
