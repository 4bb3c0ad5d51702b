"""What people name when they say something: identities and images by their names."""

from __future__ import annotations

from dataclasses import dataclass

from facedb.core.files.paths import from_text, to_text
from facedb.db.connection import Connection
from facedb.review.decision_rows import SQL


@dataclass(frozen=True, slots=True)
class IdentityRow:
    """An identity by name."""

    id: int
    name: str
    dataset: str


@dataclass(frozen=True, slots=True)
class FoundImage:
    """An image at a path that a person named."""

    id: int
    path: str
    status: str
    identity_id: int | None
    sha256: bytes | None
    dataset: str


def find_identities(conn: Connection, name: str | None, dataset: str | None) -> list[IdentityRow]:
    """Identities called ``name`` (as a file name; None: whatever they are called), in every dataset or in one."""
    rows = conn.execute(SQL["find_identities"], {"name": to_text(name), "dataset": dataset})
    return [IdentityRow(row[0], from_text(row[1]), row[2]) for row in rows]


def add_identity(conn: Connection, dataset_id: int, name: str) -> int:
    """The key of the identity ``name`` (in its text form), made where it is new."""
    row = conn.execute(SQL["add_identity"], {"dataset_id": dataset_id, "name": name}).fetchone()
    assert row is not None  # noqa: S101 - insert ... returning always yields a row
    return int(row[0])


def find_images(conn: Connection, path: str, dataset: str | None) -> list[FoundImage]:
    """Images at ``path`` below a root, in every dataset or in one; vanished ones are left out."""
    rows = conn.execute(SQL["find_images"], {"path": to_text(path), "dataset": dataset})
    return [FoundImage(row[0], from_text(row[1]), *row[2:]) for row in rows]


def images_alike(conn: Connection, path: str, dataset: str | None) -> list[FoundImage]:
    """Images whose paths differ from ``path`` at most in how accents are composed, in spaces and in what is not seen."""
    rows = conn.execute(SQL["images_alike"], {"path": to_text(path), "dataset": dataset})
    return [FoundImage(row[0], from_text(row[1]), *row[2:]) for row in rows]


def paths_beside(conn: Connection, path: str, dataset: str | None) -> list[str]:
    """Paths of images in the folder of ``path``, some thousand at most."""
    rows = conn.execute(SQL["paths_beside"], {"path": to_text(path), "dataset": dataset})
    return [from_text(row[0]) for row in rows]


def standing_name(conn: Connection, image_id: int) -> FoundImage | None:
    """The image that stands for one which is only another name of its file, or None."""
    row = conn.execute(SQL["standing_name"], {"image_id": image_id}).fetchone()
    return None if row is None else FoundImage(row[0], from_text(row[1]), *row[2:])


def roots(conn: Connection) -> list[str]:
    """Where the paths of the images start."""
    return [from_text(row[0]) for row in conn.execute(SQL["roots"])]
