"""What the first bytes of a file say it is."""

from __future__ import annotations

import struct
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Signature:
    """The format that the content claims, and whether its own length fields say that bytes are missing."""

    format: str
    truncated: bool


_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"II+\x00", "TIFF"),
    (b"MM\x00+", "TIFF"),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "JPEG2000"),
    (b"\xff\x4f\xff\x51", "JPEG2000"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\x00\x00\x00\x0cJXL \r\n\x87\n", "JPEG XL"),
    (b"8BPS", "PSD"),
)
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_BRANDS = {b"avif": "AVIF", b"avis": "AVIF", **dict.fromkeys(_HEIF_BRANDS, "HEIF")}
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


def sniff(data: bytes) -> Signature | None:
    """The image format that these bytes start like, or None where they start like none."""
    name = _name(data)
    if name is None:
        return None
    return Signature(name, _cut_short(name, data))


def _name(data: bytes) -> str | None:
    for magic, name in _MAGIC:
        if data.startswith(magic):
            return name
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[4:8] == b"ftyp":
        return _BRANDS.get(data[8:12])
    if (
        data[:2] == b"BM"
        and len(data) >= 18
        and struct.unpack_from("<I", data, 14)[0] in (12, 16, 40, 52, 56, 64, 108, 124)
    ):
        return "BMP"
    if data[:1] == b"P" and data[1:2] in b"1234567Ff" and data[2:3] in (b" ", b"\n", b"\r", b"\t"):
        return "PPM"
    return None


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
