"""Confidence: one number from 0 to 1 for every finding, so that one rank runs through all classes.

A finding rests on one or two pieces of evidence. Each is a measured value with a midpoint, where it speaks for neither
side, and a width; (value - midpoint) / width counts in units of log odds. The weakest piece decides:

    confidence = 1 / (1 + exp(-min((value_1 - midpoint_1) / width_1, (value_2 - midpoint_2) / width_2, ...)))

so more of any evidence never lowers it (monotone), and one strong number cannot make up for a weak one. Midpoints come from
the data (`Rules.of`); the widths put clear cases of either kind five log odds and more from the midpoint.

Likeness is measured as *sameness* (`Persons.sameness`): 0 for the average pair of strangers, 1 for two sets of faces that score
with each other as they score within themselves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facedb.core.records import Float64Array
from facedb.findings.persons import Noise

MOST = 9.2
LIKELY = 0.5
"""Findings from here on are likelier than not."""
CERTAIN = 0.95
"""Findings from here on are *certain*: what `facedb plan --auto` may act on."""


def confidence(*evidence: NDArray[np.floating]) -> Float64Array:
    """The logistic function of the smallest log odds, float64 (m,); NaN evidence counts as none for the finding."""
    smallest = np.full(np.shape(evidence[0]), MOST)
    for piece in evidence:
        smallest = np.minimum(smallest, np.nan_to_num(piece, nan=-MOST, posinf=MOST, neginf=-MOST))
    return np.asarray(1.0 / (1.0 + np.exp(-np.maximum(smallest, -MOST))))


@dataclass(frozen=True, slots=True)
class Rules:
    """Midpoints and widths; see the module for how they make a confidence.

    merge: sameness of the two cores above ``merge``; from ``alike`` on they are closer than chance brings any two.
    stray: (sameness to the best other core - sameness to the own core) above ``margin``, and sameness to the other above ``home``.
    stray without a home: own sameness below ``nobody``.
    mixed: sameness of the two groups below ``apart``, and the second group's own above ``cohesion``.
    """

    merge: float
    merge_width: float
    home: float
    home_width: float
    margin: float
    margin_width: float
    nobody: float
    nobody_width: float
    alike: float
    apart: float = 0.45
    apart_width: float = 0.06
    cohesion: float = 0.5
    cohesion_width: float = 0.08

    @classmethod
    def of(cls, noise: Noise) -> Rules:
        """Half-way between what chance does on this data and what one person gives.

        merge: (1 + the likest strangers expected) / 2. margin: half-way between the largest margin that chance gives to a
        face in its own folder and 0.75, that of an ordinary stray. nobody: half of the lowest own sameness expected.
        """
        merge = (1.0 + min(max(noise.cores, 0.5), 0.8)) / 2
        margin = min(max((noise.margin + 0.75) / 2, 0.15), 0.6)
        nobody = min(max(noise.own / 2, 0.15), 0.35)
        return cls(
            merge=merge, merge_width=(1.0 - merge) / 5, home=min(max(noise.face, 0.45), 0.7), home_width=0.06,
            margin=margin, margin_width=(0.75 - margin) / 6, nobody=nobody, nobody_width=0.07, alike=noise.cores,
        )  # fmt: skip

    def of_merge(self, sameness: Float64Array) -> Float64Array:
        """Confidence that two cores are one person."""
        return confidence((sameness - self.merge) / self.merge_width)

    def of_stray(self, own: Float64Array, other: Float64Array) -> Float64Array:
        """Confidence that faces belong to another core: sameness to the ``own`` core (NaN: it has no other face) and to the ``other``."""
        margin = other - np.nan_to_num(own, nan=0.0)
        return confidence((other - self.home) / self.home_width, (margin - self.margin) / self.margin_width)

    def of_stranger(self, own: Float64Array) -> Float64Array:
        """Confidence that faces do not belong to their core, wherever else; at most 0.9, for a bad photo looks the same."""
        return np.minimum(confidence((self.nobody - own) / self.nobody_width), 0.9)

    def of_mixed(self, between: Float64Array, cohesion: Float64Array) -> Float64Array:
        """Confidence that a folder holds a second person: sameness ``between`` the groups, and within the second one."""
        return confidence((self.apart - between) / self.apart_width, (cohesion - self.cohesion) / self.cohesion_width)


def of_copy(score: NDArray[np.floating], distance: NDArray[np.integer]) -> Float64Array:
    """Confidence that two pictures are one photo; ``distance`` is the Hamming distance of their hashes, -1 where unknown.

    Copies saved again at another quality or size scored 0.954 to 0.997 with a distance of 0 to 4 bits (30 ORL faces,
    mobileface_v2_mit); different photos of one sitting reach 0.98 at 6 bits and 0.955 at 2. So the two are added up,
    (score - 0.965) / 0.008 + (2.5 - distance) / 1.5, and neither alone suffices. Without hashes the score must be 0.995.
    """
    known = distance >= 0
    with_hash = np.minimum((score - 0.965) / 0.008, 4.0) + (2.5 - distance) / 1.5
    return confidence(np.where(known, np.where(distance <= 10, with_hash, -MOST), (score - 0.995) / 0.0008))
