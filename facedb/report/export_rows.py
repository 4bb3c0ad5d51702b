"""What exports read: faces with their labels, identities, and where the bytes of images are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from facedb.core.files.paths import from_text
from facedb.db.connection import Connection
from facedb.db.queries import load

SQL = load("report", "export")


@dataclass(frozen=True, slots=True)
class EmbeddedFace:
    """A face with a vector: the key of the vector, label (None: none), path, number within the image, norm before normalisation."""

    embedding_id: int
    identity: str | None
    path: str
    ordinal: int
    norm: float
    image_id: int
    identity_id: int | None
    dataset: str


def without_face(conn: Connection, model_id: int) -> set[int]:
    """Images that a contract could not embed."""
    return {row[0] for row in conn.execute(SQL["without_face"], {"model_id": model_id})}


def embedded_faces(
    conn: Connection, model_id: int, *, dataset: str | None, identity_id: int | None
) -> list[EmbeddedFace]:
    """Faces of a contract by dataset, identity and path."""
    parameters = {"model_id": model_id, "dataset": dataset, "identity_id": identity_id}
    return [
        EmbeddedFace(row[0], from_text(row[1]), from_text(row[2]), *row[3:])
        for row in conn.execute(SQL["embedded_faces"], parameters)
    ]


@dataclass(frozen=True, slots=True)
class Leaks:
    """Keys of identities and images that another dataset has as well; ``compared``: whether a scan looked for them."""

    identities: frozenset[int] = frozenset()
    images: frozenset[int] = frozenset()
    compared: bool = False


def leaks(conn: Connection, dataset: str) -> Leaks:
    """What other datasets have in common with ``dataset``; a person is whoever shares a photo as well."""
    rows = conn.execute(SQL["leaks"], {"dataset": dataset}).fetchall()
    compared = conn.execute(SQL["compared"], {"dataset": dataset}).fetchone()
    return Leaks(
        frozenset(row[0] for row in rows if row[0] is not None),
        frozenset(row[1] for row in rows if row[1] is not None),
        bool(compared and compared[0]),
    )


def identities(conn: Connection, dataset: str | None) -> list[tuple[int, str, str]]:
    """Key, name and dataset of every identity that has images."""
    rows = conn.execute(SQL["identities"], {"dataset": dataset})
    return [(row[0], from_text(row[1]), row[2]) for row in rows]


def common_size(conn: Connection, dataset: str | None) -> tuple[int, int] | None:
    """Height and width in pixels that all images share, or None."""
    row = conn.execute(SQL["sizes"], {"dataset": dataset}).fetchone()
    return None if row is None or row[0] is None else (int(row[0]), int(row[1]))


def places(conn: Connection, ids: Sequence[int]) -> dict[int, tuple[int | None, int | None]]:
    """Offset and length of images within their containers, by key."""
    return {row[0]: (row[1], row[2]) for row in conn.execute(SQL["places"], {"ids": list(ids)})}
