"""What a comparison of two scans needs to know of their faces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from psycopg import sql

from facedb.core.files.paths import from_text
from facedb.core.lookup import rows_of
from facedb.core.records import Int64Array
from facedb.dataset.model_rows import partition
from facedb.db.connection import Connection
from facedb.db.copy import Column, read_columns
from facedb.db.queries import load

SQL = load("report", "diff")


@dataclass(frozen=True, slots=True)
class FaceFacts:
    """A face as it is now: its image, where that is, its status, label and dataset; size in pixels and sharpness where known."""

    image_id: int
    path: str
    status: str
    identity: str | None
    dataset_id: int
    size_px: float | None
    sharpness: float | None


def detection(conn: Connection, model_id: int) -> str:
    """How a contract finds faces; contracts that agree share their faces."""
    row = conn.execute(SQL["detection"], {"model_id": model_id}).fetchone()
    return "" if row is None else str(row[0])


def faces_of_embeddings(conn: Connection, model_id: int, embedding_ids: Int64Array) -> Int64Array:
    """The face of each embedding int64 (n,); 0 where it was embedded again or pruned since."""
    query = sql.SQL(SQL["embeddings"]).format(embedding=partition("embedding", model_id))
    known = read_columns(conn.cursor(), query, [Column("id", "int8"), Column("face_id", "int8")])
    ids, faces = known["id"], known["face_id"]
    at = rows_of(embedding_ids, ids)
    found: Int64Array = np.where(at >= 0, faces[at], 0) if len(ids) else np.zeros(len(embedding_ids), np.int64)
    return found


def face_facts(conn: Connection, faces: Sequence[int]) -> dict[int, FaceFacts]:
    """Faces by key; those that are gone are left out."""
    rows = conn.execute(SQL["face_facts"], {"faces": list(faces)})
    return {r[0]: FaceFacts(r[1], from_text(r[2]), r[3], from_text(r[4]), *r[5:]) for r in rows}


def images_of_faces(conn: Connection, faces: Int64Array) -> tuple[Int64Array, Int64Array]:
    """Those of ``faces`` (n,) that are still there, and their images, both int64 (m,)."""
    query = sql.SQL(SQL["face_images"]).format(faces=sql.Literal(faces.tolist()))
    found = read_columns(conn.cursor(), query, [Column("id", "int8"), Column("image_id", "int8")])
    return found["id"], found["image_id"]


def face_paths(conn: Connection, faces: Int64Array) -> dict[int, str]:
    """The paths of the images of faces by key; those that are gone are left out."""
    rows = conn.execute(SQL["face_paths"], {"faces": faces.tolist()})
    return {row[0]: from_text(row[1]) for row in rows}


def label_names(conn: Connection, ids: Sequence[int]) -> dict[int, str]:
    """Names of identities by key."""
    return {row[0]: from_text(row[1]) for row in conn.execute(SQL["label_names"], {"ids": list(ids)})}
