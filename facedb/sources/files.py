"""One file on disk becomes one record."""

from __future__ import annotations

import os
import stat
from dataclasses import replace

from facedb.core import rejects
from facedb.core.files.file_kind import file_kind
from facedb.core.files.image_format import HEAD_BYTES, LARGEST_FILE, image_format
from facedb.core.records import ImageRecord
from facedb.sources import problems
from facedb.sources.extensions import has_image_extension

# Without O_NONBLOCK a name that became a pipe since it was listed would block the run for ever.
_OPEN_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)

_TOO_LARGE = rejects.problem(
    rejects.TOO_LARGE, f"The file has more than {LARGEST_FILE:,} bytes, the most that is read."
)


def inspect_file(
    full_path: str, path: str, identity: str | None, *, named: bool, status: os.stat_result | None = None
) -> ImageRecord:
    """Return the record of the file at ``full_path``, links followed, from its status and its first 64 bytes.

    ``named`` says that somebody listed the file as an image: what is no image is then a problem, whatever its name.
    ``status`` is given where it is known.
    """
    record = ImageRecord(path, identity, status.st_size if status else 0, status.st_mtime_ns if status else None)
    try:
        if status is None:
            status = os.stat(full_path)
            record = ImageRecord(path, identity, status.st_size, status.st_mtime_ns)
        if not stat.S_ISREG(status.st_mode):
            return replace(record, problem=problems.NOT_A_FILE)
        head = _read_head(full_path) if status.st_size else b""
    except ValueError:
        return replace(record, problem=problems.bad_record("No file can have this name: it holds a zero byte."))
    except OSError as error:
        if isinstance(error, FileNotFoundError) and os.path.islink(full_path):
            return replace(record, problem=problems.DANGLING_LINK)
        return replace(record, problem=problems.unreadable(error))
    return judge_head(record, head, expected=named or has_image_extension(path))


def judge_head(record: ImageRecord, head: bytes, *, expected: bool) -> ImageRecord:
    """Return ``record`` with the problem or the reason to leave it out that its first bytes show, if any.

    ``expected`` says that the file should be an image, by its name or because somebody listed it.
    """
    if image_format(head) is not None:
        return replace(record, problem=_TOO_LARGE) if record.size > LARGEST_FILE else record
    if not expected:
        return replace(record, ignored=problems.OTHER_FILE)
    if not head:
        return replace(record, problem=problems.EMPTY)
    kind = file_kind(head)
    problem = problems.NOT_AN_IMAGE if kind is None else replace(problems.NOT_AN_IMAGE, detail=f"The file is {kind}.")
    return replace(record, problem=problem)


def _read_head(full_path: str) -> bytes:
    descriptor = os.open(full_path, _OPEN_FLAGS)
    try:
        return os.read(descriptor, HEAD_BYTES)
    finally:
        os.close(descriptor)
