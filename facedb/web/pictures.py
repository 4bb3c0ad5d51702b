"""Pictures for the page: faces cut from their photos and whole photos, decoded with limits, made small, encoded anew and cached.

Nothing of a file goes out as it is: every picture is decoded by the decoder of ingest and written as a new JPEG without
metadata. The cache can be deleted at any time; its names hold the hash of the photo, so that a changed photo is another entry.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
from contextlib import suppress
from dataclasses import dataclass
from html import escape
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from facedb.core.rejects import Rejected
from facedb.embedding.overlap import available_cpus
from facedb.embedding.pictures.align import crop_box, similarity, template_for, warp
from facedb.embedding.pictures.decode import decode
from facedb.sources.reading import ByteReader
from facedb.web.catalogue import TEXT
from facedb.web.data.photos import Place

THUMB = 192
PHOTO_SIDE = 2048
_QUALITY = 86
# The face template fills this much of a thumbnail, so that hair and chin are seen as well.
_FACE_SHARE = 0.68
_BOX_MARGIN = 0.22
_VERSION = "1"
CACHE_BYTES = 2 << 30
"""The cache is brought below this when the page starts, the pictures that were not looked at for longest first."""


@dataclass(frozen=True, slots=True)
class Picture:
    """An encoded picture; ``missing``: it stands for a photo that cannot be shown."""

    data: bytes
    media_type: str
    missing: bool = False


class Pictures:
    """Makes and keeps pictures; for many threads, few of which decode at once: a photo may take 300 MB while it is decoded."""

    def __init__(self, cache: Path) -> None:
        self._folder = cache / "thumbs"
        self._reader = ByteReader()
        self._turn = threading.BoundedSemaphore(max(2, available_cpus()))

    def close(self) -> None:
        """Close the containers that were read."""
        self._reader.close()

    def face(self, place: Place) -> Picture:
        """A face as a square of THUMB pixels, upright and centred where its landmarks are known."""
        return self._made(place, f"face-{THUMB}", _cut_face)

    def photo(self, place: Place, side: int = PHOTO_SIDE) -> Picture:
        """The whole photo, its longer side at most ``side`` pixels."""
        return self._made(place, f"photo-{side}", lambda image, _: _within(image, side))

    def small(self, place: Place) -> Picture:
        """The whole photo as a thumbnail."""
        return self.photo(place, THUMB)

    def tidy(self, limit: int = CACHE_BYTES) -> int:
        """Delete the pictures that were not used for longest until the cache has at most ``limit`` bytes; returns how many."""
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

    def _made(self, place: Place, form: str, make: object) -> Picture:
        kept = self._file(place, form)
        if kept is not None:
            with suppress(OSError):
                return Picture(kept.read_bytes(), "image/jpeg")
        if place.status == "vanished":
            return _stand_in("vanished")
        try:
            with self._turn:
                data = self._reader.read(Path(place.root), place.path, place.container, place.offset, place.length)
                if place.sha256 is not None and hashlib.sha256(data).digest() != place.sha256:
                    return _stand_in("changed")
                encoded = _encoded(make(decode(data).image, place))  # type: ignore[operator]
        except OSError:
            return _stand_in("gone" if place.sha256 is not None else "no_photo")
        except Rejected:
            return _stand_in("damaged")
        if kept is not None:
            _write(kept, encoded)
        return Picture(encoded, "image/jpeg")

    def _file(self, place: Place, form: str) -> Path | None:
        if place.sha256 is None:
            return None
        cut = f"{_VERSION} {form} {place.box} {place.landmarks}" if form.startswith("face") else f"{_VERSION} {form}"
        name = f"{place.sha256.hex()}-{hashlib.sha256(cut.encode()).hexdigest()[:16]}.jpg"
        return self._folder / name[:2] / name


def _cut_face(image: Image.Image, place: Place) -> Image.Image:
    if place.landmarks is not None:
        points = np.asarray(place.landmarks, np.float64).reshape(5, 2)
        centre = (THUMB - 1) / 2
        template = (template_for(THUMB, THUMB) - centre) * _FACE_SHARE + centre
        with suppress(Rejected):
            return warp(image, similarity(points, template), THUMB, THUMB)
    if place.box is not None:
        with suppress(Rejected):
            return crop_box(image, place.box, _BOX_MARGIN, THUMB, THUMB)
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    square = image.crop((left, top, left + side, top + side))
    return square.resize((THUMB, THUMB), Image.Resampling.BICUBIC, reducing_gap=3.0)


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


def _stand_in(reason: str) -> Picture:
    """A picture that says why there is none: an answer without a picture would be an error in the browser's console."""
    words = escape(TEXT[f"picture.{reason}"])
    text = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{THUMB}" height="{THUMB}" viewBox="0 0 {THUMB} {THUMB}">'
        f'<rect width="100%" height="100%" fill="#7c828a"/>'
        f'<path d="M70 62l52 52M122 62l-52 52" stroke="#fff" stroke-width="7" stroke-linecap="round"/>'
        f'<text x="50%" y="150" fill="#fff" font-family="sans-serif" font-size="17" text-anchor="middle">{words}</text></svg>'
    )
    return Picture(text.encode(), "image/svg+xml", missing=True)
