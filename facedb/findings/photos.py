"""Photos: those of several people of which the wrong one may have been taken, or whose face is turned, blurred or tiny.

They are no mistakes of the dataset, only worth a look. Of a photo of several people the confidence is the probability that the face that
takes part is not the one its folder is about.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag
from typing import Final

import numpy as np
from numpy.typing import NDArray

from facedb.core.finding import Kind, Role
from facedb.core.lookup import run_starts
from facedb.core.records import Float64Array, Int64Array
from facedb.findings.confidence import confidence
from facedb.findings.cores.doubts import Doubts, Why
from facedb.findings.cores.folders import Folders
from facedb.findings.finding_table import FindingTable, Members, table

TINY: Final = 32.0
"""Faces whose shorter side has fewer pixels are tiny."""
TURNED: Final = 45.0
"""Faces that are this many degrees off the upright are turned."""
BLURRED: Final = 1.1
"""Faces below this sharpness (per cent, see `facedb.embedding.pictures.quality`) are blurred: of 20 photos each of orl, dlib_johns,
deepface_celebs and lfw_dev the least sharp had 1.2; blurred by 2 % of the face's size the sharpest had 1.1."""
DOUBTED: Final = 0.05
"""A photo of several people is reported where the doubt in the face taken reaches this, or somebody else in it is about as large."""
_MOST: Final = 0.9


class Fault(IntFlag):
    """What is to be said of a photo."""

    SEVERAL = 1
    TURNED = 2
    BLURRED = 4
    TINY = 8


@dataclass(frozen=True, slots=True)
class PhotoFacts:
    """What was measured of the faces in the rows (n,): ``faces`` int64, how many the photo shows; ``roll``, degrees that the face is
    turned, -180 to 180, clockwise; ``sharpness`` in per cent; ``size`` in pixels; the last three float, NaN unknown. ``doubts``
    says how sure the choice of each face is; None: every face of a photo takes part."""

    faces: Int64Array
    roll: Float64Array
    sharpness: Float64Array
    size: Float64Array
    doubts: Doubts | None = None

    def faults(self, row: int) -> Fault:
        """Which faults the face in a row has."""
        found = Fault(0)
        for fault, (there, _) in self._faults().items():
            if there[row]:
                found |= fault
        return found

    def faulty(self) -> NDArray[np.bool_]:
        """Which rows (n,) have a fault."""
        return np.asarray(np.any(np.stack([there for there, _ in self._faults().values()]), axis=0))

    def sureness(self) -> Float64Array:
        """The confidence of the plainest fault of each row (n,), 0 where there is none, at most 0.9: looks are no mistake."""
        plainest = np.max(np.stack([np.where(there, sure, 0.0) for there, sure in self._faults().values()]), axis=0)
        return np.asarray(np.minimum(plainest, _MOST))

    def _faults(self) -> dict[Fault, tuple[NDArray[np.bool_], Float64Array]]:
        """Which rows have each fault, and with which confidence."""
        odds = {
            Fault.TURNED: (np.abs(self.roll) - TURNED) / 10.0,
            Fault.BLURRED: (BLURRED - self.sharpness) / 0.15,
            Fault.TINY: (TINY - self.size) / 4.0,
        }
        measured = {fault: (np.nan_to_num(value, nan=-1.0) >= 0, confidence(value)) for fault, value in odds.items()}
        return {Fault.SEVERAL: self._several(), **measured}

    def _several(self) -> tuple[NDArray[np.bool_], Float64Array]:
        if self.doubts is None:
            return self.faces > 1, confidence((self.faces.astype(np.float64) - 1.5) * 4.0)
        doubt = np.nan_to_num(self.doubts.doubt, nan=0.0)
        several = (self.doubts.why != Why.ALONE) & ((doubt >= DOUBTED) | self.doubts.beside)
        return np.asarray(several), doubt


def find_photos(parts: Folders, facts: PhotoFacts, images: NDArray[np.integer]) -> FindingTable:
    """One finding for every photo (``images`` int (n,) of the rows) that has a fault, about the plainest of its faces."""
    sure = facts.sureness()
    rows = np.flatnonzero(facts.faulty())
    rows = rows[np.lexsort((rows, -sure[rows], images[rows]))]
    rows = rows[run_starts(images[rows])]
    folder = parts.folder_of[rows]
    return table(
        Kind.PHOTO,
        sure[rows],
        Members.of(np.arange(len(rows)), rows, Role.WRONG),
        identity_a=parts.labels[folder],
        faces_a=1,
        size_a=parts.sizes[folder],
    )
