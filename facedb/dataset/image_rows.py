"""Images: the rows that an ingest writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import sql
from psycopg.types.json import Jsonb

from facedb.core.files.paths import are_plain, to_text
from facedb.db.connection import Connection
from facedb.db.queries import load

SQL = load("dataset", "ingest")


@dataclass(frozen=True, slots=True)
class ImageRow:
    """One row of facedb.image as an ingest writes it; ``id`` is its key, reserved before when the row is new."""

    id: int
    identity_id: int | None
    status: str
    reject_code: str | None
    reject_detail: str | None
    path: str
    size: int
    mtime_ns: int | None
    sha256: bytes | None
    container: str | None
    container_offset: int | None
    container_length: int | None
    box: Sequence[float] | None
    landmarks: Sequence[float] | None
    extra: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class KnownImage:
    """What the table says of a path that an ingest meets again."""

    id: int
    size: int
    mtime_ns: int | None
    sha256: bytes | None
    status: str
    reject_code: str | None
    reject_detail: str | None
    identity_id: int | None
    labelled_by: str
    container: str | None
    container_offset: int | None
    container_length: int | None
    box: Sequence[float] | None
    landmarks: Sequence[float] | None
    extra: Mapping[str, Any] | None


def count(conn: Connection, query: str, parameters: Mapping[str, Any]) -> int:
    """The number that a query of ``ingest.sql`` gives."""
    row = conn.execute(SQL[query], parameters).fetchone()
    return int(row[0]) if row else 0


def find_images(conn: Connection, source_id: int, paths: Sequence[str]) -> dict[str, KnownImage]:
    """What is known of ``paths``, by path."""
    texts = {path: path for path in paths} if are_plain(paths) else {to_text(path): path for path in paths}
    rows = conn.execute(SQL["find_images"], {"source_id": source_id, "paths": list(texts)})
    return {texts[row[0]]: KnownImage(*row[1:]) for row in rows}


def reserve_ids(conn: Connection, table: str, n: int) -> list[int]:
    """``n`` fresh keys of a facedb table with an identity column ``id``, ascending."""
    sequence = f"facedb.{table}_id_seq"
    row = conn.execute(SQL["reserve_ids"], {"sequence": sequence, "n": n}, binary=True).fetchone()
    return list(row[0]) if row else []


_IMAGE_COLUMNS = (
    "id",
    "source_id",
    "identity_id",
    "status",
    "reject_code",
    "reject_detail",
    "path",
    "bytes",
    "mtime_ns",
    "sha256",
    "container",
    "container_offset",
    "container_length",
    "box",
    "landmarks",
    "extra",
)


def insert_images(conn: Connection, source_id: int, rows: Sequence[ImageRow]) -> None:
    """COPY new images in."""
    if not rows:
        return
    names = sql.SQL(", ").join(map(sql.Identifier, _IMAGE_COLUMNS))
    with conn.cursor().copy(sql.SQL("copy facedb.image ({}) from stdin").format(names)) as copy:
        for row in rows:
            copy.write_row(
                (
                    row.id,
                    source_id,
                    row.identity_id,
                    row.status,
                    row.reject_code,
                    row.reject_detail,
                    to_text(row.path),
                    row.size,
                    row.mtime_ns,
                    row.sha256,
                    to_text(row.container),
                    row.container_offset,
                    row.container_length,
                    _list(row.box),
                    _list(row.landmarks),
                    jsonb(row.extra),
                )
            )


def update_images(conn: Connection, rows: Sequence[ImageRow]) -> None:
    """Bring known images up to date; a label that a person set stays."""
    if not rows:
        return
    conn.cursor().executemany(
        SQL["update_image"],
        [
            {
                "id": row.id,
                "identity_id": row.identity_id,
                "status": row.status,
                "reject_code": row.reject_code,
                "reject_detail": row.reject_detail,
                "bytes": row.size,
                "mtime_ns": row.mtime_ns,
                "sha256": row.sha256,
                "container": to_text(row.container),
                "container_offset": row.container_offset,
                "container_length": row.container_length,
                "box": _list(row.box),
                "landmarks": _list(row.landmarks),
                "extra": jsonb(row.extra),
            }
            for row in rows
        ],
    )


def _list(values: Sequence[float] | None) -> list[float] | None:
    return None if values is None else list(values)


def jsonb(value: Mapping[str, Any] | None) -> Jsonb | None:
    """A jsonb column: NULL for nothing."""
    return Jsonb(dict(value)) if value else None


def forget_rejects(conn: Connection, image_ids: Sequence[int]) -> None:
    """Let every model try those images again that it could not use."""
    if image_ids:
        conn.execute(SQL["forget_rejects"], {"image_ids": list(image_ids)})


def forget_derived(conn: Connection, image_ids: Sequence[int]) -> None:
    """Drop faces, embeddings, rejects and facts of images whose bytes changed."""
    if image_ids:
        for name in ("forget_faces", "forget_rejects", "forget_facts"):
            conn.execute(SQL[name], {"image_ids": list(image_ids), "ids": list(image_ids)})
