"""Datasets, sources, identities and images: the rows that an ingest writes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from psycopg import sql
from psycopg.types.json import Jsonb

from facedb.core.files.paths import escaped_text, from_text, to_text
from facedb.core.records import Int64Array
from facedb.db.connection import Connection
from facedb.db.copy import Column, write_columns
from facedb.db.locks import Claim, claim
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


@dataclass(frozen=True, slots=True)
class MovedImage:
    """An image that was not met under its path (key ``old``) and whose bytes are at a new one (key ``new``)."""

    old: int
    new: int
    was_vanished: bool


def add_dataset(conn: Connection, name: str) -> int:
    """The key of the dataset ``name``, made if it is not there."""
    conn.execute(SQL["add_dataset"], {"name": name})
    found = find_dataset(conn, name)
    assert found is not None  # noqa: S101 - inserted a line above
    return found


def find_dataset(conn: Connection, name: str) -> int | None:
    """The key of the dataset ``name``, or None."""
    row = conn.execute(SQL["find_dataset"], {"name": name}).fetchone()
    return None if row is None else int(row[0])


def datasets(conn: Connection) -> list[tuple[str, int]]:
    """Name and key of every dataset."""
    return [(row[0], row[1]) for row in conn.execute(SQL["datasets"])]


def locations_of_dataset(conn: Connection, name: str) -> list[str]:
    """Where the dataset ``name`` comes from."""
    return [from_text(row[0]) for row in conn.execute(SQL["locations_of_dataset"], {"name": name})]


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


def count(conn: Connection, query: str, parameters: Mapping[str, Any]) -> int:
    """The number that a query of ``ingest.sql`` gives."""
    row = conn.execute(SQL[query], parameters).fetchone()
    return int(row[0]) if row else 0


def lock_source(conn: Connection, source_id: int) -> Claim:
    """Take the session's lock on a source; False when another ingest of it runs."""
    return claim(conn, "ingest", source_id)


def identity_ids(conn: Connection, dataset_id: int, names: Iterable[str]) -> dict[str, int]:
    """Keys of identities by name (as file names, may hold surrogates), made where they are missing."""
    texts = {to_text(name): name for name in names}
    if not texts:
        return {}
    parameters = {"dataset_id": dataset_id, "names": sorted(texts)}
    found: dict[str, int] = dict(conn.execute(SQL["find_identities"], parameters).fetchall())
    if len(found) < len(texts):
        conn.execute(SQL["add_identities"], {"dataset_id": dataset_id, "names": sorted(texts.keys() - found.keys())})
        found = dict(conn.execute(SQL["find_identities"], parameters).fetchall())
    return {name: found[text] for text, name in texts.items()}


def find_images(conn: Connection, source_id: int, paths: Sequence[str]) -> dict[str, KnownImage]:
    """What is known of ``paths``, by path."""
    texts = {to_text(path): path for path in paths}
    rows = conn.execute(SQL["find_images"], {"source_id": source_id, "paths": list(texts)})
    return {texts[row[0]]: KnownImage(*row[1:]) for row in rows}


def reserve_ids(conn: Connection, table: str, n: int) -> list[int]:
    """``n`` fresh keys of a facedb table with an identity column ``id``, ascending."""
    sequence = f"facedb.{table}_id_seq"
    return [row[0] for row in conn.execute(SQL["reserve_ids"], {"sequence": sequence, "n": n})]


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
                    _text(row.container),
                    row.container_offset,
                    row.container_length,
                    _list(row.box),
                    _list(row.landmarks),
                    _json(row.extra),
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
                "container": _text(row.container),
                "container_offset": row.container_offset,
                "container_length": row.container_length,
                "box": _list(row.box),
                "landmarks": _list(row.landmarks),
                "extra": _json(row.extra),
            }
            for row in rows
        ],
    )


def _text(value: str | None) -> str | None:
    return None if value is None else to_text(value)


def _list(values: Sequence[float] | None) -> list[float] | None:
    return None if values is None else list(values)


