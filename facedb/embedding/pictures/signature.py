"""What the bytes of a file say about themselves: the format, and whether some are missing."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from facedb.core.files.image_format import image_format


@dataclass(frozen=True, slots=True)
class Signature:
    """The format that the content claims, and whether its own length fields say that bytes are missing."""

    format: str
    truncated: bool


_SHORTEST = {
    "JPEG": 125,
    "PNG": 57,
    "GIF": 26,
    "TIFF": 32,
    "BMP": 30,
    "PPM": 8,
    "WEBP": 30,
    "AVIF": 100,
    "JPEG2000": 100,
}


def read_signature(data: bytes) -> Signature | None:
    """The image format that these bytes start like, or None where they start like none."""
    name = image_format(data)
    return None if name is None else Signature(name, _cut_short(name, data))


def _cut_short(name: str, data: bytes) -> bool:
    if len(data) < _SHORTEST.get(name, 0):
        return True
    if name == "WEBP":
        return int(struct.unpack_from("<I", data, 4)[0]) + 8 > len(data)
    if name == "BMP":
        return int(struct.unpack_from("<I", data, 2)[0]) > len(data)
    if name == "PNG":
        return b"IEND" not in data[-16:]
    if name == "JPEG":
        return b"\xff\xd9" not in data[-64:]
    return name == "AVIF" and _boxes_end(data) > len(data)


def _boxes_end(data: bytes) -> int:
    """Where the last top-level box of an ISO base media file says that it ends."""
    place = 0
    while place + 16 <= len(data):
        size = int(struct.unpack_from(">I", data, place)[0])
        if size == 1:
            size = int(struct.unpack_from(">Q", data, place + 8)[0])
        if size < 8:
            break
        place += size
    return place
