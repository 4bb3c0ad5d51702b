"""Faceless photos: those of a gallery's datasets in which no face was found, for copies among them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from facedb.core.records import Int64Array
from facedb.db.connection import Connection
from facedb.findings.faceless import Faceless
from facedb.scan.faces.gallery_faces import GalleryFaces
from facedb.scan.scan_rows import SQL


@dataclass(frozen=True, slots=True)
class FacelessPhotos:
    """Photos without a face: keys ``image_ids`` and ``identity_ids`` (-1: no label), and ``content`` as of `GalleryFaces`, int64 (f,)."""

    image_ids: Int64Array
    identity_ids: Int64Array
    content: Int64Array

    def __len__(self) -> int:
        return len(self.image_ids)

    @property
    def digest(self) -> bytes | None:
        """What these photos, their labels and their bytes hash to; None where there are none."""
        every = np.stack([self.image_ids, self.identity_ids, self.content])
        return hashlib.sha256(every.astype("<i8").tobytes()).digest() if len(self) else None

    def beside(self, *faces: GalleryFaces) -> Faceless | None:
        """The photos of all ``faces``, one after the other, then these; None where there are none of these."""
        if not len(self):
            return None
        labels = np.concatenate([part.identity_ids for part in faces]).astype(np.int64)
        return Faceless(
            len(labels),
            np.concatenate([*(part.image_ids for part in faces), self.image_ids]),
            np.r_[np.where(labels > 0, labels, -1), self.identity_ids],
            np.concatenate([*(part.content for part in faces), self.content]),
        )


def faceless_photos(
    conn: Connection, model_id: int, datasets: Sequence[int], *, labelled: bool, unlabelled: bool
) -> FacelessPhotos:
    """The photos of ``datasets`` that gave no face under a contract and have a thumbnail, those ``labelled``, ``unlabelled`` or both."""
    wanted = {"model_id": model_id, "datasets": list(datasets), "labelled": labelled, "unlabelled": unlabelled}
    rows = conn.execute(SQL["faceless"], wanted).fetchall()
    return FacelessPhotos(*np.array(rows, np.int64).reshape(-1, 3).T.copy())
