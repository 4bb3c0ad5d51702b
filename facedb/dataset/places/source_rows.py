"""Sources: where datasets are fed from, and which of their files are one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg.types.json import Jsonb

from facedb.core.files.paths import from_text, to_text
from facedb.dataset.image_rows import SQL, count
from facedb.db.connection import Connection
from facedb.db.locks import Claim, claim


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A source that a dataset is fed from; ``usable`` says whether it holds any image that is ready."""

    id: int
    dataset_id: int
    dataset: str
    location: str
    root: str
    format: str
    options: Mapping[str, Any]
    usable: bool


@dataclass(frozen=True, slots=True)
class EqualFile:
    """A file whose bytes another one of its dataset has too, or that was taken for another name of one."""

    id: int
    source_id: int
    root: str
    path: str
    identity_id: int | None
    status: str
    code: str | None
    detail: str | None
    sha256: bytes


@dataclass(frozen=True, slots=True)
class ImagePlace:
    """Where the bytes of an image are: ``path`` and ``container`` below ``root``, ``offset`` and ``length`` in the container."""

    root: str
    format: str
    path: str
    container: str | None
    offset: int | None
    length: int | None
    status: str
    sha256: bytes | None


def sources(conn: Connection) -> list[SourceRow]:
    """Every source, the oldest first."""
    rows = conn.execute(SQL["sources"])
    return [SourceRow(row[0], row[1], row[2], from_text(row[3]), from_text(row[4]), *row[5:]) for row in rows]


def place_source(
    conn: Connection, source_id: int, location: str, root: str, source_format: str, options: Mapping[str, Any]
) -> None:
    """Note where a known source is and how it is read."""
    conn.execute(
        SQL["place_source"],
        {
            "source_id": source_id,
            "location": to_text(location),
            "root": to_text(root),
            "format": source_format,
            "options": Jsonb(dict(options)),
        },
    )


def count_ready(conn: Connection, source_id: int) -> int:
    """How many usable images a source has."""
    return count(conn, "count_ready", {"source_id": source_id})


def sample_files(conn: Connection, source_id: int, limit: int) -> list[tuple[str, int | None]]:
    """Some usable files of a source: path below the root, and size in bytes (None: a container)."""
    rows = conn.execute(SQL["sample_files"], {"source_id": source_id, "limit": limit})
    return [(from_text(row[0]), row[1]) for row in rows]


def ready_files(conn: Connection, source_id: int) -> list[str]:
    """Every usable file of a source, below its root."""
    return [from_text(row[0]) for row in conn.execute(SQL["ready_files"], {"source_id": source_id})]


def plan_of_source(conn: Connection, source_id: int) -> int | None:
    """A plan that moved files of a source and was not taken back, or None."""
    row = conn.execute(SQL["steps_of_source"], {"source_id": source_id}).fetchone()
    return None if row is None or row[0] is None else int(row[0])


def absorb_source(conn: Connection, from_id: int, to_id: int) -> None:
    """Drop a source that is another one under a second name; labels that people set go to the one that stays."""
    conn.execute(SQL["keep_person_labels"], {"from_id": from_id, "to_id": to_id})
    conn.execute(SQL["drop_source"], {"source_id": from_id})


def drop_if_empty(conn: Connection, source_id: int, dataset_id: int) -> None:
    """Drop a source that holds nothing, and its dataset where nothing else feeds it."""
    if conn.execute(SQL["drop_if_empty"], {"source_id": source_id}).rowcount:
        conn.execute(SQL["drop_dataset_if_empty"], {"dataset_id": dataset_id})


def lock_dataset(conn: Connection, dataset_id: int) -> None:
    """Let nobody else settle which names of a dataset are one file until this transaction ends."""
    conn.execute(SQL["lock_dataset"], {"dataset_id": dataset_id})


def equal_files(conn: Connection, dataset_id: int) -> list[EqualFile]:
    """Files of a dataset that have equal bytes or had, by content and key."""
    rows = conn.execute(SQL["equal_files"], {"dataset_id": dataset_id})
    return [EqualFile(row[0], row[1], from_text(row[2]), from_text(row[3]), *row[4:]) for row in rows]


def settle(conn: Connection, changes: Sequence[tuple[int, str, str | None, str | None]]) -> None:
    """Write status, code and detail of images: (key, status, code, detail)."""
    if changes:
        ids, statuses, codes, details = (list(column) for column in zip(*sorted(changes), strict=True))
        conn.execute(SQL["settle"], {"ids": ids, "statuses": statuses, "codes": codes, "details": details})


def image_place(conn: Connection, image_id: int) -> ImagePlace | None:
    """Where the bytes of an image are, or None when it was pruned."""
    row = conn.execute(SQL["image_place"], {"image_id": image_id}).fetchone()
    if row is None:
        return None
    root, source_format, path, container, *rest = row
    return ImagePlace(from_text(root), source_format, from_text(path), from_text(container), *rest)


def add_source(
    conn: Connection, dataset_id: int, location: str, root: str, source_format: str, options: Mapping[str, Any]
) -> int:
    """The key of a source, made if it is not there; its options are brought up to date."""
    row = conn.execute(
        SQL["add_source"],
        {
            "dataset_id": dataset_id,
            "location": to_text(location),
            "root": to_text(root),
            "format": source_format,
            "options": Jsonb(dict(options)),
        },
    ).fetchone()
    assert row is not None  # noqa: S101 - insert ... returning always yields a row
    return int(row[0])


def lock_source(conn: Connection, source_id: int) -> Claim:
    """Take the session's lock on a source; False when another ingest of it runs."""
    return claim(conn, "ingest", source_id)


def source_is_read(conn: Connection, source_id: int) -> None:
    """Note that the source was read to its end."""
    conn.execute(SQL["source_is_read"], {"source_id": source_id})
