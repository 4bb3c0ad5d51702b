"""Strangers: what chance makes of two persons, from the scores between all the cores of a gallery."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from facedb.core.records import Float64Array
from facedb.findings.odds.core_pairs import LOWEST, STEP, CorePairs
from facedb.findings.odds.spread import Spread
from facedb.findings.odds.tail import Expected, Tail, fit_tail

_SMOOTH = 4
_NORMAL_PAIRS = 10.0
"""A normal density counts as this many pairs beside those that were looked at (`strangers`): an assumption, not measured."""
_ONE, _MANY = np.ones(1), np.full(1, 1e9)


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

    def survival(self, score: Float64Array, a: NDArray[np.number], b: NDArray[np.number]) -> Float64Array:
        """The share of pairs of sets of ``a`` and ``b`` faces of two persons whose mean score reaches ``score`` (m,)."""
        z = (score - self.mean) / self.deviation(a, b)
        beyond = self.tail.share + np.r_[np.cumsum(self.body[::-1])[::-1], 0.0] * STEP
        edges = LOWEST + np.arange(len(self.body) + 1) * STEP
        inside = np.interp(z, edges, np.minimum(beyond, 1.0))
        return np.where(z >= self.tail.start, self.tail.survival(z), inside)

    def known(
        self,
        score: NDArray[np.floating],
        between: NDArray[np.floating],
        a: NDArray[np.number],
        b: NDArray[np.number],
        likeness: NDArray[np.floating],
        size: NDArray[np.number] = _ONE,
    ) -> Float64Array:
        """The density of the mean ``score`` of ``size`` faces of person p to ``b`` faces of person q, where the core of p, ``a`` faces,
        scores ``between`` with that of q; ``likeness`` is the sameness of the faces to their own person, 0 to 1.

        The best linear prediction under the same components: the mean score of the two persons is pulled towards the mean of
        all by persons / variance, and what is left of its variance joins that of the face. A face that shows little of its person shows
        as little of who that person looks like: of one that shows nothing it is the density of strangers.
        """
        shown = np.clip(likeness, 0.0, 1.0)
        trust = self.spread.persons / self.spread.variance(a, b)
        expected = self.mean + shown * trust * (between - self.mean)
        rest = self.spread.variance(size, b) - self.spread.persons * shown**2 * trust
        deviation = np.sqrt(np.maximum(rest, self.spread.variance(_ONE, _MANY) * 0.01))
        return np.asarray(self.standard((score - expected) / deviation) / deviation)

    def standard(self, z: Float64Array) -> Float64Array:
        """The density in standard units."""
        at = np.clip((z - LOWEST) / STEP - 0.5, 0, len(self.body) - 1.001)
        low = at.astype(np.int64)
        inside = self.body[low] + (at - low) * (self.body[low + 1] - self.body[low])
        return np.where(z >= self.tail.start, self.tail.density(z), inside)


def strangers(mean: float, spread: Spread, pairs: CorePairs, z: Float64Array, chance: Float64Array) -> Strangers:
    """The distribution, where each pair of the tail, at ``z`` (m,), is one of strangers with the probability ``chance`` (m,);
    with a normal tail where both are empty."""
    weights = pairs.weights * chance if len(chance) else np.empty(0)
    total = max(pairs.total, 1.0)
    start = LOWEST + len(pairs.bins) * STEP
    # A few hundred pairs fill neither the bins nor the tail: a normal density counts as much as ten pairs would.
    seen, normal_share = float(pairs.total if len(weights) else 0.0), 1.0 - NormalDist().cdf(start)
    share = (float(weights.sum()) + _NORMAL_PAIRS * normal_share) / (seen + _NORMAL_PAIRS)
    tail = fit_tail(start, max(share, 0.5 / total), z, weights, expected=_usual_tail(start))
    body = pairs.bins
    density = body / (total * STEP)
    middle = LOWEST + (np.arange(len(body)) + 0.5) * STEP
    normal = np.exp(-(middle**2) / 2) / np.sqrt(2 * np.pi)
    kernel = np.exp(-0.5 * (np.arange(-3 * _SMOOTH, 3 * _SMOOTH + 1) / _SMOOTH) ** 2)
    reach = 3 * _SMOOTH
    padded = np.r_[np.zeros(reach), density, np.full(reach, tail.density(np.array([start]))[0])]
    smooth = np.convolve(padded, kernel / kernel.sum(), "valid")
    return Strangers(mean, spread, (smooth * total + normal * _NORMAL_PAIRS) / (total + _NORMAL_PAIRS), tail)


def _usual_tail(start: float) -> Expected:
    """A normal tail with eight tenths of its hazard, growing two thirds as fast: what lfw_dev (0.76 and 0.46 at 1.2) and ORL (0.83 and
    0.98 at 1.4) have; an assumption for any other gallery, so it counts as ten values."""
    normal = NormalDist()
    hazard = normal.pdf(start) / max(1.0 - normal.cdf(start), 1e-300)
    return Expected(0.8 * hazard, max(hazard - start, 1e-3) * 2 / 3, weight=10.0, doubt=0.7)
