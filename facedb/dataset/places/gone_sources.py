"""A source of which nothing is left is not believed: a disk that is not mounted must not make its images vanish."""

from __future__ import annotations

import os
from pathlib import Path

from facedb.core.errors import InputError
from facedb.core.files.paths import display, quoted
from facedb.dataset.places import source_rows
from facedb.dataset.places.source_rows import SourceRow
from facedb.db.connection import Connection

_NAMES_ITS_FILES = ("list", "csv", "jsonl", "parquet")


def refuse_if_gone(conn: Connection, source: SourceRow, place: Path) -> None:
    """Raise InputError where nothing that is known of a source is there any more, as when a disk is not mounted."""
    if not source.usable:
        return
    if not os.path.lexists(place) and not _is_pattern(place):
        raise gone(conn, source, place, "is not there")
    if source.format in _NAMES_ITS_FILES:
        files = source_rows.ready_files(conn, source.id)
        if files and not any(is_there(source.root, path) for path in files):
            raise gone(conn, source, place, f"names files in {display(source.root)}, of which none is there")


def gone(conn: Connection, source: SourceRow, place: Path, how: str) -> InputError:
    """The error that says that a source which is empty or gone is not believed, and what can be done."""
    known = source_rows.count_ready(conn, source.id)
    images = "image is" if known == 1 else "images are"
    return InputError(
        f"{display(place)} {how}, and {known:,} {images} known from it: is a disk not mounted? Nothing was changed. "
        f"If it has moved: `facedb ingest NEW --moved-from {quoted(source.location)}`. If the images are gone for good: "
        f"`facedb ingest {quoted(place)} --allow-empty`."
    )


def is_there(root: str, path: str) -> bool:
    """Whether something, be it a broken link, has this path below ``root``."""
    return os.path.lexists(Path(root) / path)


def _is_pattern(place: Path) -> bool:
    return any(sign in str(place) for sign in "*?[{")
