"""The faces that a scan compares, as its steps share them."""

from __future__ import annotations

from dataclasses import dataclass

from facedb.core.lookup import Lookup
from facedb.core.records import Int64Array
from facedb.join.gallery import Gallery
from facedb.scan.faces.face_choice import FaceChoice
from facedb.scan.faces.gallery_faces import GalleryFaces
from facedb.scan.faces.outside import OutsideFaces
from facedb.scan.pair_rows import PairRows


@dataclass(frozen=True, slots=True)
class Compared:
    """Row k of the ``gallery`` is face k of ``faces``, which the ``choice`` left of its photo; pairs count from ``threshold`` up.

    ``outside`` are the faces without a label beside them.
    """

    faces: GalleryFaces
    gallery: Gallery
    choice: FaceChoice
    outside: OutsideFaces
    threshold: float

    @staticmethod
    def of(faces: GalleryFaces, choice: FaceChoice, outside: OutsideFaces, threshold: float) -> Compared:
        """With the gallery out of the vectors that were read with those outside."""
        gallery = Gallery(outside.gallery(), faces.identity_ids, faces.image_ids)
        return Compared(faces, gallery, choice, outside, threshold)

    def rows(self, pairs: PairRows) -> tuple[Int64Array, Int64Array]:
        """Gallery rows of the faces of ``pairs``; -1 for a face that is not in the gallery."""
        lookup = Lookup(self.faces.face_ids)
        return lookup.rows(pairs.face_a), lookup.rows(pairs.face_b)
