"""Strangers: what chance makes of two persons, from the scores between all the cores of a gallery."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from facedb.core.records import Float32Array, Float64Array, Int64Array
from facedb.findings.cores.persons import Persons
from facedb.findings.odds.spread import Spread, fit_spread
from facedb.findings.odds.tail import Tail, fit_tail

_PAIRS = 10_000_000
_SCORES = 1 << 20
_EDGES = np.array([1, 2, 3, 5, 9, 17, 33])
_STEP = 0.05
_LOWEST = -8.0
_BINS = 800
_MOST_IN_TAIL = 10_000
_SMOOTH = 4
_PRIOR_SPREAD = 0.1
_BODY_OF_FEW = 200
_SINGLE = 512
_ONE, _MANY = np.ones(1), np.full(1, 1e9)


@dataclass(frozen=True, slots=True)
class CorePairs:
    """The pairs of cores that stand for all ``total`` of a gallery: the mean scores of a uniform share of them (``weight`` pairs each),
    in standard units, counted in bins; those in the upper tail one by one.

    ``a``, ``b`` int64 (m,), folders; ``score`` float64 (m,), the mean score between their cores; ``weights`` (m,).
    """

    total: float
    bins: Float64Array
    a: Int64Array
    b: Int64Array
    score: Float64Array
    weights: Float64Array


@dataclass(frozen=True, slots=True)
class Strangers:
    """The distribution of the mean score between sets of faces of two persons: ``mean``, ``spread``, and in standard units the
    ``body`` (density in bins of 0.05 from -8 on) up to the ``tail``."""

    mean: float
    spread: Spread
    body: Float64Array
    tail: Tail

    def deviation(self, a: NDArray[np.number], b: NDArray[np.number]) -> Float64Array:
        """The standard deviation for sets of ``a`` and ``b`` faces."""
        return np.asarray(np.sqrt(self.spread.variance(a, b)))

    def density(self, score: NDArray[np.floating], a: NDArray[np.number], b: NDArray[np.number]) -> Float64Array:
        """The density of a mean ``score`` between ``a`` and ``b`` faces of any two persons."""
        deviation = self.deviation(a, b)
        return np.asarray(self.standard((score - self.mean) / deviation) / deviation)

    def known(
        self,
        score: NDArray[np.floating],
        between: NDArray[np.floating],
        a: NDArray[np.number],
        b: NDArray[np.number],
    ) -> Float64Array:
        """The density of the mean ``score`` of one face of person p to ``b`` faces of person q, where the core of p, ``a`` faces,
        scores ``between`` with that of q.

        The best linear prediction under the same components: the mean score of the two persons is pulled towards the mean of
        all by persons / variance, and what is left of its variance joins that of the face.
        """
        seen = self.spread.variance(a, b)
        trust = self.spread.persons / seen
        expected = self.mean + trust * (between - self.mean)
        rest = self.spread.persons * (1 - trust) + self.spread.faces * (1 + 1.0 / np.maximum(b, 1))
        rest = rest + self.spread.pairs / np.maximum(b, 1)
        deviation = np.sqrt(np.maximum(rest, self.spread.variance(_ONE, _MANY) * 0.01))
        return np.asarray(self.standard((score - expected) / deviation) / deviation)

    def standard(self, z: Float64Array) -> Float64Array:
        """The density in standard units."""
        at = np.clip((z - _LOWEST) / _STEP - 0.5, 0, len(self.body) - 1.001)
        low = at.astype(np.int64)
        inside = self.body[low] + (at - low) * (self.body[low + 1] - self.body[low])
        return np.where(z >= self.tail.start, self.tail.density(z), inside)


def compare(who: Persons, faces: Float32Array, home: Int64Array) -> tuple[float, Spread, CorePairs]:
    """Score the cores with each other: the mean and the components, and the pairs in standard units.

    ``faces`` float32 (f, d), a few hundred vectors of the cores of ``home`` (f,), tell what single faces add to the variance, which
    folders of one size would not.

    Up to ten million pairs are all looked at; of more, those of evenly spread cores with every other.
    """
    met = _Met(who)
    if met.pairs < 3:
        return 0.0, Spread(_PRIOR_SPREAD**2, 0.0, 0.0), CorePairs(met.total, np.zeros(_BODY_OF_FEW), *_none())
    mean = sum(float(score.sum()) for _, _, score in met) / met.pairs
    single = _single_faces(who, faces, home, met.filled)
    spread = fit_spread(*_cells(who, mean, met, single))

    def standard(a: Int64Array, b: Int64Array, score: Float64Array) -> Float64Array:
        return np.asarray((score - mean) / np.sqrt(spread.variance(who.faces[a], who.faces[b])))

    bins = np.zeros(_BINS, np.int64)
    for part in met:
        bins += np.bincount(
            np.clip((standard(*part) - _LOWEST) / _STEP, 0, _BINS - 1).astype(np.int64), minlength=_BINS
        )
    wanted_in_tail = min(_MOST_IN_TAIL, max(met.pairs // 100, min(200, met.pairs // 10)))
    above = np.cumsum(bins[::-1])[::-1]
    start_bin = max(int(np.searchsorted(-above, -wanted_in_tail)), int(-_LOWEST / _STEP) + 1)
    upper = []
    for part in met:
        high = np.flatnonzero(standard(*part) >= _LOWEST + start_bin * _STEP)
        upper.append([column[high] for column in part])
    a, b, score = (np.concatenate(columns) for columns in zip(*upper, strict=True))
    weight = met.total / met.pairs
    body = np.asarray(bins[:start_bin] * weight, np.float64)
    return mean, spread, CorePairs(met.total, body, a, b, score, np.full(len(score), weight))


class _Met:
    """The ``pairs`` of cores that are looked at, of ``total``: every iteration gives them in parts that stay in the cache, folders int64
    and their mean score float64 (m,). Many are scored again each time: held, they would take gigabytes."""

    def __init__(self, who: Persons) -> None:
        self._centres = who.centres
        self.filled = filled = np.flatnonzero(who.faces > 0)
        count = len(filled)
        self.total = count * (count - 1) / 2
        taken = count if self.total <= _PAIRS else max(2, int(2 * _PAIRS / count))
        chosen = np.linspace(0, count - 1, taken).astype(np.int64) if taken < count else np.arange(count)
        self._rows = filled[chosen]
        # Each pair once: of two chosen cores the first one looks.
        self._place = np.full(count, count, np.int64)
        self._place[chosen] = np.arange(taken)
        self.pairs = taken * count - taken * (taken + 1) // 2
        self._held: list[tuple[Int64Array, Int64Array, Float64Array]] = []

    def __iter__(self) -> Iterator[tuple[Int64Array, Int64Array, Float64Array]]:
        if self._held:
            yield from self._held
            return
        count, few = len(self.filled), self.pairs <= 2 * _SCORES
        step = max(1, _SCORES // max(count, 1))
        held = []
        for first in range(0, len(self._rows), step):
            mine = self._rows[first : first + step]
            later = self._place[None, :] > np.arange(first, first + len(mine))[:, None]
            at, other = np.divmod(np.flatnonzero(later.ravel()), count)
            score = (self._centres[mine] @ self._centres[self.filled].T)[at, other].astype(np.float64)
            part = mine[at], self.filled[other], score
            if few:
                held.append(part)
            yield part
        self._held = held


def _single_faces(
    who: Persons, faces: Float32Array, home: Int64Array, filled: Int64Array
) -> list[tuple[Int64Array, Float64Array]]:
    """Scores of single faces with foreign faces, and with foreign cores, each with the number of faces at the other end."""
    cores = filled[np.linspace(0, len(filled) - 1, min(len(filled), _SINGLE)).astype(np.int64)]
    apart, strange = home[:, None] < home[None, :], home[:, None] != cores[None, :]
    between, to_core = (faces @ faces.T)[apart], (faces @ who.centres[cores].T)[strange]
    size = np.broadcast_to(who.faces[cores][None, :], strange.shape)[strange]
    return [
        (np.ones(len(between), np.int64), between.astype(np.float64)),
        (size, to_core.astype(np.float64)),
    ]


def _cells(
    who: Persons, mean: float, met: _Met, single: list[tuple[Int64Array, Float64Array]]
) -> tuple[Float64Array, Float64Array, Float64Array, Float64Array]:
    """Variances by sizes, as `fit_spread` takes them: of core pairs, and of single faces, which count as much as those do."""
    found = [_by_size(((who.faces[a], who.faces[b], score - mean) for a, b, score in met), 1.0)]
    for size, values in single:
        if len(values):
            found.append(_by_size([(np.ones(len(size), np.int64), size, values - mean)], met.pairs / len(values)))
    variance, alone, product, weight = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return variance, alone, product, weight


def _by_size(parts: Iterable[tuple[Int64Array, Int64Array, Float64Array]], weight: float) -> tuple[Float64Array, ...]:
    """Variance, 1 / n_a + 1 / n_b, 1 / (n_a n_b) and weight by size, of ``parts``: sizes of both sets and the distance from the mean."""
    kinds = len(_EDGES) + 1
    sums = np.zeros((4, kinds * kinds))
    for a, b, away in parts:
        cell = np.searchsorted(_EDGES, a, side="right") * kinds + np.searchsorted(_EDGES, b, side="right")
        one, other = 1.0 / a, 1.0 / b
        columns = (None, away**2, one + other, one * other)
        sums += [np.bincount(cell, column, minlength=kinds * kinds) for column in columns]
    there = sums[0] > 0
    each, *rest = sums[:, there]
    return (*(column / each for column in rest), each * weight)


def strangers(mean: float, spread: Spread, pairs: CorePairs, z: Float64Array, chance: Float64Array) -> Strangers:
    """The distribution, where each pair of the tail, at ``z`` (m,), is one of strangers with the probability ``chance`` (m,);
    with a normal tail where both are empty."""
    weights = pairs.weights * chance if len(chance) else np.empty(0)
    total = max(pairs.total, 1.0)
    start = _LOWEST + len(pairs.bins) * _STEP
    share = float(weights.sum()) / total
    if not len(weights):
        share = 1.0 - NormalDist().cdf(start)
    tail = fit_tail(start, max(share, 0.5 / total), z, weights)
    body = pairs.bins
    density = body / (total * _STEP)
    middle = _LOWEST + (np.arange(len(body)) + 0.5) * _STEP
    # A few hundred pairs do not fill the bins: a normal density counts as much as ten pairs would.
    normal = np.exp(-(middle**2) / 2) / np.sqrt(2 * np.pi)
    kernel = np.exp(-0.5 * (np.arange(-3 * _SMOOTH, 3 * _SMOOTH + 1) / _SMOOTH) ** 2)
    reach = 3 * _SMOOTH
    padded = np.r_[np.zeros(reach), density, np.full(reach, tail.density(np.array([start]))[0])]
    smooth = np.convolve(padded, kernel / kernel.sum(), "valid")
    return Strangers(mean, spread, (smooth * total + normal * 10) / (total + 10), tail)


def _none() -> tuple[Int64Array, Int64Array, Float64Array, Float64Array]:
    return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0), np.empty(0)
