"""Spread: how the variance of a mean score between two sets of faces falls with their sizes."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from facedb.core.records import Float64Array

_FLOOR = 1e-6
_USUAL = 0.1**2
_USUAL_PAIRS = 60.0
"""The variance of the score between two strangers before any pair was seen, and as how many pairs it counts (lfw_dev 0.0083, ORL 0.0125
with mobileface_v2_mit; models with more dimensions lie below)."""
_ALIKE_AS = 100.0
"""Expected components agreed with measured ones to within 15 % (`expected_spread`), as well as a hundred pairs would tell them."""


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


def expected_spread(genuine: float) -> Spread:
    """The components of strangers' scores, as shares of the variance between two single faces, where faces of one person score
    ``genuine`` with each other, 0 to 1, on the way from the mean of strangers to 1.

    A face is sqrt(g) times what is its person's and sqrt(1 - g) times what is its own, both in directions of chance, so the product of two
    faces has the variances g^2, g (1 - g) for either face, and (1 - g)^2. Measured on lfw_dev (g = 0.6, mobileface_v2_mit): 0.41, 0.23 and
    0.13 of the whole, expected 0.36, 0.24 and 0.16; on ORL (g = 0.8): 0.69, 0.14 and 0.03, expected 0.64, 0.16 and 0.04.
    """
    g = min(max(genuine, 0.0), 1.0)
    return Spread(g * g, g * (1 - g), (1 - g) ** 2)


def fit_expected(
    variance: Float64Array, alone: Float64Array, product: Float64Array, weight: Float64Array, genuine: float
) -> Spread:
    """`fit_spread`, where a hundred pairs each of single faces with single faces, of these with many, and of many with many, as
    `expected_spread` has them, count beside what was observed: the sizes of a few folders would leave a component to chance."""
    shape = expected_spread(genuine)
    usual = shape.persons + shape.faces * alone + shape.pairs * product
    whole = float((weight @ variance + _USUAL_PAIRS * _USUAL) / (weight @ usual + _USUAL_PAIRS))
    ends = np.array([[2.0, 1.0], [1.0, 0.0], [0.0, 0.0]])
    prior = whole * (shape.persons + ends @ np.array([shape.faces, shape.pairs]))
    return fit_spread(
        np.r_[variance, prior],
        np.r_[alone, ends[:, 0]],
        np.r_[product, ends[:, 1]],
        np.r_[weight, np.full(3, _ALIKE_AS)],
    )


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
            # One more component must earn its place, or with sets of one size rounding would decide which one is taken.
            if left < least * 0.999 - 1e-15:
                best, least = np.zeros(3), left
                best[list(chosen)] = found
    return Spread(*(float(v) for v in best))
