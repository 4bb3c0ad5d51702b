"""How much memory a picture takes while it is decoded, from its header alone."""

from __future__ import annotations

from typing import Final

from PIL import Image

from facedb.core import rejects
from facedb.core.machine import memory
from facedb.core.rejects import Rejected, problem

# The most bytes a pixel that were seen at once while pictures of 30 million pixels became upright 8-bit RGB, each format and mode.
_TURNED: Final = 4
_BY_MODE: Final = {"1": 5, "L": 5, "P": 16, "RGB": 4, "YCbCr": 8, "CMYK": 8, "LA": 16, "PA": 16, "RGBA": 16}
_WIDE: Final = 36
# Their decoders give the whole picture at once.
_AT_ONCE: Final = {"WEBP": 17, "AVIF": 17, "HEIF": 17, "JPEG2000": 17}

_NOT_ASKED_BELOW: Final = 32 << 20


def bytes_to_decode(opened: Image.Image, reduction: int) -> int:
    """What an image that is opened, not decoded, will take with its sides divided by ``reduction``; some formats never take as much."""
    pixels = opened.width * opened.height // reduction**2
    turned = _TURNED if "exif" in opened.info or opened.format == "TIFF" else 0
    return pixels * (turned + max(_BY_MODE.get(opened.mode, _WIDE), _AT_ONCE.get(opened.format or "", 0)))


def expect_memory(opened: Image.Image, reduction: int) -> None:
    """Raise Rejected ``too_large`` where an image takes more memory than there is, before the kernel ends the process for it."""
    needed = bytes_to_decode(opened, reduction)
    room = memory.available() if needed > _NOT_ASKED_BELOW else None
    if room is not None and needed > room:
        detail = (
            f"Decoding {opened.width} x {opened.height} pixels takes about {needed / 1e6:,.0f} MB of memory and only "
            f"{room / 1e6:,.0f} MB were available; with more, --retry takes it up again."
        )
        raise Rejected(problem(rejects.TOO_LARGE, detail))
