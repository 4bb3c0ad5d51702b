"""Photos: those that show several people, or whose face is turned, blurred or tiny. They are no mistakes, only worth knowing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag
from typing import Final

import numpy as np
from numpy.typing import NDArray

from facedb.core.finding import LIKELY, Kind, Role
from facedb.core.records import Float64Array, Int64Array
from facedb.findings.confidence import confidence
from facedb.findings.cores.folders import Folders
from facedb.findings.finding_table import FindingTable, table

TINY: Final = 32.0
"""Faces whose shorter side has fewer pixels are tiny."""
TURNED: Final = 45.0
"""Faces whose eyes lie on a line this many degrees off the level are turned."""
BLURRED: Final = 1.1
"""Faces below this sharpness (per cent, see `facedb.embedding.pictures.quality`) are blurred: of 20 photos each of orl, dlib_johns,
deepface_celebs and lfw_dev the least sharp had 1.2; blurred by 2 % of the face's size the sharpest had 1.1."""
_MOST: Final = 0.9


class Fault(IntFlag):
    """What is to be said of a photo."""

    SEVERAL = 1
    TURNED = 2
    BLURRED = 4
    TINY = 8


@dataclass(frozen=True, slots=True)
class PhotoFacts:
    """What was measured of the faces in the rows (n,): ``faces`` int64, how many the photo shows; ``roll``, degrees from the level line
    through the eyes, -180 to 180, clockwise; ``sharpness`` in per cent; ``size`` in pixels; the last three float, NaN unknown."""

    faces: Int64Array
    roll: Float64Array
    sharpness: Float64Array
    size: Float64Array

    def faults(self, row: int) -> Fault:
        """Which faults the face in a row has."""
        found = Fault(0)
        for fault, odds in self._odds().items():
            if odds[row] >= 0:
                found |= fault
        return found

    def sureness(self) -> Float64Array:
        """The confidence of the plainest fault of each row (n,), below 0.5 where there is none, at most 0.9: looks are no mistake."""
        plainest = np.max(np.stack([confidence(odds) for odds in self._odds().values()]), axis=0)
        return np.asarray(np.minimum(plainest, _MOST))

    def _odds(self) -> dict[Fault, Float64Array]:
        """How clear each fault is in log odds, (value - limit) / width; NaN: not known."""
        return {
            Fault.SEVERAL: (self.faces.astype(np.float64) - 1.5) * 4.0,
            Fault.TURNED: (np.abs(self.roll) - TURNED) / 10.0,
            Fault.BLURRED: (BLURRED - self.sharpness) / 0.15,
            Fault.TINY: (TINY - self.size) / 4.0,
        }


def find_photos(parts: Folders, facts: PhotoFacts, images: NDArray[np.integer]) -> FindingTable:
    """One finding for every photo (``images`` int (n,) of the rows) that has a fault, about the plainest of its faces."""
    sure = facts.sureness()
    rows = np.flatnonzero(sure >= LIKELY)
    rows = rows[np.lexsort((rows, -sure[rows], images[rows]))]
    first = np.r_[True, np.diff(images[rows]) != 0] if len(rows) else np.empty(0, bool)
    rows = rows[first]
    folder = parts.folder_of[rows]
    return table(
        Kind.PHOTO,
        sure[rows],
        (np.arange(len(rows)), rows, np.full(len(rows), Role.WRONG)),
        identity_a=parts.labels[folder],
        faces_a=1,
        size_a=parts.sizes[folder],
    )
