"""Embeddings with their labels, as they are exported and handed to notebooks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from facedb.core.files.paths import to_text
from facedb.core.machine import memory
from facedb.core.progress import Reporter
from facedb.core.records import Float32Array
from facedb.db.connection import Connection, Database
from facedb.report import export_rows
from facedb.report.python_results import to_pandas
from facedb.review import decision_rows
from facedb.scan.faces.gallery import GallerySnapshot
from facedb.scan.which_scan import find_scope

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

# Its path and label, its row and its place in the order, as objects of Python: an estimate.
_BYTES_PER_FACE = 600


@dataclass(frozen=True, slots=True, eq=False)
class Embeddings:
    """Embeddings of one model with their labels, None for images without one.

    ``vectors`` float32 (n, d) of length 1, read-only, in the order of the other fields.

    ``norms`` float32 (n,) are the lengths before normalisation, ``ordinals`` the numbers of the faces within their images.
    Sorted by identity, then path; those without a label come last.
    """

    model: str
    paths: tuple[str, ...]
    identities: tuple[str | None, ...]
    ordinals: tuple[int, ...]
    norms: Float32Array = field(repr=False)
    vectors: Float32Array = field(repr=False)

    def __len__(self) -> int:
        return len(self.paths)

    def to_arrow(self) -> pa.Table:
        """path, identity, ordinal, norm and vector (a list of d float32) as an Arrow table."""
        import pyarrow as pa

        count, dim = self.vectors.shape
        flat = pa.array(self.vectors.reshape(count * dim), pa.float32())
        return pa.table(
            {
                "path": pa.array([to_text(path) for path in self.paths], pa.string()),
                "identity": pa.array([to_text(name) for name in self.identities], pa.string()),
                "ordinal": pa.array(self.ordinals, pa.int32()),
                "norm": pa.array(self.norms, pa.float32()),
                "vector": pa.FixedSizeListArray.from_arrays(flat, dim),
            }
        )

    def to_pandas(self) -> pd.DataFrame:
        """The same as a data frame; raises UsageError where pandas is not installed."""
        return to_pandas(self.to_arrow())


def load_embeddings(
    db: Database,
    conn: Connection,
    *,
    model: str | None = None,
    dataset: str | None = None,
    identity_id: int | None = None,
    final: Mapping[int, int | None] | None = None,
    reporter: Reporter,
) -> Embeddings:
    """Embeddings under a contract (default: the one used last); ``final`` overrides labels by image, None leaves out.

    Raises NotFoundError for an unknown model.
    """
    chosen = find_scope(conn, [dataset], model).model
    final = final or {}
    faces = export_rows.embedded_faces(conn, chosen.id, dataset=dataset, identity_id=identity_id)
    faces = [face for face in faces if face.image_id not in final or final[face.image_id] is not None]
    wanted = {key for key in final.values() if key is not None}
    names = {key: name for key, (name, _) in decision_rows.identity_names(conn, sorted(wanted)).items()}
    labels = [names[final[f.image_id] or 0] if f.image_id in final else f.identity for f in faces]
    order = sorted(
        range(len(faces)), key=lambda k: (labels[k] is None, labels[k] or "", faces[k].path, faces[k].ordinal)
    )
    memory.expect(
        len(order) * (8 * chosen.dim + _BYTES_PER_FACE),
        f"{len(order):,} embeddings x {chosen.dim} values",
        "ask for one dataset or identity at a time, or take a machine with more.",
    )
    ids = np.array([faces[k].embedding_id for k in order], np.int64)
    with GallerySnapshot(db.open, chosen) as snapshot:
        vectors = snapshot.vectors(ids, reporter=reporter)
    norms = np.array([faces[k].norm for k in order], np.float32)
    vectors.flags.writeable = norms.flags.writeable = False
    return Embeddings(
        chosen.name,
        tuple(faces[k].path for k in order),
        tuple(labels[k] for k in order),
        tuple(faces[k].ordinal for k in order),
        norms,
        vectors,
    )
