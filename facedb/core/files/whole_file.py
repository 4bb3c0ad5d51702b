"""Files that appear under their name only when they are whole: written beside it, synchronised, then renamed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from facedb.core.errors import UsageError
from facedb.core.files.paths import display


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
    """A binary file that takes the name ``path`` when the block ends, and leaves no trace when the block raises."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("xb") as file:
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


def sync_folder(path: Path) -> None:
    """Make names in a folder survive a power cut."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
