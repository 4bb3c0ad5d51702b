"""Spread: how the variance of a mean score between two sets of faces falls with their sizes."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from facedb.core.records import Float64Array

_FLOOR = 1e-6


@dataclass(frozen=True, slots=True)
class Spread:
    """Variance components: ``persons`` stays however many faces there are, ``faces`` falls with the faces of either set,
    ``pairs`` with their product.

    The crossed random-effects model of a table of scores (Searle, Casella and McCulloch 1992, chapter 5): the mean over n_a x n_b
    scores has the variance persons + faces (1 / n_a + 1 / n_b) + pairs / (n_a n_b).
    """

    persons: float
    faces: float
    pairs: float

    def variance(self, a: NDArray[np.number], b: NDArray[np.number]) -> Float64Array:
        """The variance for sets of ``a`` and ``b`` faces."""
        one, other = 1.0 / np.maximum(a, 1), 1.0 / np.maximum(b, 1)
        found = self.persons + self.faces * (one + other) + self.pairs * one * other
        return np.asarray(np.maximum(found, _FLOOR), np.float64)


def fit_spread(variance: Float64Array, alone: Float64Array, product: Float64Array, weight: Float64Array) -> Spread:
    """Least squares without negative components, from observed ``variance`` (m,) where 1 / n_a + 1 / n_b is ``alone`` (m,) and
    1 / (n_a n_b) is ``product`` (m,)."""
    design = np.stack([np.ones_like(alone), alone, product], axis=1) * np.sqrt(weight)[:, None]
    wanted = variance * np.sqrt(weight)
    best, least = np.array([float(np.average(variance, weights=weight)), 0.0, 0.0]), np.inf
    # Three components: every choice of those that are not zero is tried.
    for count in (1, 2, 3):
        for chosen in combinations(range(3), count):
            found, _, rank, _ = np.linalg.lstsq(design[:, chosen], wanted, rcond=None)
            if rank < count or (found < 0).any():
                continue
            left = float(((design[:, chosen] @ found - wanted) ** 2).sum())
            # A component more must earn its place, or sets of one size would leave it to rounding which one is taken.
            if left < least * 0.999 - 1e-15:
                best, least = np.zeros(3), left
                best[list(chosen)] = found
    return Spread(*(float(v) for v in best))
