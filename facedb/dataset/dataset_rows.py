"""Datasets and their identities."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from facedb.core.files.paths import to_text
from facedb.db.connection import Connection
from facedb.db.queries import load

SQL = load("dataset", "ingest")


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
