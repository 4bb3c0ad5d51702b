"""Impostor scores below the floor of a scan: all of them in a small gallery, those of a few hundred rows in a large one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facedb.core.machine.in_background import checkpoint
from facedb.core.records import Float32Array, Int64Array
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
    sorted_gallery = _Sorted(gallery.vectors, order, gallery.identity_ids[order], gallery.image_ids[order])
    if count * (count - 1) // 2 <= _PAIRS:
        counts = _every_pair(sorted_gallery)
    else:
        wanted = max(_FEWEST_ROWS, _PAIRS // count)
        counts = _of_rows(sorted_gallery, np.linspace(0, count - 1, wanted).astype(np.int64))
    return ScoreHistogram(counts, int(counts.sum()), total)


@dataclass(frozen=True, slots=True)
class _Sorted:
    """The rows ``order`` (n,) of ``vectors`` float32 (n, d) by label, then image: their ``labels`` and images ``groups`` (n,)."""

    vectors: Float32Array
    order: Int64Array
    labels: NDArray[np.integer]
    groups: NDArray[np.integer]

    def scores(self, rows: Int64Array | slice, columns: slice) -> Float32Array:
        """Scores float32 (r, c) of ``rows`` with ``columns``, both places in the order."""
        return np.asarray(self.vectors[self.order[rows]] @ self.vectors[self.order[columns]].T)


def _every_pair(rows: _Sorted) -> Int64Array:
    count, counts = len(rows.order), np.zeros(BINS, np.int64)
    for first in range(0, count, _COLUMNS):
        columns = slice(first, first + _COLUMNS)
        place = np.arange(first, min(first + _COLUMNS, count))
        # Later rows have nothing to count here.
        for start in range(0, int(place[-1]) + 1, _BLOCK):
            mine = slice(start, min(start + _BLOCK, int(place[-1]) + 1))
            apart = np.arange(mine.start, mine.stop)[:, None] < place[None, :]
            apart &= rows.labels[mine][:, None] != rows.labels[columns][None, :]
            apart &= rows.groups[mine][:, None] != rows.groups[columns][None, :]
            counts += count_scores(rows.scores(mine, columns)[apart])
    return counts


def _of_rows(rows: _Sorted, chosen: Int64Array) -> Int64Array:
    """Counts of the impostor pairs of ``chosen`` rows, few and ascending, with every other row, each pair once."""
    count, counts = len(rows.order), np.zeros(BINS, np.int64)
    row, column = _no_pairs(rows, chosen)
    borders = np.searchsorted(column, np.arange(0, count + _COLUMNS, _COLUMNS))
    for part, first in enumerate(range(0, count, _COLUMNS)):
        checkpoint()
        scores = rows.scores(chosen, slice(first, first + _COLUMNS))
        for some in range(0, len(chosen), _ROWS):
            counts += count_scores(scores[some : some + _ROWS].ravel())
        # Nearly all of them are pairs, so the few that are none are taken out again, rather than each be looked at.
        none = slice(borders[part], borders[part + 1])
        counts -= count_scores(scores[row[none], column[none] - first])
    return counts


def _no_pairs(rows: _Sorted, chosen: Int64Array) -> tuple[Int64Array, Int64Array]:
    """Which of ``chosen`` (its places) and which rows, ascending, are no impostor pair, or one that an earlier chosen row counts."""
    count = len(rows.order)
    of_row = np.arange(len(chosen))
    starts, stops = (np.searchsorted(rows.labels, rows.labels[chosen], side) for side in ("left", "right"))
    places = [np.repeat(of_row, stops - starts) * count + _ranges(starts, stops)]
    groups = np.unique(rows.groups[chosen])
    shared = np.flatnonzero(np.isin(rows.groups, groups))
    same = rows.groups[chosen][:, None] == rows.groups[shared][None, :]
    at, other = np.nonzero(same)
    places.append(at * count + shared[other])
    later, earlier = np.tril_indices(len(chosen))
    places.append(of_row[later] * count + chosen[earlier])
    row, column = np.divmod(np.unique(np.concatenate(places)), count)
    order = np.argsort(column, kind="stable")
    return row[order], column[order]


def _ranges(starts: Int64Array, stops: Int64Array) -> Int64Array:
    """The numbers from each of ``starts`` (m,) up to each of ``stops``, one after the other."""
    lengths = stops - starts
    before = np.cumsum(lengths) - lengths
    return np.asarray(np.arange(int(lengths.sum())) + np.repeat(starts - before, lengths), np.int64)
