"""Impostor scores below the floor of a scan: all of them in a small gallery, those of a few hundred rows in a large one."""

from __future__ import annotations

import numpy as np

from facedb.findings.rates.histogram import BINS, ScoreHistogram, bin_of, count_pairs
from facedb.join.gallery import Gallery

_PAIRS = 40_000_000
_FEWEST_ROWS = 256
_BLOCK = 256
_COLUMNS = 4096
"""A part of 256 x 4,096 scores with what counting them takes stays in the cache; a million at once took gigabytes."""


def impostor_histogram(gallery: Gallery) -> ScoreHistogram:
    """The histogram of the impostor pairs of a gallery, from float32 matrix products (within d * 2**-24 of the score).

    Up to 40 million pairs of rows every one is counted. Of more, evenly spread rows are compared with all others (a hundredth of
    the work of a scan at 25,000 faces, less beyond): so many pairs that the sample still holds hundreds at the rates where the
    scan's own count begins. By label and image, so that the order of the rows, which an incremental scan changes, does not matter.
    """
    count, counts = len(gallery), np.zeros(BINS, np.int64)
    total = count_pairs(gallery).impostor
    if not total:
        return ScoreHistogram(counts, 0, total)
    order = np.lexsort((gallery.image_ids, gallery.identity_ids))
    wanted = count if count * (count - 1) // 2 <= _PAIRS else max(_FEWEST_ROWS, _PAIRS // count)
    chosen = np.linspace(0, count - 1, wanted).astype(np.int64) if wanted < count else np.arange(count)
    place = np.full(count, count, np.int64)
    place[chosen] = np.arange(len(chosen))
    labels, groups = gallery.identity_ids[order], gallery.image_ids[order]
    for first in range(0, count, _COLUMNS):
        columns = slice(first, first + _COLUMNS)
        vectors = gallery.vectors[order[columns]]
        # Where every row is chosen, later ones have nothing to count here.
        for start in range(0, len(chosen) if wanted < count else min(first + _COLUMNS, count), _BLOCK):
            mine = chosen[start : start + _BLOCK]
            scores = gallery.vectors[order[mine]] @ vectors.T
            # Of two chosen rows the first one counts the pair.
            apart = place[mine][:, None] < place[columns][None, :]
            apart &= labels[mine][:, None] != labels[columns][None, :]
            apart &= groups[mine][:, None] != groups[columns][None, :]
            counts += np.bincount(bin_of(scores[apart]), minlength=BINS)
    return ScoreHistogram(counts, int(counts.sum()), total)
