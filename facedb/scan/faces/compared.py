"""The faces that a scan compares, as its steps share them."""

from __future__ import annotations

from dataclasses import dataclass

from facedb.join.gallery import Gallery
from facedb.scan.faces.face_choice import FaceChoice
from facedb.scan.faces.faceless import FacelessPhotos
from facedb.scan.faces.gallery_faces import GalleryFaces
from facedb.scan.faces.outside import OutsideFaces


@dataclass(frozen=True, slots=True)
class Compared:
    """Row k of the ``gallery`` is face k of ``faces``, which the ``choice`` left of its photo; pairs count from ``threshold`` up.

    ``outside`` are the faces without a label beside them, ``faceless`` the photos that gave no face.
    """

    faces: GalleryFaces
    gallery: Gallery
    choice: FaceChoice
    outside: OutsideFaces
    faceless: FacelessPhotos
    threshold: float

    @staticmethod
    def of(
        faces: GalleryFaces, choice: FaceChoice, outside: OutsideFaces, faceless: FacelessPhotos, threshold: float
    ) -> Compared:
        """With the gallery out of the vectors that were read with those outside."""
        gallery = Gallery(outside.gallery(), faces.identity_ids, faces.image_ids)
        return Compared(faces, gallery, choice, outside, faceless, threshold)
