"""The pictures behind a gallery: hashes of their views, and thumbnails as they are asked for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from facedb.core.lookup import Lookup
from facedb.core.records import Int64Array
from facedb.db.connection import Connection
from facedb.embedding.pictures.thumbnail import from_bytes
from facedb.findings.photos import PhotoFacts
from facedb.findings.pictures.candidates import VIEWS
from facedb.findings.pictures.registration import Grey
from facedb.findings.pictures.same_photo import Pictures
from facedb.scan.faces.face_choice import FaceChoice
from facedb.scan.faces.gallery_faces import GalleryFaces
from facedb.scan.scan_rows import SQL

_AT_ONCE = 20_000


def pictures_of(conn: Connection, image_ids: Int64Array) -> Pictures | None:
    """The pictures of rows (n,) with these images; None where no image has a thumbnail. ``conn`` is used until the last is loaded."""
    there = conn.execute(SQL["has_thumbnails"]).fetchone()
    if there is None or not there[0]:
        return None
    images, row = np.unique(image_ids, return_inverse=True)
    views = np.zeros((len(images), VIEWS), np.int64)
    lookup = Lookup(images)
    found = 0
    for start in range(0, len(images), _AT_ONCE):
        ids = images[start : start + _AT_ONCE].tolist()
        rows = conn.execute(SQL["views"], {"ids": ids}).fetchall()
        if rows:
            views[lookup.rows(np.array([r[0] for r in rows], np.int64))] = [r[1] for r in rows]
            found += len(rows)

    def load(wanted: Sequence[int]) -> dict[int, Grey]:
        return {key: from_bytes(data) for key, data in conn.execute(SQL["thumbnails"], {"ids": list(wanted)})}

    return Pictures(views[row], load) if found else None


def photo_facts(faces: GalleryFaces, chosen: FaceChoice) -> PhotoFacts:
    """What was measured of the photos of ``faces``, and how sure it is that each was rightly chosen of the faces of its photo."""
    every = faces if chosen.every is None else chosen.every
    images, counts = np.unique(every.image_ids, return_counts=True)
    shown = counts[np.searchsorted(images, faces.image_ids)]
    return PhotoFacts(
        shown.astype(np.int64),
        faces.roll.astype(np.float64),
        faces.sharpness.astype(np.float64),
        faces.size_px.astype(np.float64),
        chosen.doubts(faces.embedding_ids),
    )
