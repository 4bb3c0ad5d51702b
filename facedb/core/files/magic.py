"""The first bytes of kinds of files that are not images."""

from __future__ import annotations

from typing import Final

LFS_POINTER: Final = b"version https://git-lfs"
ZIP: Final = b"PK\x03\x04"
SEVEN_ZIP: Final = b"7z\xbc\xaf\x27\x1c"
RAR: Final = b"Rar!\x1a\x07"
GZIP: Final = b"\x1f\x8b"
BZIP2: Final = b"BZh"
XZ: Final = b"\xfd7zXZ\x00"
ZSTD: Final = b"\x28\xb5\x2f\xfd"
PDF: Final = b"%PDF-"
HDF5: Final = b"\x89HDF\r\n\x1a\n"

_PAGES: Final = (b"<!doctype html", b"<html", b"<head", b"<body")


def text_start(head: bytes) -> bytes:
    """``head`` as the beginning of a text: in lower case, without a byte order mark and the white space before it."""
    return head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()


def is_page(text: bytes) -> bool:
    """Whether what `text_start` gave begins a web page."""
    return text.startswith(_PAGES)
