"""The SHA-256 of a file of a photo."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

from facedb.core.files.image_format import LARGEST_FILE

_CHUNK = 1 << 20
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)


def digest(full_path: Path) -> bytes:
    """SHA-256 of a file, read in pieces; raises OSError, also where it has turned into something that is not a regular file."""
    fd = os.open(full_path, _FLAGS)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError("it is not a regular file any more")
        found, size = hashlib.sha256(), 0
        while chunk := os.read(fd, _CHUNK):
            size += len(chunk)
            if size > LARGEST_FILE:
                raise OSError(f"it grew beyond {LARGEST_FILE:,} bytes")
            found.update(chunk)
        return found.digest()
    finally:
        os.close(fd)
