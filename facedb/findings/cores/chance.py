"""Chance: how alike strangers come to be in this gallery, and where more than that begins."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from facedb.core.records import Float32Array, Float64Array, Int32Array
from facedb.findings.cores.folders import Folders, evenly_spread
from facedb.findings.cores.persons import Persons

_SAMPLE = 512
_UNKNOWN = 0.5
"""The assumed reach of chance where there are fewer than three cores or faces to measure it on: chosen by hand."""
_LEAST_HOME, _MOST_HOME = 0.45, 0.7
"""A face is at home from somewhere between these on, whatever chance does: chosen by hand."""


@dataclass(frozen=True, slots=True)
class Chance:
    """What chance does on this data, from samples whose upper tails (where the mistakes are) are not looked at.

    ``cores``: the sameness that the likest of all pairs of cores would have, were they normal; ``face``: the same for one
    face against all foreign cores.
    """

    cores: float
    face: float


@dataclass(frozen=True, slots=True)
class Rules:
    """Where chance ends: from a sameness of ``home`` on a face is at home in a core, from ``alike`` on two cores are closer than chance
    brings any two."""

    home: float
    alike: float

    @classmethod
    def of(cls, chance: Chance) -> Rules:
        """The borders that follow from what chance does on this data."""
        return cls(home=min(max(chance.face, _LEAST_HOME), _MOST_HOME), alike=chance.cores)


def measure_chance(
    vectors: Float32Array, parts: Folders, who: Persons, own_mean: Float32Array, group: Int32Array
) -> Chance:
    """Measure `Chance` from at most 512 faces and 512 cores, evenly spread.

    ``vectors`` float32 (n, d); ``own_mean`` float32 and ``group`` int32 (n,) are as in `Peeled`.
    """
    filled = np.flatnonzero(who.faces > 0)
    if len(filled) < 3:
        return Chance(_UNKNOWN, _UNKNOWN)
    cores = evenly_spread(filled, _SAMPLE)
    between = who.sameness(
        who.centres[cores] @ who.centres[cores].T, who.cohesion[cores][:, None], who.cohesion[cores][None, :]
    )
    count = len(filled)
    likest = _extreme(between[cores[:, None] != cores[None, :]], count * (count - 1) / 2)
    rows = evenly_spread(parts.order[((group == 0) & ~np.isnan(own_mean))[parts.order]], _SAMPLE)
    if len(rows) < 3:
        return Chance(likest, _UNKNOWN)
    home = parts.folder_of[rows]
    foreign = who.sameness(
        vectors[rows] @ who.centres[cores].T, who.cohesion[cores][None, :], who.cohesion[cores][None, :]
    )
    return Chance(likest, _extreme(foreign[home[:, None] != cores[None, :]], count))


def _extreme(values: Float64Array, draws: float) -> float:
    """The largest of ``draws`` normal draws with the median of ``values`` and a spread read off at the quantile 0.16."""
    if not len(values):
        return _UNKNOWN
    side, middle = (float(v) for v in np.quantile(values, [0.16, 0.5]))
    return middle + NormalDist().inv_cdf(1.0 - 1.0 / max(draws, 10.0)) * (middle - side)
