"""Impostor scores below the floor of a scan: all of them in a small gallery, those of a few hundred rows in a large one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from facedb.core.machine.in_background import checkpoint
from facedb.core.records import Int64Array
from facedb.findings.rates.histogram import BINS, ScoreHistogram, count_pairs, count_scores
from facedb.join.gallery import Gallery

_PAIRS = 40_000_000
_FEWEST_ROWS = 256
_BLOCK = 256
_COLUMNS = 4096
"""A part of 256 x 4,096 scores with what counting them takes stays in the cache; a million at once took gigabytes."""
_ROWS = 16


def impostor_histogram(gallery: Gallery) -> ScoreHistogram:
    """The histogram of the impostor pairs of a gallery, from float32 matrix products (within d * 2**-24 of the score).

    Up to 40 million pairs of rows every one is counted. Of more, evenly spread rows are compared with all others (a hundredth of
    the work of a scan at 25,000 faces, less beyond): so many pairs that the sample still holds hundreds at the rates where the
    scan's own count begins. By label and image, so that the order of the rows, which an incremental scan changes, does not matter.
    """
    total = count_pairs(gallery).impostor
    if not total:
        return ScoreHistogram(np.zeros(BINS, np.int64), 0, total)
    count = len(gallery)
    order = np.lexsort((gallery.image_ids, gallery.identity_ids))
    wanted = count if count * (count - 1) // 2 <= _PAIRS else max(_FEWEST_ROWS, _PAIRS // count)
    counts = np.zeros(BINS, np.int64)
    for part in _scores(gallery, order, np.linspace(0, count - 1, wanted).astype(np.int64)):
        counts += part
    return ScoreHistogram(counts, int(counts.sum()), total)


def _scores(gallery: Gallery, order: Int64Array, chosen: Int64Array) -> Iterator[Int64Array]:
    """Counts of the impostor pairs of the ``chosen`` places, ascending, of an ``order`` (n,) with every other place, each pair once,
    some at a time: 4 MB of scores, however many rows are chosen."""
    vectors, labels, images = gallery.vectors, gallery.identity_ids[order], gallery.image_ids[order]
    looks = np.zeros(len(order), bool)
    looks[chosen] = True
    for first in range(0, len(order), _COLUMNS):
        checkpoint()
        columns = np.arange(first, min(first + _COLUMNS, len(order)))
        seen = vectors[order[columns]].T
        for start in range(0, len(chosen), _BLOCK):
            rows = chosen[start : start + _BLOCK]
            if rows[0] >= columns[-1] and looks[columns].all():
                # All these have counted their pairs with the rows, or are them.
                break
            scores = vectors[order[rows]] @ seen
            for some in range(0, len(rows), _ROWS):
                yield count_scores(scores[some : some + _ROWS].ravel())
            # Nearly all of them are pairs, so the few that are none are taken out again, rather than each be looked at.
            none = looks[columns] & (columns <= rows[:, None])
            none |= labels[columns] == labels[rows][:, None]
            none |= images[columns] == images[rows][:, None]
            yield -count_scores(scores[none])
