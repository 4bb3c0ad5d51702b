"""Thumbnails: faces cut from their photos, and whole photos made small; decoded with limits, encoded anew and cached.

Nothing of a file goes out as it is: every picture is decoded by the decoder of ingest and written as a new JPEG without metadata.
The cache can be deleted at any time; its names hold the hash of the photo, so that a changed photo is another entry.
"""

from __future__ import annotations

import hashlib
import math
import os
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from facedb.core.machine.cpus import cpu_count
from facedb.core.rejects import Rejected
from facedb.embedding.pictures.align import Similarity, box_similarity, similarity, template_for, warp
from facedb.embedding.pictures.decode import Decoded, decode
from facedb.report.pictures.place import Place
from facedb.sources.image_bytes import ByteReader

SIDE = 192
_QUALITY = 86
# The face template fills this much of a thumbnail, so that hair and chin are seen as well.
_FACE_SHARE = 0.68
_BOX_MARGIN = 0.22
_VERSION = "2"
CACHE_BYTES = 2 << 30
"""The cache is brought below this when the review page starts, starting with the pictures that nobody has looked at for longest."""


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A JPEG; or no ``data``, and why: ``vanished``, ``changed``, ``gone``, ``damaged``, or ``no_photo`` of bare vectors."""

    data: bytes
    missing: str | None = None


class Thumbnails:
    """Makes and keeps thumbnails; for many threads, few of which decode at once: a photo may take 300 MB while it is decoded."""

    def __init__(self, cache: Path) -> None:
        self._folder = cache / "thumbs"
        self._reader = ByteReader()
        self._turn = threading.BoundedSemaphore(max(2, cpu_count()))

    def close(self) -> None:
        """Close the containers that were read."""
        self._reader.close()

    def face(self, place: Place) -> Thumbnail:
        """A face as a square of SIDE pixels, upright and centred where its landmarks are known."""
        return self._made(
            place, f"face-{SIDE}", _cut_face, lambda width, height: _pixels_per_pixel(place, width, height)
        )

    def photo(self, place: Place, side: int) -> Thumbnail:
        """The whole photo, its longer side at most ``side`` pixels."""
        return self._made(
            place,
            f"photo-{side}",
            lambda found, _: _within(found.image, side),
            lambda width, height: max(width, height) / side,
        )

    def tidy(self, limit: int = CACHE_BYTES) -> int:
        """Delete the pictures unused for longest until the cache has at most ``limit`` bytes; returns how many."""
        files = []
        for file in self._folder.glob("*/*.jpg"):
            with suppress(OSError):
                status = file.stat()
                files.append((max(status.st_atime, status.st_mtime), status.st_size, file))
        total, gone = sum(size for _, size, _ in files), 0
        for _, size, file in sorted(files):
            if total <= limit:
                break
            with suppress(OSError):
                file.unlink()
                total, gone = total - size, gone + 1
        return gone

    def _made(
        self,
        place: Place,
        form: str,
        make: Callable[[Decoded, Place], Image.Image],
        spare: Callable[[int, int], float],
    ) -> Thumbnail:
        kept = self._file(place, form)
        if kept is not None:
            with suppress(OSError):
                return Thumbnail(kept.read_bytes())
        if place.status == "vanished":
            return Thumbnail(b"", "vanished")
        try:
            with self._turn:
                data = self._reader.read(Path(place.root), place.path, place.container, place.offset, place.length)
                if place.sha256 is not None and hashlib.sha256(data).digest() != place.sha256:
                    return Thumbnail(b"", "changed")
                encoded = _encoded(make(decode(data, spare=spare), place))
        except OSError:
            return Thumbnail(b"", "gone" if place.sha256 is not None else "no_photo")
        except Rejected:
            return Thumbnail(b"", "damaged")
        if kept is not None:
            _write(kept, encoded)
        return Thumbnail(encoded)

    def _file(self, place: Place, form: str) -> Path | None:
        if place.sha256 is None:
            return None
        cut = f"{_VERSION} {form} {place.box} {place.landmarks}" if form.startswith("face") else f"{_VERSION} {form}"
        name = f"{place.sha256.hex()}-{hashlib.sha256(cut.encode()).hexdigest()[:16]}.jpg"
        return self._folder / name[:2] / name


def _upright(place: Place, reduction: int = 1) -> Similarity | None:
    """The map from a photo, decoded at ``1 / reduction`` of its sides, to the thumbnail of a face; None: nobody knows where it is."""
    if place.landmarks is not None:
        # Landmarks count from the centre of the first pixel.
        points = (np.asarray(place.landmarks, np.float64).reshape(5, 2) + 0.5) / reduction - 0.5
        centre = (SIDE - 1) / 2
        template = (template_for(SIDE, SIDE) - centre) * _FACE_SHARE + centre
        with suppress(Rejected):
            return similarity(points, template)
    if place.box is not None:
        x, y, w, h = (value / reduction for value in place.box)
        if w > 0 and h > 0 and all(map(math.isfinite, (x, y, w, h))):
            return box_similarity((x, y, w, h), _BOX_MARGIN, SIDE, SIDE)
    return None


def _pixels_per_pixel(place: Place, width: int, height: int) -> float:
    """How many pixels of the photo, along a side, one of the thumbnail shows."""
    forward = _upright(place)
    return min(width, height) / SIDE if forward is None else 1 / max(forward.scale, 1e-6)


def _cut_face(found: Decoded, place: Place) -> Image.Image:
    image = found.image
    forward = _upright(place, found.reduction)
    if forward is not None:
        with suppress(Rejected):
            return warp(image, forward, SIDE, SIDE)
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    square = image.crop((left, top, left + side, top + side))
    return square.resize((SIDE, SIDE), Image.Resampling.BICUBIC, reducing_gap=3.0)


def _within(image: Image.Image, side: int) -> Image.Image:
    share = side / max(image.size)
    if share >= 1:
        return image
    size = max(1, round(image.width * share)), max(1, round(image.height * share))
    return image.resize(size, Image.Resampling.BICUBIC, reducing_gap=3.0)


def _encoded(image: Image.Image) -> bytes:
    # Pillow would carry the comment of the file over.
    image.info = {}
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=_QUALITY, optimize=False)
    return buffer.getvalue()


def _write(file: Path, data: bytes) -> None:
    """Keep a picture; a full disk or a read-only cache costs time, not the picture. Faces are for their owner's eyes only."""
    with suppress(OSError):
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.parent.parent.chmod(0o700)
        descriptor, name = tempfile.mkstemp(dir=file.parent)
        try:
            with os.fdopen(descriptor, "wb") as part:
                part.write(data)
            Path(name).replace(file)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise
