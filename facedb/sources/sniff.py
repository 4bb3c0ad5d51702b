"""Is this an image? Decided by the first bytes, never by the name alone."""

from __future__ import annotations

SNIFF_BYTES = 64

_EXTENSIONS = "jpg jpeg jpe jfif png apng webp gif bmp dib tif tiff pbm pgm ppm pnm pam jp2 j2k jpx avif heic heif jxl"
IMAGE_EXTENSIONS = frozenset(_EXTENSIONS.split())

_PREFIXES: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"II*\x00", "tiff"),
    (b"MM\x00*", "tiff"),
    (b"II+\x00", "tiff"),
    (b"MM\x00+", "tiff"),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "jpeg2000"),
    (b"\xff\x4f\xff\x51", "jpeg2000"),
    (b"\x00\x00\x00\x0cJXL \r\n\x87\n", "jpegxl"),
)
_HEIF_BRANDS = {
    b"avif": "avif",
    b"avis": "avif",
    b"heic": "heif",
    b"heix": "heif",
    b"hevc": "heif",
    b"hevx": "heif",
    b"heim": "heif",
    b"heis": "heif",
    b"mif1": "heif",
    b"msf1": "heif",
}
_BMP_HEADER_SIZES = frozenset((12, 16, 40, 52, 56, 64, 108, 124))


def image_kind(head: bytes) -> str | None:
    """Name the image format that ``head`` (the first SNIFF_BYTES bytes, fewer for a short file) starts, or None."""
    for prefix, kind in _PREFIXES:
        if head.startswith(prefix):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADER_SIZES:
        return "bmp"
    if head[4:8] == b"ftyp":
        return _HEIF_BRANDS.get(head[8:12])
    if _starts_netpbm(head):
        return "netpbm"
    return None


def has_image_extension(name: str) -> bool:
    """Say whether the last suffix of ``name`` is one that images carry, in any case."""
    _, dot, suffix = name.rpartition(".")
    return bool(dot) and suffix.lower() in IMAGE_EXTENSIONS


def _starts_netpbm(head: bytes) -> bool:
    # Two letters are a weak mark, so what must follow them is asked for as well: a number, a comment, or P7's keyword.
    if head[:1] != b"P" or head[1:2] not in b"1234567" or head[2:3] not in b" \t\r\n" or len(head) < 4:
        return False
    rest = head[3:].lstrip(b" \t\r\n")
    return rest[:1].isdigit() or rest[:1] == b"#" or (head[1:2] == b"7" and rest[:5] in (b"WIDTH", b"HEIGH", b"DEPTH"))