def _json(value: Mapping[str, Any] | None) -> Jsonb | None:
    return Jsonb(dict(value)) if value else None


def find_vectors(conn: Connection, source_id: int, paths: Sequence[str]) -> dict[str, KnownImage]:
    """What is known of ``paths`` when a source of vectors meets them again; empty at once for a source that is new."""
    row = conn.execute(SQL["source_has_images"], {"source_id": source_id}).fetchone()
    return find_images(conn, source_id, paths) if row and row[0] else {}


_VECTOR_COLUMNS = ("id", "source_id", "identity_id", "path", "bytes", "sha256", "format")


def copy_vector_images(
    conn: Connection, source_id: int, rows: Sequence[tuple[int, int | None, str, int, bytes]]
) -> None:
    """COPY rows for vectors that have no image: (key, identity, path, bytes, sha256 of the vector)."""
    if not rows:
        return
    names = sql.SQL(", ").join(map(sql.Identifier, _VECTOR_COLUMNS))
    lines = [
        f"{key}\t{source_id}\t{NULL if identity is None else identity}\t{_escaped(path)}\t{size}\t\\\\x{sha.hex()}\tvector\n"
        for key, identity, path, size, sha in rows
    ]
    with conn.cursor().copy(sql.SQL("copy facedb.image ({}) from stdin").format(names)) as copy:
        copy.write("".join(lines))


NULL = "\\N"
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def _escaped(path: str) -> str:
    return to_text(path).translate(_ESCAPES)


def update_vector_images(
    conn: Connection,
    changed: Sequence[tuple[int, bytes]],
    relabelled: Sequence[tuple[int, int | None]],
    back: Sequence[int],
) -> None:
    """Take over changed vectors (key, sha256), whose faces go, changed labels (key, identity), and what is ``back`` as it was."""
    if back:
        conn.execute(SQL["bring_back"], {"ids": list(back)})
    if changed:
        forget_derived(conn, [key for key, _ in changed])
        conn.execute(SQL["change_vectors"], {"ids": [key for key, _ in changed], "hashes": [sha for _, sha in changed]})
    if relabelled:
        conn.execute(
            SQL["relabel"],
            {"ids": [key for key, _ in relabelled], "identities": [identity for _, identity in relabelled]},
        )


def forget_rejects(conn: Connection, image_ids: Sequence[int]) -> None:
    """Let every model look again at images that it could make nothing of."""
    if image_ids:
        conn.execute(SQL["forget_rejects"], {"image_ids": list(image_ids)})


def forget_derived(conn: Connection, image_ids: Sequence[int]) -> None:
    """Drop faces, embeddings, rejects and facts of images whose bytes changed."""
    if image_ids:
        for name in ("forget_faces", "forget_rejects", "forget_facts"):
            conn.execute(SQL[name], {"image_ids": list(image_ids), "ids": list(image_ids)})


def newest_image(conn: Connection, source_id: int) -> int:
    """The key of the newest image of a source, 0 where it has none."""
    return count(conn, "newest_image", {"source_id": source_id})


def note_seen(conn: Connection, image_ids: Int64Array) -> None:
    """Note in this transaction which images an ingest met."""
    conn.execute(SQL["make_seen"])
    write_columns(conn.cursor(), sql.SQL("seen"), [Column("image_id", "int8")], {"image_id": image_ids})


def keep_below(conn: Connection, source_id: int, folders: Sequence[str]) -> int:
    """Note everything below ``folders`` as met, as it could not be looked for; returns how many images that are."""
    if not folders:
        return 0
    prefixes = sorted({form for folder in folders for form in (f"{to_text(folder)}/", f"{escaped_text(folder)}/")})
    return conn.execute(SQL["keep_below"], {"source_id": source_id, "prefixes": prefixes}).rowcount


def mark_vanished(conn: Connection, source_id: int, newest: int) -> int:
    """Mark images of the source up to the key ``newest`` that were not met; returns how many were there before and are gone now."""
    return conn.execute(SQL["mark_vanished"], {"source_id": source_id, "newest": newest}).rowcount


