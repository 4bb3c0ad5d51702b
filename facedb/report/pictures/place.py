"""Where the picture of a face is: its file and the place within it, as the queries of cases and photos name them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from facedb.core.files.paths import from_text


@dataclass(frozen=True, slots=True)
class Place:
    """Where the bytes of a photo are, and where in it a face is (``box``, ``landmarks``; None: the photo is the face)."""

    image_id: int
    root: str
    path: str
    container: str | None
    offset: int | None
    length: int | None
    sha256: bytes | None
    status: str
    box: tuple[float, float, float, float] | None
    landmarks: tuple[float, ...] | None
    format: str


def place_of(row: Sequence[Any]) -> Place:
    """The place that a query names in the columns of `Place`, names and numbers as the tables hold them."""
    image_id, root, path, container, offset, length, sha256, status, box, landmarks, form = row
    return Place(
        image_id,
        from_text(root),
        from_text(path),
        from_text(container),
        offset,
        length,
        sha256,
        status,
        None if box is None else tuple(box),
        None if landmarks is None else tuple(landmarks),
        form,
    )
