"""Pairs of cores: the mean scores between the folders of a gallery, in standard units, and how far they scatter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from facedb.core.records import Float32Array, Float64Array, Int64Array
from facedb.findings.cores.folders import evenly_spread
from facedb.findings.cores.persons import Persons
from facedb.findings.odds.spread import Spread, fit_expected

PAIRS = 10_000_000
"""At most this many pairs of cores are looked at; of more, an even share."""
SINGLE = 512
"""This many single faces are compared with each other and with as many cores, evenly spread."""
STEP = 0.05
LOWEST = -8.0
"""Scores in standard units are counted in bins of STEP from LOWEST on."""
_SCORES = 1 << 20
_EDGES = np.array([1, 2, 3, 5, 9, 17, 33])
_BINS = 800
_MOST_IN_TAIL = 10_000
_FEW = 1000
_FEW_FROM = 1.3
"""Of fewer than so many pairs all beyond this are looked at one by one, however few: one of them may be the one person of two names."""
_BODY_OF_FEW = 200


@dataclass(frozen=True, slots=True)
class CorePairs:
    """The pairs of cores that stand for all ``total`` of a gallery: below the tail ``bins`` float64 (k,), how many have their mean score,
    in standard units, in each bin; in the upper tail one by one.

    ``a``, ``b`` int64 (m,), folders; ``score`` float64 (m,), the mean score between their cores; ``weights`` float64 (m,), for how many
    pairs each stands where only a share is looked at.
    """

    total: float
    bins: Float64Array
    a: Int64Array
    b: Int64Array
    score: Float64Array
    weights: Float64Array


def compare(who: Persons, faces: Float32Array, home: Int64Array, most: int = PAIRS) -> tuple[float, Spread, CorePairs]:
    """Score the cores with each other: the mean and the components, and the pairs in standard units.

    ``faces`` float32 (f, d), a few hundred vectors of the cores of ``home`` (f,), tell what single faces add to the variance, which
    folders of one size would not.

    Up to ``most`` pairs are all looked at; of more, those of evenly spread cores with every other.
    """
    met = _Met(who, most)
    # Where every face is the same, nothing can be more alike than strangers are.
    apart = who.ends.genuine - who.ends.impostor
    genuine = apart / max(apart, 1 - who.ends.impostor)
    if met.pairs < 3:
        none = np.empty(0)
        return (
            0.0,
            fit_expected(none, none, none, none, genuine),
            CorePairs(met.total, np.zeros(_BODY_OF_FEW), *_none()),
        )
    mean, cells = _cells(who, met)
    single = _single_faces(who, faces, home, met.filled)
    spread = fit_expected(*_with_single(cells, mean, met.pairs, single), genuine)
    bins, start_bin, upper = _standardised(who, met, mean, spread)
    weight = met.total / met.pairs
    body = np.asarray(bins[:start_bin] * weight, np.float64)
    return mean, spread, CorePairs(met.total, body, *upper, np.full(len(upper[0]), weight))


class _Met:
    """The ``pairs`` of cores that are looked at, of ``total``: those of some cores with all, each pair once.

    Every iteration gives them in parts that stay in the cache: folders (r,) and (c,), and their mean scores float64 (r, c). Of its
    leading square only what lies above the diagonal counts, the rest is 0. They are scored again each time: held, they would
    take gigabytes.
    """

    def __init__(self, who: Persons, most: int) -> None:
        self.filled = filled = np.flatnonzero(who.faces > 0)
        count = len(filled)
        self.total = count * (count - 1) / 2
        taken = count if self.total <= most else max(2, int(2 * most / count))
        chosen = np.zeros(count, bool)
        chosen[evenly_spread(np.arange(count), taken)] = True
        self.taken = taken
        self.folders = np.r_[filled[chosen], filled[~chosen]]
        """Those that look come first; each looks at all that come after it."""
        self._centres = who.centres[self.folders]
        self.pairs = taken * count - taken * (taken + 1) // 2

    def __iter__(self) -> Iterator[tuple[Int64Array, Int64Array, Float64Array]]:
        count = len(self.folders)
        step = max(1, _SCORES // max(count, 1))
        for first in range(0, self.taken, step):
            stop = min(first + step, self.taken)
            mine, others = self.folders[first:stop], self.folders[first:]
            score = (self._centres[first:stop] @ self._centres[first:].T).astype(np.float64)
            score[np.tril_indices(len(mine))] = 0.0
            yield mine, others, score


def _single_faces(
    who: Persons, faces: Float32Array, home: Int64Array, filled: Int64Array
) -> list[tuple[Int64Array, Float64Array]]:
    """Scores of single faces with foreign faces, and with foreign cores, each with the number of faces at the other end."""
    cores = evenly_spread(filled, SINGLE)
    apart, strange = home[:, None] < home[None, :], home[:, None] != cores[None, :]
    between, to_core = (faces @ faces.T)[apart], (faces @ who.centres[cores].T)[strange]
    size = np.broadcast_to(who.faces[cores][None, :], strange.shape)[strange]
    return [
        (np.ones(len(between), np.int64), between.astype(np.float64)),
        (size, to_core.astype(np.float64)),
    ]


@dataclass(frozen=True, slots=True)
class _Sums:
    """Of pairs by the sizes of both sets, one cell each (cells,): how many, and the sums of their scores, of the squares of those, of
    1 / n_a + 1 / n_b and of 1 / (n_a n_b)."""

    pairs: Float64Array
    score: Float64Array
    square: Float64Array
    alone: Float64Array
    product: Float64Array

    def about(self, mean: float, weight: float) -> tuple[Float64Array, ...]:
        """As `fit_spread` takes them: variance about ``mean``, the means of the other two, the weight where a pair has ``weight``."""
        there = self.pairs > 0
        count = self.pairs[there]
        variance = self.square[there] - 2 * mean * self.score[there] + count * mean**2
        return variance / count, self.alone[there] / count, self.product[there] / count, count * weight


def _cells(who: Persons, met: _Met) -> tuple[float, _Sums]:
    """The mean score of all pairs, and their sums by the sizes of both cores."""
    faces = who.faces[met.folders]
    kind = np.searchsorted(_EDGES, faces, side="right")
    of_kind = np.eye(len(_EDGES) + 1)[kind]
    each = 1.0 / faces
    # What a core sees is all that comes after it, so how many there are of each size is read off.
    others, their_each = (
        np.cumsum(columns[::-1], axis=0)[::-1][1 : met.taken + 1] for columns in (of_kind, of_kind * each[:, None])
    )
    if len(others) < met.taken:
        others, their_each = (np.r_[columns, np.zeros((1, columns.shape[1]))] for columns in (others, their_each))
    mine, my_each = of_kind[: met.taken].T, each[: met.taken, None]
    score, square = np.empty_like(others), np.empty_like(others)
    first = 0
    for rows, _, scores in met:
        part = slice(first, first + len(rows))
        score[part] = scores @ of_kind[first:]
        square[part] = np.square(scores, out=scores) @ of_kind[first:]
        first += len(rows)
    sums = (others, score, square, others * my_each + their_each, their_each * my_each)
    return float(score.sum()) / met.pairs, _Sums(*((mine @ each_row).ravel() for each_row in sums))


def _with_single(
    cells: _Sums, mean: float, pairs: int, single: list[tuple[Int64Array, Float64Array]]
) -> tuple[Float64Array, Float64Array, Float64Array, Float64Array]:
    """Variances by sizes, as `fit_spread` takes them: of ``pairs`` of cores, and of single faces, whose parts count as much as those do.

    All three together count as ``pairs``: in an album of single photos they are the same scores three times.
    """
    each_part = pairs / (1 + len(single))
    found = [cells.about(mean, each_part / pairs)]
    for size, values in single:
        if len(values):
            kind, each = np.searchsorted(_EDGES, size, side="right"), 1.0 / size
            columns = (None, values, values**2, 1.0 + each, each)
            sums = _Sums(*(np.bincount(kind, column).astype(np.float64) for column in columns))
            found.append(sums.about(mean, each_part / len(values)))
    variance, alone, product, weight = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return variance, alone, product, weight


def _standardised(
    who: Persons, met: _Met, mean: float, spread: Spread
) -> tuple[Int64Array, int, tuple[Int64Array, Int64Array, Float64Array]]:
    """The pairs in standard units: counts by bin (_BINS,), the bin where the tail begins, and folders and scores (m,) in the tail."""
    sizes, of_folder = np.unique(who.faces, return_inverse=True)
    unit = 1.0 / np.sqrt(spread.variance(sizes[:, None], sizes[None, :]))
    wanted_in_tail = min(_MOST_IN_TAIL, max(met.pairs // 100, min(200, met.pairs // 10)))
    bins, start_bin = np.zeros(_BINS, np.int64), int(-LOWEST / STEP) + 1
    highest_start = int((_FEW_FROM - LOWEST) / STEP) if met.pairs < _FEW else _BINS
    upper: list[tuple[Int64Array, Int64Array, Float64Array, Float64Array]] = []
    for mine, others, score in met:
        place = (score - mean) * np.take(unit[of_folder[mine]], of_folder[others], axis=1)
        place /= STEP
        place -= LOWEST / STEP
        np.clip(place, 0, _BINS - 1, out=place)
        # Entries that are no pairs go to the first bin and are taken out of it again.
        place[np.tril_indices(len(mine))] = 0.0
        bins += np.bincount(place.ravel().astype(np.int64), minlength=_BINS)
        bins[0] -= len(mine) * (len(mine) + 1) // 2
        # More pairs only move the beginning of the tail up, so what lies below it by now lies below it in the end.
        start_bin = max(start_bin, int(np.searchsorted(-np.cumsum(bins[::-1])[::-1], -wanted_in_tail)))
        start_bin = min(start_bin, highest_start)
        at, other = np.divmod(np.flatnonzero(place >= start_bin), len(others))
        upper.append((mine[at], others[other], score[at, other], place[at, other]))
    a, b, score, place = (np.concatenate(columns) for columns in zip(*upper, strict=True))
    tail = place >= start_bin
    return bins, start_bin, (a[tail], b[tail], score[tail])


def _none() -> tuple[Int64Array, Int64Array, Float64Array, Float64Array]:
    return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0), np.empty(0)
