"""What a file is that is not what its name or its place promises: a pointer, a web page, an archive."""

from __future__ import annotations

_LFS = b"version https://git-lfs.github.com/spec/"
_STARTS: tuple[tuple[bytes, str], ...] = (
    (_LFS, "a Git LFS pointer and not the file itself: fetch it with `git lfs pull`"),
    (b"PK\x03\x04", "a zip archive: unpack it"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive: unpack it"),
    (b"Rar!\x1a\x07", "a rar archive: unpack it"),
    (b"\x1f\x8b", "compressed with gzip: unpack it"),
    (b"BZh", "compressed with bzip2: unpack it"),
    (b"\xfd7zXZ\x00", "compressed with xz: unpack it"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd: unpack it"),
    (b"%PDF-", "a PDF document"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file, which is not read here: save its arrays as .npz"),
    (b"SQLite format 3\0", "an SQLite database, which is not read here: export its table as csv"),
)
_PAGES = (b"<!doctype html", b"<html", b"<head", b"<body")


def file_kind(head: bytes) -> str | None:
    """What a file that starts with ``head`` (64 bytes tell) is, with what to do about it, as the end of a sentence; or None.

    Only kinds that are never images, tables or arrays by themselves are known here; a zip archive may still be an ``.npz``.
    """
    for start, kind in _STARTS:
        if head.startswith(start):
            return kind
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith(_PAGES):
        return "a web page (HTML): whatever fetched it got a page instead of the file"
    if text.startswith(b"<?xml"):
        return "an XML document: often what a server answers instead of the file"
    return None


def is_pointer_or_page(head: bytes) -> bool:
    """Whether ``head`` starts something that merely stands where a file should be: a Git LFS pointer or a web page."""
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    return head.startswith(_LFS) or text.startswith((*_PAGES, b"<?xml"))
