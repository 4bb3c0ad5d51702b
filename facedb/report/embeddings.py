"""Embeddings with their labels, as they are exported and handed to notebooks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from facedb.core.progress import Reporter
from facedb.core.records import Float32Array
from facedb.db.connection import Connection, Database
from facedb.report import export_rows as store_export
from facedb.review import decision_rows as store_decisions
from facedb.scan.gallery import GallerySnapshot
from facedb.scan.scope import find_scope


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddingSet:
    """Faces of one contract: ``vectors`` float32 (n, d) of length 1, ``norms`` float32 (n,) before normalisation.

    ``paths``, ``identities`` and ``ordinals`` (the number of the face within its image) have n entries, sorted by identity.
    """

    model: str
    paths: tuple[str, ...]
    identities: tuple[str, ...]
    ordinals: tuple[int, ...]
    norms: Float32Array
    vectors: Float32Array

    def __len__(self) -> int:
        return len(self.paths)


def load_embeddings(
    db: Database,
    conn: Connection,
    *,
    model: str | None = None,
    dataset: str | None = None,
    identity_id: int | None = None,
    final: Mapping[int, int | None] | None = None,
    reporter: Reporter,
) -> EmbeddingSet:
    """Labelled embeddings under a contract (default: the one used last); ``final`` overrides labels by image, None leaves out.

    Raises NotFoundError for an unknown model.
    """
    chosen = find_scope(conn, [dataset], model).model
    final = final or {}
    faces = store_export.embedded_faces(conn, chosen.id, dataset=dataset, identity_id=identity_id)
    faces = [face for face in faces if final.get(face.image_id, face.identity_id) is not None]
    wanted = {key for key in final.values() if key is not None}
    names = {key: name for key, (name, _) in store_decisions.identity_names(conn, sorted(wanted)).items()}
    labels = [names[final[f.image_id] or 0] if f.image_id in final else f.identity for f in faces]
    order = sorted(range(len(faces)), key=lambda k: (labels[k], faces[k].path, faces[k].ordinal))
    ids = np.array([faces[k].embedding_id for k in order], np.int64)
    with GallerySnapshot(db.open, chosen) as snapshot:
        vectors = snapshot.vectors(ids, reporter=reporter)
    return EmbeddingSet(
        chosen.name,
        tuple(faces[k].path for k in order),
        tuple(labels[k] for k in order),
        tuple(faces[k].ordinal for k in order),
        np.array([faces[k].norm for k in order], np.float32),
        vectors,
    )
