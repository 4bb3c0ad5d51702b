"""More like this: the gallery ranked by likeness to a face, to an identity, or to a photo from elsewhere."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import LiteralString

import numpy as np

from facedb.core.errors import InputError, NotFoundError
from facedb.core.records import Float32Array, Float64Array
from facedb.dataset import model_rows
from facedb.dataset.model_rows import ModelRow
from facedb.db.connection import Connection
from facedb.embedding.pipeline import Embedder, embed_bytes
from facedb.join.score import pair_scores
from facedb.scan import search_rows
from facedb.scan.search import embedder_of
from facedb.scan.which_scan import find_scope
from facedb.web.data.faces import SQL, Face, identity_faces, load_faces, load_vectors
from facedb.web.data.identities import SQL as IDENTITIES
from facedb.web.data.identities import centre


@dataclass(frozen=True, slots=True)
class Like:
    """A face of the gallery and its score; ``own``: it carries the identity that was asked for."""

    face: Face
    score: float
    own: bool


@dataclass(frozen=True, slots=True)
class Likenesses:
    """The ranked gallery for one query: ``of`` a face of the gallery; ``box`` is where the face is in a photo from elsewhere."""

    model: str
    found: tuple[Like, ...]
    box: tuple[float, ...] | None = None
    of: Face | None = None


class Embedders:
    """The model that photos from elsewhere are embedded with, loaded once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loaded: dict[int, Embedder] = {}

    def of(self, model: ModelRow) -> Embedder:
        """The embedder of a contract; raises ModelError where its files are not there."""
        with self._lock:
            if model.id not in self._loaded:
                self._loaded = {model.id: embedder_of(model)}
            return self._loaded[model.id]


def like_face(conn: Connection, face_id: int, model_id: int | None, top: int) -> Likenesses:
    """The gallery ranked by likeness to a face; raises NotFoundError."""
    model = _model(conn, model_id or _last(conn, SQL["model_of_face"], {"face_id": face_id}))
    vectors = load_vectors(conn, model.id, [face_id])
    asked = load_faces(conn, [face_id]).get(face_id)
    if not vectors.ids:
        photo = f"face {face_id}" if asked is None else asked.path
        raise NotFoundError(f"There is no vector of {photo} under {model.name} to compare.")
    own = None if asked is None or asked.bystander else asked.identity_id
    return Likenesses(model.name, _ranked(conn, model, vectors.matrix[0], top, own, without={face_id}), of=asked)


def like_identity(conn: Connection, identity_id: int, model_id: int | None, top: int) -> Likenesses:
    """The gallery without the identity itself, ranked by likeness to its core; raises NotFoundError."""
    model = _model(conn, model_id or _last(conn, IDENTITIES["dataset_model"], {"identity_id": identity_id}))
    scan = conn.execute(IDENTITIES["newest_scan_of"], {"identity_id": identity_id}).fetchone()
    faces = identity_faces(conn, model.id, identity_id, None if scan is None else scan[0])
    core = centre(load_vectors(conn, model.id, faces))
    if not core.ids:
        raise NotFoundError(f"Identity {identity_id} has no face under {model.name}.")
    return Likenesses(model.name, _ranked(conn, model, core.matrix[0], top, identity_id, without=set(faces)))


def like_photo(conn: Connection, embedders: Embedders, data: bytes, model_id: int | None, top: int) -> list[Likenesses]:
    """The gallery ranked by likeness to each face of a photo; raises InputError where no face is found in it."""
    model = _model(conn, model_id)
    result = embed_bytes(embedders.of(model), data, faces="all")
    if result.problem is not None:
        raise InputError(f"The photo has no face to search with: {result.problem.detail}")
    return [
        Likenesses(
            model.name, _ranked(conn, model, face.vector, top, None), None if face.box is None else tuple(face.box)
        )
        for face in result.faces
    ]


def _last(conn: Connection, query: LiteralString, subject: Mapping[str, int]) -> int | None:
    """The contract that embedded a face or an identity last; None: none did."""
    row = conn.execute(query, subject).fetchone()
    return None if row is None else int(row[0])


def _model(conn: Connection, model_id: int | None) -> ModelRow:
    if model_id is None:
        return find_scope(conn).model
    model = model_rows.model_by_id(conn, model_id)
    if model is None:
        raise NotFoundError(f"There is no model {model_id}.")
    return model


def _ranked(
    conn: Connection,
    model: ModelRow,
    query: Float32Array,
    top: int,
    own: int | None,
    without: set[int] | frozenset[int] = frozenset(),
) -> tuple[Like, ...]:
    found = search_rows.nearest(conn, model, query, top + len(without), approximate=False)
    found = [face for face in found if face.face_id not in without]
    if not found:
        return ()
    vectors = np.stack([query, *(face.vector for face in found)])
    scores: Float64Array = pair_scores(vectors, np.zeros(len(found), np.int64), np.arange(1, len(vectors)))
    order = np.lexsort((np.array([face.face_id for face in found]), -scores))[:top]
    faces = load_faces(conn, [found[k].face_id for k in order])
    return tuple(
        Like(
            faces[key],
            round(float(scores[k]), 4),
            own is not None and faces[key].identity_id == own and not faces[key].bystander,
        )
        for k in order
        if (key := found[k].face_id) in faces
    )
