"""Tails: what lies beyond the scores that a gallery has, from those at its upper end."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facedb.core.records import Float64Array

_RATIOS: Float64Array = np.r_[0.0, np.logspace(-3, 3, 241)]
_LEAST = 1e-300


@dataclass(frozen=True, slots=True)
class Tail:
    """The part ``share`` of a distribution above ``start``, whose hazard is ``rate`` (1 + ``bend`` (x - start)).

    The hazard never falls: a tail between the exponential one (bend 0) and those that end like the normal one, whose
    hazard grows linearly. Scores of unlike faces, means of many products, lie between the two.
    """

    start: float
    share: float
    rate: float
    bend: float

    def survival(self, x: Float64Array) -> Float64Array:
        """The share at or above each of ``x`` (at or above ``start``)."""
        t = np.maximum(x - self.start, 0.0)
        return np.asarray(self.share * np.exp(-self.rate * (t + self.bend * t * t / 2)))

    def density(self, x: Float64Array) -> Float64Array:
        """The density at each of ``x`` (at or above ``start``)."""
        t = np.maximum(x - self.start, 0.0)
        return np.asarray(np.maximum(self.survival(x) * self.rate * (1 + self.bend * t), _LEAST))


def fit_tail(start: float, share: float, values: Float64Array, weights: Float64Array) -> Tail:
    """The tail of greatest likelihood for ``values`` (m,) at or above ``start`` that count ``weights`` (m,) times.

    The linear hazard model (Bain 1974, Technometrics 16). For a given bend the rate has a closed form,
    sum w / sum w (t + bend t^2 / 2), so one search along the bend is all. Without values the tail is that of a standard
    normal score at ``start``.
    """
    t = np.maximum(values - start, 0.0)
    total = float(weights.sum())
    if total <= 0 or not (t > 0).any():
        return Tail(start, share, max(start, 1.0), 1.0 / max(start, 1.0) ** 2)
    first, second = float((weights * t).sum()), float((weights * t * t).sum())
    scale = first / total
    bends = _RATIOS / scale
    rates = total / (first + bends * second / 2)
    bent = np.array([float((weights * np.log1p(bend * t)).sum()) for bend in bends])
    best = int(np.argmax(total * np.log(rates) + bent))
    return Tail(start, share, float(rates[best]), float(bends[best]))
