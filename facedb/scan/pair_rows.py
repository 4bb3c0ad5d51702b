"""What a scan found between faces and between identities: flagged pairs and links, as columns of arrays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psycopg import sql

from facedb.core.records import Float32Array, Int64Array
from facedb.dataset.model_rows import partition
from facedb.db.connection import Connection
from facedb.db.copy import Column, read_packed_chunks, write_columns
from facedb.db.queries import load

SQL = load("scan", "scan")


_PAIR_COLUMNS = [
    Column("face_a", "int8"),
    Column("face_b", "int8"),
    Column("score", "float4"),
    Column("scan_id", "int4"),
]

# Ten thousand pairs or so.
_PAGES_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class PairRows:
    """Flagged pairs of faces: ``face_a`` < ``face_b`` int64 (m,), ``score`` float32 (m,)."""

    face_a: Int64Array
    face_b: Int64Array
    score: Float32Array

    def __len__(self) -> int:
        return len(self.score)

    @staticmethod
    def between(one: Int64Array, other: Int64Array, scores: Float32Array) -> PairRows:
        """Pairs of the faces ``one`` and ``other`` (m,), each put in order."""
        return PairRows(np.minimum(one, other), np.maximum(one, other), scores)


def write_pairs(conn: Connection, scan_id: int, pairs: PairRows) -> None:
    """COPY flagged pairs into the partition of their scan."""
    if len(pairs):
        values: dict[str, NDArray[Any] | int | float] = {
            "face_a": pairs.face_a,
            "face_b": pairs.face_b,
            "score": pairs.score,
            "scan_id": scan_id,
        }
        write_columns(conn.cursor(), partition("flagged_pair", scan_id), _PAIR_COLUMNS, values)


def pairs_in_parts(conn: Connection, scan_id: int) -> Iterator[PairRows]:
    """The flagged pairs of a scan, some at a time, in no particular order."""
    pairs = partition("flagged_pair", scan_id)
    query = sql.SQL(SQL["packed_pairs"]).format(
        pairs=pairs, name=sql.Literal(pairs.as_string(conn)), step=sql.Literal(_PAGES_AT_ONCE)
    )
    for part in read_packed_chunks(conn.cursor(), query, _PAIR_COLUMNS[:3]):
        yield PairRows(part["face_a"], part["face_b"], part["score"])


_LINK_COLUMNS = [
    Column("scan_id", "int4"),
    Column("rank", "int4"),
    Column("identity_a", "int4"),
    Column("identity_b", "int4"),
    Column("pairs", "int8"),
    Column("faces_a", "int4"),
    Column("faces_b", "int4"),
    Column("size_a", "int4"),
    Column("size_b", "int4"),
    Column("max_score", "float4"),
    Column("mean_score", "float4"),
    Column("median_score", "float4"),
    Column("centroid_score", "float4"),
]


def write_links(conn: Connection, scan_id: int, columns: Mapping[str, NDArray[Any]]) -> None:
    """COPY the links of a scan, strongest first; ``columns`` holds an array (m,) for every column but scan_id and rank."""
    count = len(columns["pairs"])
    if count:
        values: dict[str, NDArray[Any] | int | float] = {"scan_id": scan_id, "rank": np.arange(1, count + 1), **columns}
        write_columns(conn.cursor(), sql.SQL("facedb.link"), _LINK_COLUMNS, values)
