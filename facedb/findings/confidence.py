"""Confidence: the probability that what a finding states is true, so that one rank runs through all classes.

Merges, look-alikes, strays and mixed folders have it from `facedb.findings.odds`: how likely one person and how likely chance makes such
scores among all that were looked at in this gallery.

Copies without pictures, and photos, rest on two pieces of evidence each. A piece is a measured value with a midpoint, where it speaks
for neither side, and a width; (value - midpoint) / width counts in units of log odds. The weakest piece decides:

    confidence = 1 / (1 + exp(-min((value_1 - midpoint_1) / width_1, (value_2 - midpoint_2) / width_2, ...)))

so more of any evidence never lowers it (monotone), and one strong number cannot make up for a weak one.

Likeness is measured as *sameness* (`Persons.sameness`): 0 for the average pair of strangers, 1 for two sets of faces that score
with each other as they score within themselves.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facedb.core.finding import MOST
from facedb.core.records import Float64Array


def confidence(*evidence: NDArray[np.floating]) -> Float64Array:
    """The logistic function of the smallest log odds, float64 (m,); NaN evidence counts as none for the finding."""
    smallest = np.full(np.shape(evidence[0]), MOST)
    for piece in evidence:
        smallest = np.minimum(smallest, np.nan_to_num(piece, nan=-MOST, posinf=MOST, neginf=-MOST))
    return np.asarray(1.0 / (1.0 + np.exp(-np.maximum(smallest, -MOST))))


def of_copy(score: NDArray[np.floating], distance: NDArray[np.integer]) -> Float64Array:
    """Confidence that two pictures are one photo; ``distance`` is the Hamming distance of their hashes, -1 where unknown.

    Copies saved again at another quality or size scored 0.954 to 0.997 with a distance of 0 to 4 bits (30 ORL faces,
    mobileface_v2_mit); different photos of one sitting reach 0.98 at 6 bits and 0.955 at 2. So the two are added up,
    (score - 0.965) / 0.008 + (2.5 - distance) / 1.5, and neither alone suffices. Without hashes the score must be 0.995.
    """
    known = distance >= 0
    with_hash = np.minimum((score - 0.965) / 0.008, 4.0) + (2.5 - distance) / 1.5
    return confidence(np.where(known, np.where(distance <= 10, with_hash, -MOST), (score - 0.995) / 0.0008))
