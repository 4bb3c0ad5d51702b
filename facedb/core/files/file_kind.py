"""What a file is that is not what its name or its place promises: a pointer, a web page, an archive."""

from __future__ import annotations

from facedb.core.files import magic

_STARTS: tuple[tuple[bytes, str], ...] = (
    (magic.LFS_POINTER, "a Git LFS pointer and not the file itself: fetch it with `git lfs pull`"),
    (magic.ZIP, "a zip archive: unpack it"),
    (magic.SEVEN_ZIP, "a 7z archive: unpack it"),
    (magic.RAR, "a rar archive: unpack it"),
    (magic.GZIP, "compressed with gzip: unpack it"),
    (magic.BZIP2, "compressed with bzip2: unpack it"),
    (magic.XZ, "compressed with xz: unpack it"),
    (magic.ZSTD, "compressed with zstd: unpack it"),
    (magic.PDF, "a PDF document"),
    (magic.HDF5, "an HDF5 file, which is not read here: save its arrays as .npz"),
    (b"SQLite format 3\0", "an SQLite database, which is not read here: export its table as csv"),
)


def file_kind(head: bytes) -> str | None:
    """What a file that starts with ``head`` (64 bytes are enough) is and what to do about it, as the end of a sentence; or None.

    Only kinds that are never images, tables or arrays by themselves are known here; a zip archive may still be an ``.npz``.
    """
    for start, kind in _STARTS:
        if head.startswith(start):
            return kind
    text = magic.text_start(head)
    if magic.is_page(text):
        return "a web page (HTML): whatever fetched it got a page instead of the file"
    if text.startswith(b"<?xml"):
        return "an XML document: often what a server answers instead of the file"
    return None


def is_pointer_or_page(head: bytes) -> bool:
    """Whether ``head`` starts something that merely stands where a file should be: a Git LFS pointer or a web page."""
    text = magic.text_start(head)
    return head.startswith(magic.LFS_POINTER) or magic.is_page(text) or text.startswith(b"<?xml")
