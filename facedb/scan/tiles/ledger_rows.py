"""Who takes part in a scan, as rows: the blocks of its ledger, the labels of its gallery, and the faces outside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psycopg import sql

from facedb.core.records import Int32Array, Int64Array
from facedb.dataset.model_rows import partition
from facedb.db.connection import Connection
from facedb.db.copy import Column, sent_array, write_columns
from facedb.db.queries import load
from facedb.scan.scan_rows import Parameters, add_partition

SQL = load("scan", "ledger")

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


def begin_scan(
    conn: Connection,
    parameters: Parameters,
    engine: str,
    labels: Labels,
    blocks: Sequence[LedgerBlock],
    *,
    base_scan_id: int | None = None,
    keep_blocks: bool = False,
) -> int:
    """Write a new scan with its whole ledger and an empty partition of ``flagged_pair``; returns its key.

    ``keep_blocks``: the carried ones of ``blocks`` are those of the base scan, which has them all.
    """
    row = conn.execute(
        SQL["add_scan"],
        parameters.stored()
        | {
            "base_scan_id": base_scan_id,
            "engine": engine,
            "faces": sum(len(b.embedding_ids) for b in blocks),
            "new_faces": sum(len(b.embedding_ids) for b in blocks if not b.carried),
            "identities": len(labels.identities),
        },
    ).fetchone()
    assert row is not None  # noqa: S101 - insert ... returning always yields a row
    scan_id = int(row[0])
    add_partition(conn, scan_id)
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


def read_blocks(conn: Connection, scan_id: int) -> list[LedgerBlock]:
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


def abandon_scan(conn: Connection, scan_id: int) -> None:
    """Give up a running scan that cannot be finished any more, and drop its pairs."""
    conn.execute(SQL["abandon_scan"], {"scan_id": scan_id})
    conn.execute(SQL["abandon_links"], {"scan_id": scan_id})
    conn.execute(sql.SQL("truncate {}").format(partition("flagged_pair", scan_id)))


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
