"""Impostor scores below the floor of a scan: all of them in a small gallery, those among some thousand faces of a large one."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from facedb.core.machine.in_background import checkpoint
from facedb.core.records import Int64Array
from facedb.findings.cores.folders import evenly_spread
from facedb.findings.rates.histogram import BINS, ScoreHistogram, count_pairs, count_scores
from facedb.join.gallery import Gallery

_PAIRS = 40_000_000
_BLOCK = 256
_COLUMNS = 4096
"""A part of 256 x 4,096 scores with what counting them takes stays in the cache; a million at once took gigabytes."""
_ROWS = 16


def impostor_histogram(gallery: Gallery) -> ScoreHistogram:
    """The histogram of the impostor pairs of a gallery, from float32 matrix products (within d * 2**-24 of the score).

    Up to 40 million pairs of rows every one is counted; of more, those of as many evenly spread faces with each other: fewer faces that see
    all others would tell less, as whoever is like many is so in all pairs. By label and image, so that the order of the rows, which an
    incremental scan changes, does not matter.
    """
    total = count_pairs(gallery).impostor
    if not total:
        return ScoreHistogram(np.zeros(BINS, np.int64), 0, total)
    order = np.lexsort((gallery.image_ids, gallery.identity_ids))
    counts = np.zeros(BINS, np.int64)
    for part in _scores(gallery, evenly_spread(order, math.isqrt(2 * _PAIRS) + 1)):
        counts += part
    return ScoreHistogram(counts, int(counts.sum()), total)


def _scores(gallery: Gallery, chosen: Int64Array) -> Iterator[Int64Array]:
    """Counts of the impostor pairs among the rows ``chosen`` (n,), each pair once, some at a time."""
    labels, images, places = gallery.identity_ids[chosen], gallery.image_ids[chosen], np.arange(len(chosen))
    for first in range(0, len(chosen), _COLUMNS):
        checkpoint()
        every = places[first : first + _COLUMNS]
        seen = gallery.vectors[chosen[every]]
        for start in range(0, every[-1] + 1, _BLOCK):
            rows, columns = places[start : start + _BLOCK], every[max(start - first, 0) :]
            scores = gallery.vectors[chosen[rows]] @ seen[-len(columns) :].T
            for some in range(0, len(rows), _ROWS):
                yield count_scores(scores[some : some + _ROWS].ravel())
            # Nearly all of them are pairs, so the few that are none are taken out again, rather than each be looked at.
            none = columns <= rows[:, None]
            none |= labels[columns] == labels[rows][:, None]
            none |= images[columns] == images[rows][:, None]
            yield -count_scores(scores[none])
