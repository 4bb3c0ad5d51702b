"""Identities: looking one up, all that is known of one, a new name, and people about whom nobody is asked any more."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from facedb.core.errors import NotFoundError
from facedb.db.connection import Connection
from facedb.db.queries import load
from facedb.web.data.faces import SQL as FACES
from facedb.web.data.faces import Face, Vectors, identity_faces, identity_size, load_faces, load_vectors, shown

SQL = load("web", "identities")


@dataclass(frozen=True, slots=True)
class Found:
    """An identity that a search found, with a face to know it by."""

    id: int
    name: str
    dataset: str
    images: int
    thumb: str | None


@dataclass(frozen=True, slots=True)
class Linked:
    """An identity that another one is linked with, and what was said of the two."""

    id: int
    name: str
    dataset: str
    pairs: int
    max_score: float
    centroid_score: float
    verdict: str | None
    verdict_by: str | None


@dataclass(frozen=True, slots=True)
class Word:
    """A verdict on an identity, or on an image (``path``) of it."""

    id: int
    kind: str
    verdict: str
    a: str
    b: str | None
    target: str | None
    path: str | None
    note: str | None
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Hidden:
    """An identity about which nobody is asked, and who decided that."""

    id: int
    name: str
    dataset: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Bystander:
    """Another person in a photo of an identity, and whom the scan took it for (None: nobody here)."""

    face: Face
    is_id: int | None
    is_name: str | None
    score: float | None


@dataclass(frozen=True, slots=True)
class Identity:
    """An identity with its ``faces`` of ``total``, those most like its core first, under the contract ``model_id``."""

    id: int
    name: str
    dataset_id: int
    dataset: str
    created_at: datetime
    hidden_by: str | None
    model_id: int | None
    scan_id: int | None
    total: int
    faces: tuple[Face, ...]
    bystanders: tuple[Bystander, ...]
    links: tuple[Linked, ...]
    history: tuple[Word, ...]


def search(conn: Connection, words: str, dataset: str | None, limit: int = 12) -> list[Found]:
    """Identities whose name holds ``words``."""
    literal = words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    parameters = {"words": f"%{literal}%", "begins": f"{literal}%", "dataset": dataset, "limit": limit}
    rows = conn.execute(SQL["search"], parameters).fetchall()
    faces = load_faces(conn, [row[4] for row in rows if row[4] is not None])
    return [
        Found(row[0], shown(row[1]), row[2], row[3], faces[row[4]].thumb if row[4] in faces else None) for row in rows
    ]


def load_identity(conn: Connection, identity_id: int) -> Identity:
    """All that the page shows of an identity; raises NotFoundError."""
    row = conn.execute(SQL["identity"], {"identity_id": identity_id}).fetchone()
    if row is None:
        raise NotFoundError(f"There is no identity {identity_id}.")
    key, name, dataset_id, dataset, created_at, hidden_by, _ = row
    scan = conn.execute(SQL["newest_scan_of"], {"identity_id": key}).fetchone()
    scan_id = None if scan is None else int(scan[0])
    model = scan[1:] if scan is not None else conn.execute(SQL["dataset_model"], {"identity_id": key}).fetchone()
    model_id = None if model is None else int(model[0])
    faces: tuple[Face, ...] = ()
    bystanders: tuple[Bystander, ...] = ()
    total = 0
    if model_id is not None:
        vectors = load_vectors(conn, model_id, identity_faces(conn, model_id, key, scan_id))
        total = identity_size(conn, model_id, key, scan_id)
        faces = _by_core(conn, vectors)
        bystanders = _bystanders(conn, key, scan_id)
    links = (
        conn.execute(SQL["links"], {"identity_id": key, "scan_id": scan_id}).fetchall() if scan_id is not None else []
    )
    history = conn.execute(SQL["history"], {"identity_id": key}).fetchall()
    return Identity(
        key,
        shown(name),
        dataset_id,
        dataset,
        created_at,
        hidden_by,
        model_id,
        scan_id,
        total,
        faces,
        bystanders,
        tuple(Linked(link[0], shown(link[1]), *link[2:]) for link in links),
        tuple(Word(*h[:3], *(None if name is None else shown(name) for name in h[3:7]), *h[7:]) for h in history),
    )


def _bystanders(conn: Connection, identity_id: int, scan_id: int | None) -> tuple[Bystander, ...]:
    rows = conn.execute(FACES["bystanders"], {"identity_id": identity_id, "scan_id": scan_id}).fetchall()
    faces = load_faces(conn, [row[0] for row in rows])
    return tuple(
        Bystander(faces[face], who, None if name is None else shown(name), score)
        for face, who, name, score in rows
        if face in faces
    )


def centre(vectors: Vectors) -> Vectors:
    """The core of some faces as one unit vector (with the key 0): their mean without the quarter that is least like it."""
    if not len(vectors.ids):
        return vectors
    matrix = vectors.matrix.astype(np.float64)
    mean = matrix.mean(axis=0)
    scores = matrix @ mean
    core = matrix[scores >= np.quantile(scores, 0.25)].mean(axis=0)
    length = np.linalg.norm(core)
    return Vectors((0,), (core / length if length else core).astype(np.float32)[None])


def must_exist(conn: Connection, identity_id: int) -> None:
    """Raises NotFoundError where there is no such identity."""
    if conn.execute(SQL["identity"], {"identity_id": identity_id}).fetchone() is None:
        raise NotFoundError(f"There is no identity {identity_id}.")


def hide(conn: Connection, identity_id: int, by: str) -> None:
    """Ask nobody about an identity again; raises NotFoundError."""
    must_exist(conn, identity_id)
    conn.execute(SQL["hide"], {"identity_id": identity_id, "hidden_by": by})


def unhide(conn: Connection, identity_id: int) -> None:
    """Show an identity again."""
    conn.execute(SQL["unhide"], {"identity_id": identity_id})


def hidden(conn: Connection) -> list[Hidden]:
    """Everybody who is hidden."""
    return [Hidden(row[0], shown(row[1]), *row[2:]) for row in conn.execute(SQL["hidden"])]


def _by_core(conn: Connection, vectors: Vectors) -> tuple[Face, ...]:
    likeness = vectors.scores(centre(vectors))[:, 0] if vectors.ids else np.zeros(0)
    faces = load_faces(conn, vectors.ids)
    order = np.argsort(-likeness, kind="stable")
    return tuple(
        replace(faces[vectors.ids[k]], likeness=round(float(likeness[k]), 3)) for k in order if vectors.ids[k] in faces
    )
