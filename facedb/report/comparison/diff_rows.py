"""What a comparison of two scans needs to know of their faces."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from psycopg import sql

from facedb.core.files.paths import from_text
from facedb.core.lookup import rows_of
from facedb.core.records import Int64Array
from facedb.dataset.model_rows import partition
from facedb.db.connection import Connection
from facedb.db.copy import Column, read_chunks, read_columns
from facedb.db.queries import load
from facedb.scan.scan_rows import ScanRow

SQL = load("report", "diff")
GONE = "(gone)"
_MATCHED = [
    *(Column(f"{side}_{end}", "int8") for side in ("before", "after") for end in "ab"),
    *(Column(side, "float4") for side in ("before", "after")),
]
_MATCHED_DTYPE = np.dtype([(column.name, column.value_dtype.newbyteorder("=")) for column in _MATCHED])
_TOGETHER = 10_000


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


def flagged_faces(conn: Connection, scan_id: int) -> Int64Array:
    """The faces in the flagged pairs of a scan, int64 (n,), sorted."""
    query = sql.SQL(SQL["flagged_faces"]).format(pairs=partition("flagged_pair", scan_id))
    return np.sort(read_columns(conn.cursor(), query, [Column("face", "int8")])["face"])


def matched_pairs(conn: Connection, scans: Sequence[ScanRow], *, by_image: bool) -> Iterator[NDArray[np.void]]:
    """Every pair that one of two ``scans`` flagged or both, some at a time: arrays (m,) with the fields ``before_a``, ``before_b``,
    ``after_a`` and ``after_b``, its faces in each scan, and ``before`` and ``after``, its scores, NaN where a scan did not flag it."""
    return read_chunks(conn.cursor(), _matched(scans, by_image=by_image), _MATCHED)


def changed_pairs(
    conn: Connection, scans: Sequence[ScanRow], *, by_image: bool, relabelled: Int64Array
) -> Iterator[tuple[NDArray[np.void], list[tuple[str, str]]]]:
    """Those of `matched_pairs` whose scores differ or that have a face of ``relabelled`` (n,), with the paths of both ends (m,): new,
    gone, changed, each by its newer score and then by paths."""
    query = sql.SQL(SQL["changed"]).format(pairs=_matched(scans, by_image=by_image))
    with conn.cursor(name="changed") as cursor:
        cursor.execute(query, {"relabelled": relabelled.tolist(), "gone": GONE})
        while found := cursor.fetchmany(_TOGETHER):
            matched = np.array([row[:-2] for row in found], _MATCHED_DTYPE)
            yield matched, [(from_text(row[-2]), from_text(row[-1])) for row in found]


def _matched(scans: Sequence[ScanRow], *, by_image: bool) -> sql.Composed:
    flagged = sql.SQL(SQL["flagged_by_image" if by_image else "flagged_by_face"])
    before, after = (flagged.format(pairs=partition("flagged_pair", scan.id)) for scan in scans)
    return sql.SQL(SQL["matched"]).format(before=before, after=after)


def label_names(conn: Connection, ids: Sequence[int]) -> dict[int, str]:
    """Names of identities by key."""
    return {row[0]: from_text(row[1]) for row in conn.execute(SQL["label_names"], {"ids": list(ids)})}
