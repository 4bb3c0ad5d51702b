"""Mates: how alike two sets of faces of one person are, from the folders of the gallery taken in two."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from math import gamma, log, pi, sqrt

import numpy as np
from numpy.typing import NDArray

from facedb.core.records import Float32Array, Float64Array, Int32Array
from facedb.findings.cores.folders import Folders, evenly_spread
from facedb.findings.cores.persons import Persons
from facedb.findings.odds.spread import Spread, fit_spread

_SIZES = (1, 2, 3, 6, 12)
_FOLDERS = 1000
_FACES = 48
_DRAWS = 4
_STEPS = 16
_SIDES = {2.0: 1.3213, 2.5: 1.2443, 3.0: 1.1969, 4.0: 1.1416, 6.0: 1.0911, 10.0: 1.0526}
"""Where Student's t with this many degrees of freedom has the quantile 0.84134, as the normal one has at 1."""
FREEDOM = 4.0
"""How heavy the tails are before any face was seen; what the faces say is weighed against a doubt of half a unit of its logarithm."""
_FREEDOM_DOUBT = 0.5
_CLEAR = 0.5
"""Below this sameness a face may be another person's, so nothing is learnt there about those that are at home."""
_GRID = 2001
_PRIOR_FOLDERS = 3.0
_PRIOR_SIDE = 0.3
_SHIFT = 0.05
"""Two folders of one person are seldom as alike as two halves of one folder, which share occasions: an assumption, not measured."""
_LOW, _HIGH = 0.158655, 0.841345


@dataclass(frozen=True, slots=True)
class Mates:
    """The distribution of the sameness of two sets of faces of one person: ``middle``, and the spread ``below`` and ``above`` it.

    On either side a Student distribution with ``freedom`` degrees of freedom: heavier than the normal one, since bad photos are.
    ``folders`` tells how many persons it rests on.
    """

    middle: float
    below: Spread
    above: Spread
    folders: int
    freedom: float = FREEDOM

    def density(self, sameness: NDArray[np.floating], a: NDArray[np.number], b: NDArray[np.number]) -> Float64Array:
        """The density (per unit of sameness) for sets of ``a`` and ``b`` faces."""
        return self._around(self.middle, np.asarray(sameness, np.float64), *self._sides(a, b))

    def relatives(self, sameness: NDArray[np.floating], a: NDArray[np.number], b: NDArray[np.number]) -> Float64Array:
        """The same for relatives: two persons whose true sameness lies anywhere below that of one person, the closer the seldomer.

        A triangular density that ends at ``middle``, seen through the spread that sets of this size have.
        """
        low, high = self._sides(a, b)
        wide = np.asarray(sameness, np.float64)
        shares = (np.arange(_STEPS) + 0.5) / _STEPS
        weights = (1 - shares) / (1 - shares).sum()
        seen = (w * self._around(self.middle * s, wide, low, high) for s, w in zip(shares, weights, strict=True))
        return np.asarray(sum(seen))

    def most(self, a: NDArray[np.number], b: NDArray[np.number]) -> Float64Array:
        """The sameness from which on more of it is no further sign of one person."""
        return self.middle + self._sides(a, b)[1]

    def _sides(self, a: NDArray[np.number], b: NDArray[np.number]) -> tuple[Float64Array, Float64Array]:
        return np.sqrt(self.below.variance(a, b)), np.sqrt(self.above.variance(a, b))

    def _around(self, middle: float, sameness: Float64Array, low: Float64Array, high: Float64Array) -> Float64Array:
        away = sameness - middle
        side = np.where(away < 0, low, high)
        return np.asarray(_student(away / side, self.freedom) * 2 / (low + high))


def _student(away: Float64Array, freedom: float) -> Float64Array:
    """The density of Student's t where it is as wide as a standard normal one, between the quantiles 0.16 and 0.84."""
    side = _SIDES[freedom]
    middle = gamma((freedom + 1) / 2) / (sqrt(freedom * pi) * gamma(freedom / 2))
    return np.asarray(middle * side * (1 + (away * side) ** 2 / freedom) ** (-(freedom + 1) / 2))


def mates_of_cores(vectors: Float32Array, parts: Folders, who: Persons, group: Int32Array) -> Mates:
    """Sets out of one core, the rows whose ``group`` (n,) is 0, drawn at random: every folder counts once for each pair of sizes.

    Of at most 1,000 folders, evenly spread, with 48 faces at most.
    """
    several = evenly_spread(np.flatnonzero(who.faces >= 2), _FOLDERS)
    found: dict[tuple[int, int], list[tuple[float, float, float, float]]] = {}
    rng = np.random.default_rng(0)
    for k in several.tolist():
        rows = parts.rows(k)
        rows = evenly_spread(rows[group[rows] == 0], _FACES)
        scores = (vectors[rows] @ vectors[rows].T).astype(np.float64)
        draws = 1 if len(rows) == 2 else _DRAWS
        for _ in range(draws):
            turn = rng.permutation(len(rows))
            sums = np.zeros((len(rows) + 1, len(rows) + 1))
            sums[1:, 1:] = scores[turn][:, turn].cumsum(axis=0).cumsum(axis=1)
            for i, a in enumerate(_SIZES):
                for b in _SIZES[i:]:
                    if a + b > len(rows):
                        break
                    found.setdefault((a, b), []).append((*_halves(sums, a, b), 1.0 / draws))
    halves = _fit({key: _sameness(who, *key, np.array(values)) for key, values in found.items()}, len(several))
    return replace(halves, below=replace(halves.below, persons=halves.below.persons + _SHIFT**2))


