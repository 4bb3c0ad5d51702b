"""Photos: where their bytes are, the faces in them, and what was said of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from facedb.core.errors import NotFoundError
from facedb.db.connection import Connection
from facedb.db.queries import load
from facedb.report.pictures.place import Place, place_of
from facedb.review import taken_faces
from facedb.review.taken_faces import TakenFace
from facedb.scan.faces.face_choice import same_place
from facedb.web.data.faces import Face, load_faces, shown
from facedb.web.data.said import Said, history

SQL = load("web", "photos")


@dataclass(frozen=True, slots=True)
class FaceInPhoto:
    """A face of a photo; ``taken``: it has a vector and stands for the label of the photo, as the newest scan saw it.

    ``embedded``: it has a vector, so that it could; ``by_person``: a person took it, for the scans to come.
    """

    face: Face
    taken: bool
    embedded: bool
    by_person: bool
    detector_score: float | None
    landmarks: tuple[float, ...] | None


@dataclass(frozen=True, slots=True)
class PhotoFinding:
    """A finding that is about a photo."""

    scan_id: int
    rank: int
    kind: str
    role: str


@dataclass(frozen=True, slots=True)
class Photo:
    """All that the page shows of a photo; ``taken_by`` took one of its faces, ``seen`` is the newest word on which one it is."""

    id: int
    path: str
    status: str
    reject_code: str | None
    reject_detail: str | None
    bytes: int
    width: int | None
    height: int | None
    format: str | None
    sha256: str | None
    identity_id: int | None
    identity: str | None
    dataset: str
    source: str
    first_seen_at: datetime
    labelled_by: str
    address: str
    model: str | None
    seen: int
    taken_by: str | None
    faces: tuple[FaceInPhoto, ...]
    findings: tuple[PhotoFinding, ...]
    history: tuple[Said, ...]


def place_of_face(conn: Connection, face_id: int) -> Place:
    """Where a face is to be cut from; raises NotFoundError."""
    return _place(conn.execute(SQL["bytes_of_face"], {"face_id": face_id}).fetchone(), f"face {face_id}")


def place_of_image(conn: Connection, image_id: int) -> Place:
    """Where the bytes of a photo are; raises NotFoundError."""
    return _place(conn.execute(SQL["bytes_of_image"], {"image_id": image_id}).fetchone(), f"photo {image_id}")


def load_photo(conn: Connection, image_id: int) -> Photo:
    """All that is known of a photo; raises NotFoundError."""
    row = conn.execute(SQL["image"], {"image_id": image_id}).fetchone()
    if row is None:
        raise NotFoundError(f"There is no photo {image_id}.")
    models = conn.execute(SQL["models_of_image"], {"image_id": image_id}).fetchall()
    found = []
    if models:
        parameters = {"image_id": image_id, "model_id": models[0][0]}
        found = conn.execute(SQL["faces_of_image"], parameters).fetchall()
    faces = load_faces(conn, [face for face, *_ in found])
    taken = taken_faces.standing(conn, image_id)
    by_person = None if taken is None else _meant(taken, faces)
    findings = conn.execute(SQL["findings_of_image"], {"image_id": image_id}).fetchall()
    mark = "" if row[9] is None else row[9][:12]
    return Photo(
        *[
            row[0],
            shown(row[1]),
            *row[2:11],
            None if row[11] is None else shown(row[11]),
            row[12],
            shown(row[13]),
            *row[14:],
            f"/photos/{image_id}?v={mark}",
            models[0][1] if models else None,
            taken_faces.last_word(conn, image_id)[0],
            None if taken is None else taken.said_by,
            tuple(
                FaceInPhoto(
                    faces[face], stands, embedded, face == by_person, score, None if points is None else tuple(points)
                )
                for face, stands, embedded, score, points in found
                if face in faces
            ),
            tuple(PhotoFinding(*finding) for finding in findings),
            history(conn, [image_id], limit=50),
        ]
    )


def expect_face(conn: Connection, image_id: int, face_id: int) -> None:
    """Raises NotFoundError where a photo has no such face."""
    row = conn.execute("select image_id from facedb.face where id = %s", (face_id,)).fetchone()
    if row is None or row[0] != image_id:
        raise NotFoundError(f"Photo {image_id} has no face {face_id}: look at it again.")


def _meant(taken: TakenFace, faces: dict[int, Face]) -> int | None:
    """The face that lies where a person took one."""
    boxes = {key: face.box for key, face in faces.items() if face.box is not None}
    found = same_place(taken.box, np.array(list(boxes.values()), np.float64).reshape(-1, 4))
    return None if found is None else list(boxes)[found]


def _place(row: tuple[Any, ...] | None, what: str) -> Place:
    if row is None:
        raise NotFoundError(f"There is no {what}.")
    return place_of(row)
