"""Tails: what lies beyond the scores that a gallery has, from those at its upper end."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facedb.core.records import Float64Array

_RATIOS: Float64Array = np.r_[0.0, np.logspace(-3, 3, 241)]
_LEAST = 1e-300
_WITHIN = 1.92


@dataclass(frozen=True, slots=True)
class Tail:
    """The part ``share`` of a distribution above ``start``, whose hazard is ``rate`` (1 + ``bend`` (x - start)).

    The hazard never falls: a tail between the exponential one (bend 0) and those that end like the normal one, whose
    hazard grows linearly. Scores of unlike faces, means of many products, lie between the two.

    Where the rate was read off no more than ``seen`` values, what is to be expected of the next one is the mean over all rates that these
    leave open, (1 + rate (t + bend t^2 / 2) / seen)^-seen instead of exp(-rate (t + bend t^2 / 2)): the posterior predictive
    distribution under a gamma posterior (Lomax 1954, JASA 49; Gelman et al., Bayesian Data Analysis, 3rd ed., section 2.6).
    """

    start: float
    share: float
    rate: float
    bend: float
    seen: float = np.inf

    def survival(self, x: Float64Array) -> Float64Array:
        """The share at or above each of ``x`` (at or above ``start``)."""
        _, hazard = self._at(x)
        log = -hazard if np.isinf(self.seen) else -self.seen * np.log1p(hazard / self.seen)
        return np.asarray(self.share * np.exp(log))

    def density(self, x: Float64Array) -> Float64Array:
        """The density at each of ``x`` (at or above ``start``)."""
        t, hazard = self._at(x)
        falls = self.rate * (1 + self.bend * t) / (1 + hazard / self.seen)
        return np.asarray(np.maximum(self.survival(x) * falls, _LEAST))

    def _at(self, x: Float64Array) -> tuple[Float64Array, Float64Array]:
        """How far beyond the start each of ``x`` lies, and the hazard up to there."""
        t = np.maximum(x - self.start, 0.0)
        return t, np.asarray(self.rate * (t + self.bend * t * t / 2))


@dataclass(frozen=True, slots=True)
class Expected:
    """What a tail is expected to be before a value was seen: its ``rate`` counts as ``weight`` values, its ``bend`` lies within a factor
    of e^``doubt`` of this with two chances in three."""

    rate: float
    bend: float
    weight: float
    doubt: float


@dataclass(frozen=True, slots=True)
class Censored:
    """Values that are only known to lie above ``at``; they count ``weight`` times."""

    at: float
    weight: float


def fit_tail(
    start: float,
    share: float,
    values: Float64Array,
    weights: Float64Array,
    above: Censored | None = None,
    expected: Expected | None = None,
) -> Tail:
    """The tail of greatest likelihood for ``values`` (m,) at or above ``start`` that count ``weights`` (m,) times, and those ``above``.

    The linear hazard model (Bain 1974, Technometrics 16). For a given bend the rate has a closed form,
    sum w / sum w (t + bend t^2 / 2), where censored values have their part in the second sum only, so one search along the bend
    is all. Where it was ``expected`` to be something, the bend is the one of greatest posterior, and the rate counts as read off so many
    values as there are with those of what was expected. Without values and expectations the tail is that of a standard
    normal score at ``start``.
    """
    t = np.maximum(values - start, 0.0)
    if expected is None and (float(weights.sum()) <= 0 or not (t > 0).any()):
        return Tail(start, share, max(start, 1.0), 1.0 / max(start, 1.0) ** 2)
    bends, rates, likelihood = _profile(t, weights, start, above, expected)
    best = int(np.argmax(likelihood))
    seen = np.inf if expected is None else float(weights.sum()) + expected.weight
    return Tail(start, share, float(rates[best]), float(bends[best]), seen)


def tail_bounds(
    tail: Tail, values: Float64Array, weights: Float64Array, above: Censored, at: Float64Array
) -> tuple[Float64Array, Float64Array]:
    """How many times the survival of a fitted ``tail`` from the first of ``at`` to each of them may be too low, and too high (a
    factor above, one below 1): over all bends whose profile likelihood lies within 1.92 of the best (Wilks 1938)."""
    t = np.maximum(values - tail.start, 0.0)
    bends, rates, likelihood = _profile(t, weights, tail.start, above)
    near = likelihood >= likelihood.max() - _WITHIN
    curves = np.stack(
        [
            _onwards(Tail(tail.start, tail.share, float(r), float(b)), at)
            for b, r in zip(bends[near], rates[near], strict=True)
        ]
    )
    fitted = np.maximum(_onwards(tail, at), _LEAST)
    return np.maximum(curves.max(axis=0) / fitted, 1.0), np.minimum(curves.min(axis=0) / fitted, 1.0)


def _onwards(tail: Tail, at: Float64Array) -> Float64Array:
    survival = tail.survival(at)
    return np.asarray(survival / max(float(survival[0]), _LEAST))


def _profile(
    t: Float64Array, weights: Float64Array, start: float, above: Censored | None, expected: Expected | None = None
) -> tuple[Float64Array, Float64Array, Float64Array]:
    """The bends that are tried, the best rate for each, and the log likelihood of the two, or their posterior."""
    total, first, second = float(weights.sum()), float((weights * t).sum()), float((weights * t * t).sum())
    if above is not None:
        first += above.weight * (above.at - start)
        second += above.weight * (above.at - start) ** 2
    if expected is None:
        bends, prior = _RATIOS * total / max(first, _LEAST), np.zeros(len(_RATIOS))
    else:
        bends = expected.bend * _RATIOS[1:]
        prior = -0.5 * (np.log(_RATIOS[1:]) / expected.doubt) ** 2
        total, first = total + expected.weight, first + expected.weight / expected.rate
    rates = total / (first + bends * second / 2)
    bent = np.array([float((weights * np.log1p(bend * t)).sum()) for bend in bends])
    return bends, rates, np.asarray(total * np.log(rates) + bent + prior)
