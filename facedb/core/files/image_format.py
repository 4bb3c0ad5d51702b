"""Which image format bytes start like: decided by the content, never by the name."""

from __future__ import annotations

HEAD_BYTES = 64
"""How many bytes of a file tell its format."""

LARGEST_FILE = 1 << 30
"""Bytes of the largest image file that is read: an uncompressed photo of 350 megapixels."""

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
_BMP_HEADER_SIZES = frozenset((12, 16, 40, 52, 56, 64, 108, 124))


def image_format(head: bytes) -> str | None:
    """The format that ``head`` (the first HEAD_BYTES bytes, fewer for a short file) starts like, or None."""
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12])
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADER_SIZES:
        return "BMP"
    return "PPM" if _starts_netpbm(head) else None


def _starts_netpbm(head: bytes) -> bool:
    # Two letters are a weak mark, so what must follow them is checked as well: a number, a comment, or P7's keyword.
    if head[:1] != b"P" or head[1:2] not in b"1234567Ff" or head[2:3] not in b" \t\r\n" or len(head) < 4:
        return False
    rest = head[3:].lstrip(b" \t\r\n")
    return rest[:1].isdigit() or rest[:1] == b"#" or (head[1:2] == b"7" and rest[:5] in (b"WIDTH", b"HEIGH", b"DEPTH"))
