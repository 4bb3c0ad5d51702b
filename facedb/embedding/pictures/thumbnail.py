"""Thumbnails: a photo small and grey, by which altered copies are recognised, and hashes of its turns and crops, by which they are
found."""

from __future__ import annotations

from io import BytesIO
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facedb.embedding.pictures.quality import perceptual_hash

SIDE: Final = 96
_QUALITY: Final = 92
_FLAT: Final = 12
_LEAST_LEFT: Final = 0.4
_CROPS: Final = (0.05, 0.10, 0.15)

Grey = NDArray[np.uint8]


def thumbnail(image: Image.Image) -> Image.Image:
    """The upright picture in grey, its longer side SIDE pixels."""
    ratio = SIDE / max(image.size)
    size = (max(1, round(image.width * ratio)), max(1, round(image.height * ratio)))
    # A box would shift every pixel by up to half a one of the source, another way in each copy of another size.
    return image.resize(size, Image.Resampling.BICUBIC, reducing_gap=3.0 if ratio < 1 else None).convert("L")


def to_bytes(grey: Image.Image) -> bytes:
    """A thumbnail as it is kept: a JPEG of some 3 kB, a third of its pixels."""
    out = BytesIO()
    grey.save(out, "JPEG", quality=_QUALITY)
    return out.getvalue()


def from_bytes(data: bytes) -> Grey:
    """The pixels of a kept thumbnail, uint8 (h, w)."""
    with Image.open(BytesIO(data), formats=("JPEG",)) as opened:
        return np.asarray(opened.convert("L"))


def view_hashes(grey: Image.Image) -> tuple[int, ...]:
    """Hashes (see `quality.perceptual_hash`) of a thumbnail without its frame: of its eight turns, as in
    `facedb.findings.pictures.registration`, then of what is left when 5, 10 and 15 % are cropped from every side."""
    pixels = np.asarray(grey)
    bare = pixels[_bare(pixels)]
    turns = [np.rot90(bare[:, ::-1] if turn >= 4 else bare, turn % 4) for turn in range(8)]
    height, width = bare.shape
    crops = []
    for share in _CROPS:
        down, across = round(height * share), round(width * share)
        crops.append(bare[down : height - down, across : width - across])
    return tuple(perceptual_hash(Image.fromarray(np.ascontiguousarray(view))) for view in (*turns, *crops))


def _bare(pixels: Grey) -> tuple[slice, slice]:
    """Where a picture is without the flat frame around it; everything where nearly nothing would be left."""
    rows, columns = (_inner(np.ptp(pixels, axis=axis) > _FLAT) for axis in (1, 0))
    height, width = pixels.shape
    if rows.stop - rows.start < _LEAST_LEFT * height or columns.stop - columns.start < _LEAST_LEFT * width:
        return slice(0, height), slice(0, width)
    inner = pixels[rows, columns]
    # Flat columns of a picture framed above and below show only once those are gone.
    columns = _shifted(_inner(np.ptp(inner, axis=0) > _FLAT), columns.start)
    rows = _shifted(_inner(np.ptp(inner, axis=1) > _FLAT), rows.start)
    if rows.stop - rows.start < _LEAST_LEFT * height or columns.stop - columns.start < _LEAST_LEFT * width:
        return slice(0, height), slice(0, width)
    return rows, columns


def _inner(lively: NDArray[np.bool_]) -> slice:
    """From the first lively line to the last, less the one at each end that was cut where the frame met the picture."""
    at = np.flatnonzero(lively)
    if not len(at):
        return slice(0, 0)
    first, last = int(at[0]), int(at[-1]) + 1
    return slice(first + (first > 0), last - (last < len(lively)))


def _shifted(part: slice, by: int) -> slice:
    return slice(part.start + by, part.stop + by)
