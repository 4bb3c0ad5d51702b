"""Who is in a gallery: every embedding of a contract with its face, its image and its label, out of the tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from psycopg import sql

from facedb.core.lookup import rows_of
from facedb.core.records import Float32Array, Int32Array, Int64Array
from facedb.dataset.model_rows import ModelRow, partition
from facedb.db.connection import Connection
from facedb.db.copy import Column, read_columns, read_packed_columns
from facedb.db.queries import load

SQL = load("scan", "scan")

Columns = dict[str, NDArray[Any]]

PAGE_BYTES: Final = 8192
_PAGES_AT_ONCE = 32
_BYTES_BESIDE = 600
"""Up to so many bytes of faces and images for each embedding, reading the tables as they lie is faster than having the server join
them: with a million of each three scans took it 0.8 s and the joins 4.9 s."""
JOINED_UP_TO = 20_000
"""Up to this many embeddings are joined in no time."""

_EMBEDDING = [Column("id", "int8"), Column("face_id", "int8"), Column("norm", "float4"), Column("mark", "int8")]
_FACE = [
    Column("id", "int8"),
    Column("image_id", "int8"),
    Column("size_px", "float4"),
    Column("sharpness", "float4"),
    Column("roll", "float4"),
]
_IMAGE = [
    Column("id", "int8"),
    Column("identity_id", "int4"),
    Column("dataset_id", "int4"),
    Column("present", "int4"),
    Column("has_content", "int4"),
    Column("content", "bytea", 8),
    Column("has_look", "int4"),
    Column("look", "int8"),
]
_FACE_COLUMNS = [*_EMBEDDING, *_FACE[1:], *_IMAGE[1:]]


@dataclass(frozen=True, slots=True)
class GalleryFaces:
    """Who is in a gallery, one entry per embedding: arrays of shape (n,).

    ``embedding_ids``, ``face_ids``, ``image_ids`` int64; ``identity_ids`` (0: no label) and ``dataset_ids`` int32;
    ``size_px``, ``sharpness`` and ``roll``, how the eyes and the way to the mouth are turned, in degrees (NaN: not measured), and ``norms``
    float32. Of the image: ``content`` int64, 63 bits that stand for its bytes (-1: unknown),
    and ``look`` int64, its perceptual hash, meaningless where ``has_look`` (bool) is False.
    """

    embedding_ids: Int64Array
    face_ids: Int64Array
    image_ids: Int64Array
    identity_ids: Int32Array
    dataset_ids: Int32Array
    size_px: Float32Array
    sharpness: Float32Array
    roll: Float32Array
    norms: Float32Array
    content: Int64Array
    look: Int64Array
    has_look: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.embedding_ids)

    def take(self, rows: NDArray[Any]) -> GalleryFaces:
        """The faces at ``rows`` (indices or a mask), in that order."""
        return GalleryFaces(*(getattr(self, f.name)[rows] for f in fields(self)))

    @staticmethod
    def of(rows: Columns) -> GalleryFaces:
        """Those of the ``rows`` that `read_faces` gave whose images are still there, ordered by identity, then face."""
        keep = np.flatnonzero(rows["present"] != 0)
        keep = keep[np.lexsort((rows["face_id"][keep], rows["identity_id"][keep]))]
        bits = rows["content"].view(">i8").astype(np.int64) & np.int64(2**63 - 1)
        return GalleryFaces(
            rows["id"],
            rows["face_id"],
            rows["image_id"],
            rows["identity_id"],
            rows["dataset_id"],
            rows["size_px"],
            rows["sharpness"],
            rows["roll"],
            rows["norm"],
            np.where(rows["has_content"] != 0, bits, np.int64(-1)),
            rows["look"],
            rows["has_look"] != 0,
        ).take(keep)


def read_faces(conn: Connection, joined: Callable[[], AbstractContextManager[Connection]], model: ModelRow) -> Columns:
    """Every embedding of ``model`` with what is known of its face and image, one array (n,) for each of `_FACE_COLUMNS`.

    ``joined`` opens further connections that see the snapshot of ``conn``.
    """
    embedding = partition("embedding", model.id)
    sizes = conn.execute(
        sql.SQL(SQL["table_sizes"]).format(embedding=sql.Literal(embedding.as_string(conn)))
    ).fetchone()
    assert sizes is not None  # noqa: S101 - one row always
    # A contract with few of the faces in a database lets the server find them.
    about = sizes[0] // (4 * model.dim + 64)
    if about <= JOINED_UP_TO or sizes[1] + sizes[2] > _BYTES_BESIDE * about:
        query = sql.SQL(SQL["faces"]).format(embedding=embedding, dim=sql.Literal(model.dim))
        return read_columns(conn.cursor(), query, _FACE_COLUMNS)
    with ThreadPoolExecutor(2) as pool:
        beside = [
            pool.submit(_beside, joined, *asked)
            for asked in (("packed_faces", sizes[1], _FACE), ("packed_images", sizes[2], _IMAGE))
        ]
        step = max(1, _PAGES_AT_ONCE * 4 * model.dim // 512)
        packed = _packed("packed_embeddings", sizes[0], step, embedding=embedding, dim=sql.Literal(model.dim))
        rows = read_packed_columns(conn.cursor(), packed, _EMBEDDING)
        faces, images = (each.result() for each in beside)
    # Nothing is left out here: an embedding has its face, and that its image, by foreign keys.
    face = rows_of(rows["face_id"], faces["id"])
    image = rows_of(faces["image_id"][face], images["id"])
    rows["image_id"] = faces["image_id"][face]
    rows |= {column.name: faces[column.name][face] for column in _FACE[2:]}
    return rows | {column.name: images[column.name][image] for column in _IMAGE[1:]}


def _beside(
    joined: Callable[[], AbstractContextManager[Connection]], name: str, size: int, columns: Sequence[Column]
) -> Columns:
    """The columns of a table of ``size`` bytes over a connection of its own: the server takes longest for images."""
    with joined() as conn:
        return read_packed_columns(conn.cursor(), _packed(name, size), columns)


def _packed(name: str, size: int, step: int = _PAGES_AT_ONCE, **names: sql.Composable) -> sql.Composable:
    """A query over the pages of a table of ``size`` bytes, ``step`` of them in each row."""
    pages = {"first": 0, "end": size // PAGE_BYTES + 1, "step": step}
    return sql.SQL(SQL[name]).format(**{key: sql.Literal(value) for key, value in pages.items()}, **names)
