"""Images that wait for a model, those that it rejected, and what became of them so far."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import sql

from facedb.core.files.paths import from_text
from facedb.db.connection import Connection
from facedb.db.locks import Claim, claim
from facedb.db.queries import load

SQL = load("dataset", "embed")


@dataclass(frozen=True, slots=True)
class PendingImage:
    """An image that a contract has not seen yet, and where its bytes are."""

    id: int
    root: str
    path: str
    container: str | None
    container_offset: int | None
    container_length: int | None
    box: tuple[float, float, float, float] | None
    landmarks: tuple[float, ...] | None
    sha256: bytes | None


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What a contract made of a dataset: images with a face, their faces, images rejected."""

    images: int
    faces: int
    rejected: int


def count_pending(conn: Connection, model_id: int, dataset_id: int | None) -> int:
    """Images that the contract has not seen."""
    row = conn.execute(_of_unseen("count_pending"), {"model_id": model_id, "dataset_id": dataset_id}).fetchone()
    return int(row[0]) if row else 0


def pending(conn: Connection, model_id: int, dataset_id: int | None) -> Iterator[PendingImage]:
    """Images that the contract has not seen, streamed; the connection is left without an open transaction."""
    with conn.cursor(name="pending", withhold=True) as cursor:
        cursor.itersize = 2000
        cursor.execute(_of_unseen("pending"), {"model_id": model_id, "dataset_id": dataset_id})
        # Held over the commit: embedding a large dataset takes hours, and an open transaction would keep vacuum away.
        conn.commit()
        yield from map(_pending_image, cursor)


def images_with_bytes(conn: Connection, image_ids: Sequence[int]) -> list[PendingImage]:
    """Where the bytes of images are, those that came as vectors left out, in an order in which containers are read forward."""
    return [_pending_image(row) for row in conn.execute(SQL["images_with_bytes"], {"ids": list(image_ids)})]


def _of_unseen(query: str) -> sql.Composed:
    return sql.SQL(SQL[query]).format(unseen=sql.SQL(SQL["unseen"]))


def _pending_image(row: tuple[Any, ...]) -> PendingImage:
    box, landmarks = row[6], row[7]
    return PendingImage(
        row[0],
        from_text(row[1]),
        from_text(row[2]),
        from_text(row[3]),
        row[4],
        row[5],
        None if box is None else tuple(box),
        None if landmarks is None else tuple(landmarks),
        row[8],
    )


def unchanged(conn: Connection, hashes: Mapping[int, bytes | None]) -> set[int]:
    """Those of the images (key -> sha256) that are still ready with these bytes, locked until the transaction ends."""
    rows = conn.execute(SQL["unchanged"], {"ids": list(hashes), "hashes": list(hashes.values())})
    return {row[0] for row in rows}


def retry_rejects(
    conn: Connection, model_id: int | None, datasets: Sequence[int] | None, code: str | None = None
) -> int:
    """Make rejects pending again, of one contract or all, of some datasets or all, of one code or all; returns how many."""
    parameters = {"model_id": model_id, "datasets": None if datasets is None else list(datasets), "code": code}
    return conn.execute(SQL["retry_rejects"], parameters).rowcount


def lock_embed(conn: Connection, model_id: int, dataset_id: int | None) -> Claim:
    """Take the session's lock on embedding a dataset under a contract; False when another run has it."""
    if dataset_id is None:
        return claim(conn, "embed", model_id)
    # Runs over different datasets share the first lock, and a run over all of them excludes them all.
    return claim(conn, "embed", model_id, shared=True) and claim(conn, "embed", model_id, dataset_id)


def count_outcomes(conn: Connection, model_id: int, dataset_id: int | None) -> Outcomes:
    """What the contract made of a dataset (None: of all)."""
    row = conn.execute(SQL["count_outcomes"], {"model_id": model_id, "dataset_id": dataset_id}).fetchone()
    assert row is not None  # noqa: S101 - an aggregate yields one row
    return Outcomes(*map(int, row))
