"""Full disks: one sentence that names the place, what is free there and what is needed."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

from facedb.core.errors import FacedbError
from facedb.core.files.paths import display

_FULL = {
    errno.ENOSPC: "No space left on the disk",
    errno.EDQUOT: "No space left in the quota",
    errno.EFBIG: "The limit of the size of a file is reached",
}


class DiskFullError(FacedbError):
    """What was to be written does not fit; nothing of it was left behind."""


def is_full(error: OSError) -> bool:
    """Whether a write failed for lack of room; NumPy says only how much it wrote."""
    return error.errno in _FULL or "requested and" in str(error)


def free(place: Path) -> int:
    """Bytes that this user may still write below a folder that is there."""
    return shutil.disk_usage(place).free


def no_room(path: Path, written: int, error: OSError) -> DiskFullError:
    """The error for ``path``, of which ``written`` bytes were there when the disk was full and are removed by now."""
    folder = path.absolute().parent
    return DiskFullError(
        f"{_FULL.get(error.errno or errno.ENOSPC)} for {display(path)}: it takes more than {megabytes(written)}, and "
        f"{megabytes(free(folder))} are free in {display(folder)}; make room there or name another place, then run this again."
    )


def short_of(path: Path, needed: int) -> str:
    """In words: what a file of ``needed`` bytes at ``path`` takes, and what is free for it."""
    there = next(folder for folder in path.absolute().parents if folder.is_dir())
    return f"it takes {megabytes(needed)}, and {megabytes(free(there))} are free in {display(there)}"


def megabytes(count: float) -> str:
    """Bytes in words, with a digit after the point where they are few."""
    return f"{count / 1e6:,.1f} MB" if count < 1e7 else f"{count / 1e6:,.0f} MB"
