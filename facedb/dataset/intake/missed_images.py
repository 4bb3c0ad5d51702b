"""Images that an ingest did not meet under their path: they vanished, or moved and keep what belongs to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import sql
from psycopg.rows import dict_row

from facedb.core.files.paths import escaped_text, to_text
from facedb.core.records import Int64Array
from facedb.dataset.image_rows import count, jsonb
from facedb.db.connection import Connection
from facedb.db.copy import Column, write_columns
from facedb.db.queries import load

SQL = load("dataset", "ingest")


@dataclass(frozen=True, slots=True)
class MovedImage:
    """An image that was not met under its path (key ``old``) and whose bytes are at a new one (key ``new``)."""

    old: int
    new: int
    was_vanished: bool


def newest_image(conn: Connection, source_id: int) -> int:
    """The key of the newest image of a source, 0 where it has none."""
    return count(conn, "newest_image", {"source_id": source_id})


def note_seen(conn: Connection, image_ids: Int64Array) -> None:
    """Note in this transaction which images an ingest met."""
    conn.execute(SQL["make_seen"])
    write_columns(conn.cursor(), sql.SQL("seen"), [Column("image_id", "int8")], {"image_id": image_ids})


def keep_below(conn: Connection, source_id: int, folders: Sequence[str]) -> int:
    """Note everything below ``folders`` as met, because it could not be looked for; returns how many images that is."""
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
        place = conn.cursor(row_factory=dict_row).execute(SQL["take_new_place"], {"new_id": image.new}).fetchone()
        assert place is not None  # noqa: S101 - the key was read in this transaction
        conn.execute(SQL["give_new_place"], place | {"old_id": image.old, "extra": jsonb(place["extra"])})
    _keep_renamed(conn, before, new_identities)


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
