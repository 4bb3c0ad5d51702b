"""The files of images as they are now: whether they are there, reached through a link, and what they hold."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from facedb.core.counting import are
from facedb.core.errors import ConflictError, first_line
from facedb.core.files.file_digest import digest
from facedb.core.files.paths import display, quoted
from facedb.dataset.places.source_places import VECTOR_FORMATS
from facedb.dataset.places.source_rows import ImagePlace
from facedb.review.decision_rows import PlannedImage
from facedb.sources.image_bytes import ByteReader


@dataclass(frozen=True, slots=True)
class Absent:
    """Images whose files are not there, and roots that are not there as a whole.

    Where no root is there, nobody can say anything of the images: the database is used away from its files.
    """

    images: frozenset[int]
    roots: tuple[str, ...]


def file_of(image: PlannedImage | ImagePlace) -> Path | None:
    """The file (or container) that holds an image; None for vectors, which have none."""
    return None if image.format in VECTOR_FORMATS else Path(image.root) / (image.container or image.path)


def is_there(image: PlannedImage) -> bool:
    """Whether the file of an image is there; vectors always are."""
    file = file_of(image)
    return file is None or file.exists()


def is_linked(image: PlannedImage) -> bool:
    """Whether the path of an image leads through a symbolic link below its root, where facedb moves nothing."""
    file = file_of(image)
    if file is None:
        return False
    return os.path.realpath(file) != str(Path(os.path.realpath(image.root)) / (image.container or image.path))


def is_one_file(a: PlannedImage, b: PlannedImage) -> bool:
    """Whether two images are two names of one path on the disk, so that one cannot go and the other stay."""
    files = file_of(a), file_of(b)
    return None not in files and os.path.realpath(str(files[0])) == os.path.realpath(str(files[1]))


def absent(images: Iterable[PlannedImage]) -> Absent:
    """Which of ``images`` are not on the disk."""
    roots: dict[str, bool] = {}
    gone = set()
    for image in images:
        if image.format in VECTOR_FORMATS:
            continue
        if image.root not in roots:
            roots[image.root] = Path(image.root).is_dir()
        if not (roots[image.root] and is_there(image)):
            gone.add(image.id)
    if not any(roots.values()):
        gone.clear()
    return Absent(frozenset(gone), tuple(sorted(root for root, there in roots.items() if not there)))


def remarks(found: Absent, where: str) -> list[str]:
    """What to say of absent images that are left out of ``where``."""
    count = len(found.images)
    images = are(count, "image")
    said = [f"{images} not on the disk and left out of {where}: `facedb ingest` looks again."] if count else []
    return said + [
        f"{display(root)} is not there. If it has moved: `facedb ingest NEW --moved-from {quoted(root)}`."
        for root in found.roots
    ]


def check_kept(kept: ImagePlace | None, places: Sequence[str], dropped: Path, name: str) -> None:
    """Raise ConflictError unless the image that stays for a dropped one is there with the bytes that it had.

    ``places`` are the paths below its root where the plan may have it by now; ``dropped`` is the file that goes.
    """
    if kept is None or kept.status != "ready":
        raise ConflictError(f"{name} is to be dropped as a duplicate of an image that is gone: make a new plan.")
    if kept.format in VECTOR_FORMATS:
        return
    shown = display(Path(kept.root) / kept.path)
    files = [Path(kept.root) / path for path in places] if kept.container is None else [file_of(kept) or dropped]
    file = next((file for file in files if file.exists()), None)
    if file is None:
        raise ConflictError(f"{shown}, of which {name} is a duplicate, is not there: ingest again and make a new plan.")
    if os.path.realpath(file) == os.path.realpath(dropped):
        raise ConflictError(f"{shown} and {name} are one file under two names, so dropping one would lose both.")
    try:
        found = _content(kept, file)
    except OSError as error:
        raise ConflictError(f"{shown}, of which {name} is a duplicate, cannot be read: {first_line(error)}.") from error
    if found != kept.sha256:
        raise ConflictError(f"{shown}, of which {name} is a duplicate, changed: ingest again and make a new plan.")


def _content(image: ImagePlace, file: Path) -> bytes:
    if image.container is None:
        return digest(file)
    with ByteReader() as reader:
        data = reader.read(Path(image.root), image.path, image.container, image.offset, image.length)
    return hashlib.sha256(data).digest()
