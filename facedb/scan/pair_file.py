"""A file without a name that holds pairs in buckets, for what need not be in memory all at once."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facedb.core.errors import FacedbError, first_line
from facedb.core.records import Int64Array

PAIR = np.dtype([("a", np.int32), ("b", np.int32), ("score", np.float32)])
"""Two gallery rows and their score."""


class PairFile:
    """Pairs (m,) of dtype PAIR in ``buckets``, written part by part to a file below ``folder``, the owner's alone.

    Close it at the end. Raises FacedbError where it cannot be written.
    """

    def __init__(self, folder: Path | None, buckets: int = 1) -> None:
        self.buckets = buckets
        self._folder = folder
        # Where each bucket begins in each part, counted in pairs, and where the last one ends.
        self._borders: list[Int64Array] = []
        try:
            if folder is not None:
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 - closed by `close`
        except OSError as error:
            raise self._refused(error) from error

    def __len__(self) -> int:
        return int(self._borders[-1][-1]) if self._borders else 0

    def close(self) -> None:
        """Give the disk its room back."""
        self._file.close()

    def write(self, pairs: NDArray[Any], bucket: Int64Array | None = None) -> None:
        """Append ``pairs`` (m,), each to its ``bucket`` (m,); None: to the first."""
        counts = np.zeros(self.buckets, np.int64)
        if bucket is None:
            counts[0] = len(pairs)
        else:
            counts += np.bincount(bucket, minlength=self.buckets)
            pairs = pairs[np.argsort(bucket, kind="stable")]
        start = len(self)
        data = np.ascontiguousarray(pairs).view(np.uint8).data
        try:
            self._file.seek(start * PAIR.itemsize)
            while len(data):
                data = data[self._file.write(data) :]
        except OSError as error:
            raise self._refused(error) from error
        self._borders.append(start + np.r_[0, np.cumsum(counts)])

    def parts(self) -> Iterator[NDArray[Any]]:
        """The pairs as they were written, part by part."""
        for borders in self._borders:
            yield self._read(borders[0], borders[-1])

    def bucket(self, number: int) -> NDArray[Any]:
        """All pairs of a bucket."""
        return np.concatenate([self._read(*borders[number : number + 2]) for borders in self._borders])

    def _read(self, start: int, stop: int) -> NDArray[Any]:
        pairs = np.empty(stop - start, PAIR)
        self._file.seek(int(start) * PAIR.itemsize)
        into = pairs.view(np.uint8).data
        while len(into):
            into = into[self._file.readinto(into) :]
        return pairs

    def _refused(self, error: OSError) -> FacedbError:
        folder = self._folder or tempfile.gettempdir()
        return FacedbError(
            f"The flagged pairs of this scan cannot be kept in {folder} ({first_line(error)}): "
            "make room there or make it writable, and run this again."
        )
