"""What a forget takes from the disk: the files of images, caches and logs."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from facedb.core.errors import InputError
from facedb.core.files.file_digest import digest
from facedb.core.files.paths import display, from_text
from facedb.db.connection import Connection
from facedb.db.queries import load
from facedb.db.server import process
from facedb.db.server.account import server_log
from facedb.scan.faces.gallery import cache_folder

SQL = load("review", "forget")

_GALLERY = re.compile(r"\d+-\d+-\d+")

File = tuple[str, str, bool, bytes]
"""Root and path of a file, whether it is a container of images, and the SHA-256 of an image of it."""


def files(conn: Connection) -> list[File]:
    """The files of the images that are about to go."""
    rows = conn.execute(SQL["files"])
    return [(from_text(root), from_text(path), inside, bytes(sha)) for root, path, inside, sha in rows]


def is_there(root: str, path: str, _inside: bool, _sha256: bytes) -> bool:
    """Whether a file is there, a broken link included."""
    return os.path.lexists(Path(root) / path)


def delete(root: str, path: str, inside: bool, sha256: bytes) -> bool:
    """Delete a file that is one image and still the one that was ingested; its folder too when nothing is left in it."""
    file = Path(root) / path
    top = Path(root).resolve()
    if inside or not file.parent.resolve().is_relative_to(top):
        return False
    try:
        if digest(file) != sha256:
            return False
        file.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise InputError(
            f"{display(str(file))} cannot be deleted ({error.strerror}); nothing is forgotten yet: make it deletable, then run this again."
        ) from error
    with suppress(OSError):
        if file.parent.resolve() != top:
            file.parent.rmdir()
    return True


def caches(conn: Connection, home: Path | None, models: Sequence[int]) -> Iterator[Path]:
    """What facedb keeps beside the database of these vectors and photos: galleries, small pictures, contact sheets, logs of earlier runs.

    Everything but the galleries of other contracts, so that whatever else facedb comes to keep there goes too.
    """
    if home is None:
        return
    there = {cache_folder(conn, home / "cache", model) for model in models}
    for place in sorted((home / "cache").glob("*")):
        if place in there or not _GALLERY.fullmatch(place.name):
            yield place
    if (home / "logs").is_dir():
        yield home / "logs"


def everything_cached(home: Path | None) -> Iterator[Path]:
    """All caches and logs of a home."""
    if home is not None:
        yield from (place for place in (home / "cache", home / "logs") if place.is_dir())


def remove_all(places: Iterable[Path], home: Path | None) -> None:
    """The caches at ``places``, and what the embedded server of ``home`` wrote in its log, where errors may have named somebody."""
    for place in places:
        _remove(place)
    if home is not None:
        process.empty(server_log(home))


def _remove(place: Path) -> None:
    try:
        # A cache that was put on another disk: what counts is what lies there, but for links from there, and the link is the user's.
        for part in list(place.iterdir()) if place.is_symlink() and place.is_dir() else [place]:
            if part.is_dir() and not part.is_symlink():
                shutil.rmtree(part)
            else:
                part.unlink()
    except FileNotFoundError:
        return
    except OSError as error:
        raise InputError(
            f"{display(place)} may hold what was forgotten and cannot be deleted ({error.strerror}); delete it by hand."
        ) from error
