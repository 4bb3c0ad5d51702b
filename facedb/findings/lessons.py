"""Lessons: what the verdicts of people teach about the confidences of a class of findings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from facedb.core.finding import SUREST
from facedb.core.records import Float64Array

BASE: Final = 0.7
STEEPNESS: Final = 0.4
"""The standard deviations of the base, and of the logarithm of the slope, before anybody said anything: assumptions, not measured."""
PATIENCE: Final = 6
"""The k-th answer weighs k / (k + PATIENCE): the first ones come from one end of the list and from somebody who is getting used to it,
so a few in a row must not count as so many independent ones. An assumption, not measured."""
SLIPS: Final = 0.02
"""The share of answers that are slips: an assumption, not measured. Without it one denial of what is said to be wrong once
in ten thousand would weigh more than dozens of agreements."""
_LEAST: Final = 1.0 - SUREST
_BASES: Final = np.linspace(-5.0, 5.0, 101)[:, None]
# As far down as up, or a word that bears the scan out would lower what it speaks for.
_STEEP: Final = np.linspace(-2.0, 2.0, 81)[None, :]


@dataclass(frozen=True, slots=True)
class Lesson:
    """The log odds of a finding are ``base`` + ``slope`` times those that the scan gave it; ``answers`` findings were decided, and
    ``agreed`` of them found true."""

    base: float
    slope: float
    answers: int
    agreed: int

    def confidence(self, told: NDArray[np.floating]) -> Float64Array:
        """The confidences (m,) that follow from those ``told`` (m,) by a scan; they keep its order, as the slope is above 0."""
        return np.asarray(np.clip(1.0 / (1.0 + np.exp(-(self.base + self.slope * _log_odds(told)))), _LEAST, SUREST))


def lesson(told: ArrayLike, true: ArrayLike) -> Lesson:
    """What findings of one class teach that had the confidences ``told`` (m,), m > 0, and were found ``true`` (m,) or not, in the order
    in which people said so.

    Logistic recalibration, logit p' = base + slope logit p (Cox 1958, Biometrika 45; Platt 1999, Advances in Large Margin Classifiers),
    with the means a posteriori of base and log(slope), taken over a grid, where

        base ~ N(0, BASE^2),   log(slope) ~ N(0, STEEPNESS^2),   P(found true) = SLIPS + (1 - 2 SLIPS) p',

    and the logarithm of the k-th answer's likelihood counts k / (k + PATIENCE) times. Answers that bear the scan out change next to
    nothing, a few that do not change little, and after some dozens the answers decide. The slope is positive, so more evidence is still
    more confidence.
    """
    odds, said = _log_odds(told), np.asarray(true, bool)
    likelihood = -((_BASES / BASE) ** 2 + (_STEEP / STEEPNESS) ** 2) / 2
    turn = np.arange(1, len(odds) + 1)
    values, alike = np.unique(np.stack([odds, said]), axis=1, return_inverse=True)
    counts = np.bincount(alike.ravel(), turn / (turn + PATIENCE))
    for (value, yes), count in zip(values.T.tolist(), counts.tolist(), strict=True):
        seen = SLIPS + (1.0 - 2.0 * SLIPS) / (1.0 + np.exp(-(_BASES + np.exp(_STEEP) * value)))
        likelihood = likelihood + count * np.log(seen if yes else 1.0 - seen)
    weight = np.exp(likelihood - likelihood.max())
    weight /= weight.sum()
    return Lesson(float((weight * _BASES).sum()), float(np.exp((weight * _STEEP).sum())), len(odds), int(said.sum()))


def _log_odds(told: ArrayLike) -> Float64Array:
    p = np.clip(np.asarray(told, np.float64), _LEAST, SUREST)
    return np.asarray(np.log(p / (1.0 - p)))
