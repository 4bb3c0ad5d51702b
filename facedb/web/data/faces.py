"""Faces as the page shows them, their vectors, and the scores between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from facedb.core.files.paths import display, from_text
from facedb.core.records import Float32Array, Float64Array
from facedb.db.connection import Connection
from facedb.db.queries import load

SQL = load("web", "faces")

LOOKED_AT = 400
"""So many faces of an identity are compared for a page; of a larger one the oldest."""


@dataclass(frozen=True, slots=True)
class Face:
    """A face with its photo. ``linking``: it reaches the threshold against the other side, ``best`` is its score there.

    ``likeness`` is its mean score to the faces of its own side; ``verdict`` what stands on its label; ``others`` how many more
    faces its photo has; ``bystander``: it is somebody else in a photo of ``identity``; ``box`` x, y, w, h in pixels; ``thumb`` and
    ``photo`` are addresses below the page.
    """

    id: int
    image_id: int
    identity_id: int | None
    identity: str | None
    dataset: str
    path: str
    status: str
    width: int | None
    height: int | None
    bytes: int
    box: tuple[float, ...] | None
    size_px: float | None
    sharpness: float | None
    others: int
    thumb: str
    photo: str
    bystander: bool = False
    linking: bool = False
    best: float | None = None
    likeness: float | None = None
    role: str | None = None
    verdict: str | None = None
    verdict_target: str | None = None
    verdict_by: str | None = None


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores between faces: ``values[i][j]`` between ``ids[i]`` and ``ids[j]``, to three digits."""

    ids: tuple[int, ...]
    values: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Vectors:
    """Unit vectors float32 (n, d) of faces ``ids``; faces without one are left out."""

    ids: tuple[int, ...]
    matrix: Float32Array

    def scores(self, other: Vectors) -> Float64Array:
        """float64 (n, m): the scores between these faces and those of ``other``, for the eye."""
        if not len(self.ids) or not len(other.ids):
            return np.zeros((len(self.ids), len(other.ids)))
        return self.matrix.astype(np.float64) @ other.matrix.astype(np.float64).T

    def only(self, ids: Sequence[int]) -> Vectors:
        """The vectors of ``ids`` in their order, as far as they are here."""
        place = {key: k for k, key in enumerate(self.ids)}
        kept = [key for key in ids if key in place]
        return Vectors(tuple(kept), self.matrix[[place[key] for key in kept]])


def load_faces(conn: Connection, ids: Sequence[int]) -> dict[int, Face]:
    """Faces by key, with what stands on their labels; missing ones are left out."""
    rows = conn.execute(SQL["faces_by_id"], {"ids": list(ids)}).fetchall()
    images = sorted({row[1] for row in rows})
    said = {row[0]: row[1:] for row in conn.execute(SQL["said_of_images"], {"ids": images}) if row[1] != "withdrawn"}
    faces = {}
    for (
        key,
        image,
        identity,
        name,
        dataset,
        path,
        status,
        width,
        height,
        size,
        box,
        px,
        sharp,
        others,
        mark,
        bystander,
    ) in rows:
        verdict, target, by = said.get(image, (None, None, None))
        faces[key] = Face(
            key,
            image,
            identity,
            None if name is None else shown(name),
            dataset,
            shown(path),
            status,
            width,
            height,
            size,
            None if box is None else tuple(box),
            px,
            sharp,
            others,
            f"/thumbs/{key}?v={mark}",
            f"/photos/{image}?v={mark}",
            bystander=bystander,
            verdict=verdict,
            verdict_target=None if target is None else shown(target),
            verdict_by=by,
        )
    return faces


def identity_faces(conn: Connection, model_id: int, identity_id: int, scan_id: int | None) -> list[int]:
    """Keys of the faces that stand for an identity under a contract, the `LOOKED_AT` oldest first; without the bystanders of a scan."""
    parameters = {"model_id": model_id, "identity_id": identity_id, "scan_id": scan_id, "limit": LOOKED_AT}
    return [row[0] for row in conn.execute(SQL["identity_face_ids"], parameters)]


def identity_size(conn: Connection, model_id: int, identity_id: int, scan_id: int | None) -> int:
    """How many faces `identity_faces` would give."""
    parameters = {"model_id": model_id, "identity_id": identity_id, "scan_id": scan_id}
    row = conn.execute(SQL["identity_face_count"], parameters).fetchone()
    return int(row[0]) if row else 0


def load_vectors(conn: Connection, model_id: int, ids: Sequence[int]) -> Vectors:
    """The vectors of faces under a contract, in the order of ``ids``."""
    cursor = conn.cursor(binary=True)
    found: dict[int, bytes] = dict(cursor.execute(SQL["vectors"], {"model_id": model_id, "ids": list(ids)}).fetchall())
    kept = [key for key in ids if key in found]
    # A vector travels as two 16-bit numbers, then big-endian float32.
    rows = [np.frombuffer(found[key], ">f4", offset=4) for key in kept]
    return Vectors(tuple(kept), np.array(rows, np.float32) if rows else np.empty((0, 0), np.float32))


def table(vectors: Vectors) -> Scores:
    """The scores between all of ``vectors``."""
    values = np.round(vectors.scores(vectors), 3)
    return Scores(vectors.ids, tuple(tuple(row) for row in values.tolist()))


def shown(name: str) -> str:
    """A name of the database for a person: what would garble a line is escaped."""
    return display(from_text(name))