def mates_of_faces(who: Persons, parts: Folders, own_mean: Float32Array, group: Int32Array) -> Mates:
    """One face against the rest of its core, by `peel`'s ``own_mean`` (n,); every folder counts once, but for the weight of the tail:
    how many faces are far from their own folder is asked of faces (`_heaviness`)."""
    rows = np.flatnonzero((group == 0) & ~np.isnan(own_mean))
    home = parts.folder_of[rows]
    rest = who.faces[home] - 1
    same = who.sameness(own_mean[rows], who.cohesion[home], who.cohesion[home])
    weight = 1.0 / np.maximum(rest + 1, 1)
    found: dict[tuple[int, int], Float64Array] = {}
    edges = (*_SIZES, np.inf)
    for low, high in pairwise(edges):
        inside = (rest >= low) & (rest < high)
        if inside.any():
            found[1, round(float(np.average(rest[inside], weights=weight[inside])))] = np.stack(
                [same[inside], weight[inside]], axis=1
            )
    found_mates = _fit(found, len(np.unique(home)))
    beside = np.flatnonzero((group != 0) & ~np.isnan(own_mean) & (who.faces[parts.folder_of] >= 2))
    far = who.sameness(own_mean[beside], who.cohesion[parts.folder_of[beside]], who.cohesion[parts.folder_of[beside]])
    others = np.r_[rest, who.faces[parts.folder_of[beside]]]
    return replace(found_mates, freedom=_heaviness(found_mates, np.r_[same, far], others))


def _heaviness(mates: Mates, sameness: Float64Array, rest: NDArray[np.integer]) -> float:
    """The degrees of freedom of the lower side: of greatest likelihood for the faces below the middle, at ``sameness`` (m,) to the
    ``rest`` (m,) of their folder, that are too much alike to be anybody else (a truncated sample), with a prior about FREEDOM."""
    seen = (sameness < mates.middle) & (sameness >= _CLEAR) & (rest > 0)
    side = np.sqrt(mates.below.variance(np.ones(1), rest[seen]))
    away, reach = (mates.middle - sameness[seen]) / side, (mates.middle - _CLEAR) / side
    best, most = FREEDOM, -np.inf
    for freedom in _SIDES:
        grid = np.linspace(0.0, float(reach.max(initial=1.0)), _GRID)
        density = _student(grid, freedom)
        below = np.r_[0.0, np.cumsum((density[1:] + density[:-1]) / 2 * np.diff(grid))]
        likelihood = np.log(_student(away, freedom)) - np.log(np.maximum(np.interp(reach, grid, below), 1e-12))
        posterior = float(likelihood.sum()) - (log(freedom / FREEDOM) / _FREEDOM_DOUBT) ** 2 / 2
        if posterior > most:
            best, most = freedom, posterior
    return best


def _halves(sums: Float64Array, a: int, b: int) -> tuple[float, float, float]:
    """The mean score between the first ``a`` and the next ``b`` faces and those inside the two sets (NaN for one face), from the sums of
    their scores over all leading blocks."""
    between = (sums[a, a + b] - sums[a, a]) / (a * b)
    own_a = (sums[a, a] - a) / (a * (a - 1)) if a > 1 else np.nan
    other = sums[a + b, a + b] - sums[a, a + b] - sums[a + b, a] + sums[a, a]
    own_b = (other - b) / (b * (b - 1)) if b > 1 else np.nan
    return between, own_a, own_b


def _sameness(who: Persons, a: int, b: int, halves: Float64Array) -> Float64Array:
    """Sameness and weight (m, 2) of pairs of sets of ``a`` and ``b`` faces, from `_halves` and a weight (m, 4)."""
    between, own_a, own_b, weight = halves.T
    same = who.sameness(between, who.shrunk(own_a, np.array(a)), who.shrunk(own_b, np.array(b)))
    return np.stack([same, weight], axis=1)


def _fit(found: dict[tuple[int, int], Float64Array], folders: int) -> Mates:
    """Middle and sides by weighted quantiles, so that the label noise left in the folders moves them little."""
    sizes, low, high, weights, middles = [], [], [], [], []
    for (a, b), values in sorted(found.items()):
        order = np.argsort(values[:, 0])
        value, weight = values[order, 0], values[order, 1]
        place = (np.cumsum(weight) - weight / 2) / weight.sum()
        lower, middle, upper = np.interp([_LOW, 0.5, _HIGH], place, value)
        sizes.append((a, b))
        middles.append(middle)
        low.append((middle - lower) ** 2)
        high.append((upper - middle) ** 2)
        weights.append(weight.sum())
    # What is known before any folder was seen counts as three single photos with three others.
    sizes.append((1, 1))
    middles.append(1.0)
    low.append(_PRIOR_SIDE**2)
    high.append(_PRIOR_SIDE**2)
    weights.append(_PRIOR_FOLDERS)
    one = np.array([1.0 / a for a, _ in sizes])
    other = np.array([1.0 / b for _, b in sizes])
    weight = np.array(weights)
    below, above = (fit_spread(np.array(side), one + other, one * other, weight) for side in (low, high))
    return Mates(float(np.average(middles, weights=weight)), below, above, folders)
