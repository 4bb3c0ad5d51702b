"""Doubts: how likely the face that was taken from a photo of several people is not the one that its folder is about, and why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from facedb.core.records import Float64Array
from facedb.findings.confidence import confidence
from facedb.findings.cores.persons import Ends

SHARE_TELLS: Final = 0.1
"""How far two faces of a photo have to lie apart, on the way from impostor to genuine, for a unit of log odds: an assumption. Of 292 photos
of lfw_dev that chose by likeness the two best lay 0.2 to 1.2 apart."""
_EVEN: Final = 0.5
"""The doubt where two pieces of evidence contradict each other."""
_AS_LARGE: Final = 0.5
"""A face with less than this share of the area of the one taken is somebody in the background."""


class Why(IntEnum):
    """What the doubt rests on; ALONE: the photo shows one person, or a person said which is meant."""

    ALONE = 0
    FITS = 1
    CLOSE = 2
    PLACE = 3
    ELSEWHERE = 4
    NONE_FITS = 5
    BOTH_RECUR = 6


@dataclass(frozen=True, slots=True)
class Doubts:
    """For every face (n,): the ``doubt`` float64 that it was wrongly taken (NaN: it was not taken), ``why`` int8, see `Why`, and ``beside``
    bool: its photo shows somebody else about as large; ``right`` is how often a face taken by its place alone is the right one."""

    doubt: Float64Array
    why: NDArray[np.int8]
    beside: NDArray[np.bool_]
    right: float

    def take(self, rows: NDArray[np.integer]) -> Doubts:
        """Those of some faces."""
        return Doubts(self.doubt[rows], self.why[rows], self.beside[rows], self.right)


class Weighing:
    """The doubts of a choice, gathered photo by photo: ``fit`` float64 (n,), the mean score of each face to its folder on the
    ``scale``, which is at home from the share ``fits`` of the way; ``right``: how often the place tells."""

    def __init__(self, fit: Float64Array, area: Float64Array, scale: Ends, fits: float, right: float) -> None:
        self.fit = scale.share(fit)
        self.area, self.fits = area, fits
        self.found = Doubts(
            np.full(len(fit), np.nan), np.zeros(len(fit), np.int8), np.zeros(len(fit), bool), float(right)
        )

    def alone(self, taken: NDArray[np.bool_]) -> None:
        """These faces (bool (n,)) leave no doubt."""
        self.found.doubt[taken] = 0.0

    def weigh(
        self, face: int, others: NDArray[np.integer], placed: int, *, guessed: bool, anchored: bool, torn: bool
    ) -> None:
        """Weigh the choice of ``face`` over ``others`` of its photo, of which ``placed`` is where the person meant mostly is.

        ``anchored``: its folder has photos of one person; without, likeness tells only who recurs, and a second person may;
        ``torn``: one does.
        """
        if not len(others):
            self.found.doubt[face] = 0.0
            return
        self.found.beside[face] = bool((self.area[others] >= _AS_LARGE * self.area[face]).any())
        own = self.fit[face]
        if not np.isnan(own) and own < self.fits:
            doubt, why = self._odds(self.fits - own), Why.NONE_FITS
        elif guessed or np.isnan(own):
            doubt, why = 1 - self.found.right, Why.PLACE
        elif torn:
            doubt, why = _EVEN, Why.BOTH_RECUR
        elif not anchored and face != placed:
            doubt, why = _EVEN, Why.ELSEWHERE
        else:
            next_best = float(np.nanmax(self.fit[others]))
            doubt = self._odds(next_best - own)
            why = Why.CLOSE if next_best >= self.fits else Why.FITS
        self.found.doubt[face], self.found.why[face] = doubt, why

    @staticmethod
    def _odds(distance: float) -> float:
        return float(confidence(np.array([distance / SHARE_TELLS]))[0])