def find_moved(conn: Connection, source_id: int, newest: int) -> list[MovedImage]:
    """Images up to the key ``newest`` that were not met and whose bytes turned up under a path that is new."""
    rows = conn.execute(SQL["find_moved"], {"source_id": source_id, "newest": newest})
    return [MovedImage(old, new, status == "vanished") for old, new, status in rows]


def merge_moved(conn: Connection, source_id: int, moved: Sequence[MovedImage]) -> None:
    """Give images their new paths, so that faces, embeddings and verdicts stay with them.

    An identity that lost all its images to one that nothing else carries was a folder that got another name: it keeps
    its key and takes the name.
    """
    if not moved:
        return
    olds = [image.old for image in moved]
    parameters = {"ids": [image.new for image in moved], "source_id": source_id}
    new_identities = [row[0] for row in conn.execute(SQL["new_identities"], parameters)]
    before = conn.execute(SQL["identities_of_images"], {"ids": olds}).fetchall()
    conn.execute(SQL["park_moved"], {"ids": olds})
    for image in moved:
        # Two statements: in one, the update would not see that the delete has freed the path.
        row = conn.execute(SQL["take_new_place"], {"new_id": image.new}).fetchone()
        assert row is not None  # noqa: S101 - the key was read in this transaction
        place = dict(zip(_PLACE, row, strict=True))
        conn.execute(SQL["give_new_place"], place | {"old_id": image.old, "extra": _json(place["extra"])})
    _keep_renamed(conn, before, new_identities)


_PLACE = (
    "path",
    "bytes",
    "mtime_ns",
    "status",
    "container",
    "container_offset",
    "container_length",
    "box",
    "landmarks",
    "extra",
    "identity_id",
)


def _keep_renamed(conn: Connection, before: Sequence[tuple[Any, ...]], new_identities: Sequence[int]) -> None:
    parameters = {
        "image_ids": [image for image, _ in before],
        "from_ids": [identity for _, identity in before],
        "new_identities": list(new_identities),
    }
    for from_id, to_id in conn.execute(SQL["find_renamed"], parameters).fetchall():
        conn.execute(SQL["adopt_images"], {"from_id": from_id, "to_id": to_id})
        row = conn.execute(SQL["drop_identity"], {"to_id": to_id}).fetchone()
        assert row is not None  # noqa: S101 - the key was read in this transaction
        conn.execute(SQL["rename_identity"], {"from_id": from_id, "name": row[0]})


def count_vanished(conn: Connection, source_id: int) -> int:
    """How many images of the source a prune would drop."""
    return count(conn, "count_vanished", {"source_id": source_id})


def prune(conn: Connection, source_id: int) -> int:
    """Delete vanished images of the source with faces and embeddings; returns how many."""
    return conn.execute(SQL["prune"], {"source_id": source_id}).rowcount


def source_is_read(conn: Connection, source_id: int) -> None:
    """Note that the source was read to its end."""
    conn.execute(SQL["source_is_read"], {"source_id": source_id})


@dataclass(frozen=True, slots=True)
class ImageCounts:
    """Inputs of a dataset by status."""

    ready: int
    ignored: int
    rejected: int
    vanished: int
    identities: int


def count_images(conn: Connection, dataset_id: int) -> ImageCounts:
    """How the inputs of a dataset stand."""
    by_status: dict[str, int] = dict(conn.execute(SQL["count_images"], {"dataset_id": dataset_id}).fetchall())
    row = conn.execute(SQL["count_identities"], {"dataset_id": dataset_id}).fetchone()
    return ImageCounts(
        ready=by_status.get("ready", 0),
        ignored=by_status.get("ignored", 0),
        rejected=by_status.get("rejected", 0),
        vanished=by_status.get("vanished", 0),
        identities=int(row[0]) if row else 0,
    )


def as_ids(ids: Iterable[int]) -> Int64Array:
    """Keys as an int64 array."""
    return np.fromiter(ids, np.int64)
