"""A gallery that memory would not hold lies in a file on the disk: the system keeps those parts of it in memory that are in use."""

from __future__ import annotations

import mmap
import os
import tempfile
from pathlib import Path

import numpy as np

from facedb.core.errors import FacedbError, first_line
from facedb.core.records import Float32Array


def matrix_in_file(rows: int, dim: int, folder: Path) -> Float32Array:
    """A float32 matrix (``rows``, ``dim``) of zeros in a file without a name below ``folder``, the owner's alone; it goes with the array.

    The whole file is allocated at the beginning, because a disk that fills up later would end the process. Raises FacedbError where it
    cannot be.
    """
    size = 4 * rows * dim
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=folder) as file:
            os.posix_fallocate(file.fileno(), 0, size)
            mapped = mmap.mmap(file.fileno(), size)
    except OSError as error:
        raise FacedbError(
            f"The vectors do not fit into memory, and a file of {size / 1e6:,.0f} MB for them cannot be made in {folder} "
            f"({first_line(error)}): free some of either, or scan fewer datasets at once (--datasets)."
        ) from error
    return np.frombuffer(mapped, np.float32).reshape(rows, dim)
