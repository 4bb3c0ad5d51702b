"""What a scan compared and found, as columns of arrays: its ledger, flagged pairs, links, histograms and the faces outside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psycopg import sql
from psycopg.types.json import Jsonb

from facedb.core.records import Float32Array, Float64Array, Int32Array, Int64Array
from facedb.dataset.model_rows import partition
from facedb.db.connection import Connection
from facedb.db.copy import Column, read_packed_chunks, sent_array, write_columns
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

_EMBEDDING_IDS, _IDENTITY_IDS = Column("embedding_ids", "int8"), Column("identity_ids", "int4")
_OUTSIDER_COLUMNS = [Column("scan_id", "int4"), Column("face_id", "int8"), Column("embedding_id", "int8")]


@dataclass(frozen=True, slots=True)
class LedgerBlock:
    """A block of the ledger: who is in it, ``embedding_ids`` int64 (n,) under labels ``identity_ids`` int32 (n,).

    ``face_ids`` int64 (n,) are written with a new scan and not read back with the others; ``complete``: the table has them.
    """

    block: int
    carried: bool
    embedding_ids: Int64Array
    identity_ids: Int32Array
    face_ids: Int64Array | None = None
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Labels:
    """How the faces of a gallery are labelled: ``faces`` int64 (k,) of each of ``identities`` (k,), and of the faces without a label
    ``unlabelled`` int64 (u,) in each of ``datasets`` (u,)."""

    identities: NDArray[np.integer]
    faces: Int64Array
    datasets: NDArray[np.integer]
    unlabelled: Int64Array

    @staticmethod
    def of(identity_ids: Int32Array, dataset_ids: Int32Array) -> Labels:
        """Of faces with these labels, negative where there is none, in these datasets (n,)."""
        identities, faces = np.unique(identity_ids[identity_ids > 0], return_counts=True)
        return Labels(identities, faces, *np.unique(dataset_ids[identity_ids < 0], return_counts=True))


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

    @staticmethod
    def join(parts: Sequence[PairRows]) -> PairRows:
        """All ``parts`` as one."""
        empty = PairRows(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32))
        joined = parts or [empty]
        return PairRows(*(np.concatenate([getattr(part, name) for part in joined]) for name in PairRows.__slots__))


def begin_scan(
    conn: Connection,
    *,
    model_id: int,
    base_scan_id: int | None,
    threshold: float,
    scope: Mapping[str, Any],
    engine: str,
    labels: Labels,
    blocks: Sequence[LedgerBlock],
    keep_blocks: bool = False,
) -> int:
    """Write a new scan with its whole ledger and an empty partition of ``flagged_pair``; returns its key.

    ``keep_blocks``: the carried ones of ``blocks`` are those of the base scan, which has them all.
    """
    row = conn.execute(
        SQL["add_scan"],
        {
            "model_id": model_id,
            "base_scan_id": base_scan_id,
            "threshold": threshold,
            "scope": Jsonb(dict(scope)),
            "engine": engine,
            "faces": sum(len(b.embedding_ids) for b in blocks),
            "new_faces": sum(len(b.embedding_ids) for b in blocks if not b.carried),
            "identities": len(labels.identities),
        },
    ).fetchone()
    assert row is not None  # noqa: S101 - insert ... returning always yields a row
    scan_id = int(row[0])
    conn.execute(SQL["add_partition"], {"scan_id": scan_id})
    if keep_blocks:
        conn.execute(SQL["keep_blocks"], {"scan_id": scan_id, "base": base_scan_id})
    for b in blocks:
        if b.carried and keep_blocks:
            continue
        conn.execute(
            SQL["add_block"],
            {
                "scan_id": scan_id,
                "block": b.block,
                "carried": b.carried,
                "embedding_ids": array_text(b.embedding_ids),
                "identity_ids": array_text(b.identity_ids),
                "face_ids": None if b.face_ids is None else array_text(b.face_ids),
            },
        )
    counts = {name: array_text(getattr(labels, name)) for name in Labels.__slots__}
    conn.execute(SQL["add_datasets"], {"scan_id": scan_id, **counts})
    return scan_id


def array_text(values: NDArray[np.integer]) -> str:
    """``values`` as PostgreSQL writes an array: psycopg dumps a list number by number, which took longer than loading the vectors."""
    return "{" + ",".join(map(str, values.tolist())) + "}"


def ledger(conn: Connection, scan_id: int) -> list[LedgerBlock]:
    """The blocks of a scan in order."""
    cursor = conn.cursor(binary=True)
    cursor.execute(SQL["blocks"], {"scan_id": scan_id})
    return [
        LedgerBlock(
            block,
            carried,
            sent_array(embeddings, _EMBEDDING_IDS),
            sent_array(identities, _IDENTITY_IDS),
            complete=complete,
        )
        for block, carried, embeddings, identities, complete in cursor
    ]


def members(blocks: Sequence[LedgerBlock]) -> tuple[Int64Array, Int32Array]:
    """Who is in some blocks: embeddings int64 (n,) and their labels int32 (n,), one block after the other."""
    ids = np.concatenate([np.empty(0, np.int64), *(block.embedding_ids for block in blocks)])
    return ids, np.concatenate([np.empty(0, np.int32), *(block.identity_ids for block in blocks)])


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


def read_pairs(conn: Connection, scan_id: int) -> PairRows:
    """Every flagged pair of a scan, in no particular order."""
    return PairRows.join(list(pairs_in_parts(conn, scan_id)))


def abandon_scan(conn: Connection, scan_id: int) -> None:
    """Give up a running scan that cannot be finished any more, and drop its pairs."""
    conn.execute(SQL["abandon_scan"], {"scan_id": scan_id})
    conn.execute(SQL["abandon_links"], {"scan_id": scan_id})
    conn.execute(sql.SQL("truncate {}").format(partition("flagged_pair", scan_id)))


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


def write_histogram(
    conn: Connection,
    scan_id: int,
    kind: str,
    *,
    counted: Int64Array | None,
    sampled: Int64Array | None,
    total: int,
    counted_from: float | None,
    mated: Float64Array | None = None,
    doubt: Float64Array | None = None,
) -> None:
    """Write the histograms of one kind, int64 counts by bin, with their denominator.

    ``mated`` of the counted pairs are of one person, and ``doubt`` is what each bin adds to the variance of that.
    """
    for source, counts in (("counted", counted), ("sampled", sampled)):
        if counts is not None and counts.any():
            bins = np.flatnonzero(counts)
            parameters = {
                "scan_id": scan_id,
                "kind": kind,
                "source": source,
                "bins": bins.tolist(),
                "counts": counts[bins].tolist(),
                "mated": mated[bins].tolist() if mated is not None and source == "counted" else None,
                "doubt": doubt[bins].tolist() if doubt is not None and source == "counted" else None,
            }
            conn.execute(SQL["add_histogram"], parameters)
    parameters = {
        "scan_id": scan_id,
        "kind": kind,
        "total": total,
        "counted_from": counted_from,
        "sampled": 0 if sampled is None else int(sampled.sum()),
    }
    conn.execute(SQL["add_total"], parameters)


def outsiders(conn: Connection, scan_id: int) -> Int64Array:
    """The embeddings without a label that took part in the findings of a scan, int64 (u,), ascending."""
    rows = conn.execute(SQL["outsiders"], {"scan_id": scan_id}).fetchall()
    return np.array([row[0] for row in rows], np.int64)


def write_outsiders(conn: Connection, scan_id: int, embedding_ids: Int64Array, face_ids: Int64Array) -> None:
    """Write which faces without a label take part in the findings of a scan."""
    values: dict[str, NDArray[Any] | int | float] = {
        "scan_id": scan_id,
        "face_id": face_ids,
        "embedding_id": embedding_ids,
    }
    conn.execute("delete from facedb.scan_outsider where scan_id = %s", (scan_id,))
    if len(face_ids):
        write_columns(conn.cursor(), sql.SQL("facedb.scan_outsider"), _OUTSIDER_COLUMNS, values)
