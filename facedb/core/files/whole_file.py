"""Files that appear under their name only when they are whole: written beside it, synchronised, then renamed."""

from __future__ import annotations

import fcntl
import glob
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from facedb.core.errors import UsageError
from facedb.core.files.paths import display
from facedb.core.machine.disk import is_full, no_room


def check_free(path: Path, *, force: bool) -> None:
    """Raise UsageError where ``path`` exists (unless ``force`` and it is a file) or its folder does not."""
    if path.is_dir():
        raise UsageError(f"{display(path)} is a folder that exists: name a new one, or remove it first.")
    if path.exists() and not force:
        raise UsageError(f"{display(path)} exists: name another file, or replace it with --force.")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"There is no folder {display(path.absolute().parent)}: make it first.")


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A binary file that takes the name ``path`` when the block ends, and leaves no trace when the block raises.

    Raises DiskFullError where it does not fit.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    _clear_away_killed(path)
    try:
        with _told_of_no_room(path, part), part.open("xb") as file:
            # A process that finds the part and gets this lock knows that its writer was killed; some file systems have no locks.
            with suppress(OSError):
                fcntl.flock(file, fcntl.LOCK_EX)
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        sync_folder(path.absolute().parent)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """A folder to write into that takes the name ``path`` when the block ends, and leaves no trace when the block raises."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.mkdir()
    try:
        with _told_of_no_room(path, part):
            yield part
            for folder, _, files in os.walk(part):
                for name in files:
                    with (Path(folder) / name).open("rb") as file:
                        os.fsync(file.fileno())
                sync_folder(Path(folder))
        part.rename(path)
        sync_folder(path.absolute().parent)
    finally:
        if part.exists():
            shutil.rmtree(part)


@contextmanager
def _told_of_no_room(path: Path, part: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if not is_full(error):
            raise
        files = [part] if part.is_file() else part.rglob("*")
        raise no_room(path, sum(file.stat().st_size for file in files), error) from error


def _clear_away_killed(path: Path) -> None:
    """Remove what killed writers of this very file left beside it."""
    for part in path.absolute().parent.glob(f".{glob.escape(path.name)}.*.part"):
        with suppress(OSError), part.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            part.unlink()


def sync_folder(path: Path) -> None:
    """Make names in a folder survive a power cut."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
