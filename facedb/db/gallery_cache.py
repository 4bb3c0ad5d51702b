"""Vectors of one contract in a file beside the database, so that a scan need not fetch again what it fetched before.

A cached row is never trusted by itself: the reader asks the table who is in the gallery and takes from the cache only
rows whose embedding number is in that answer. Numbers are never used twice and a changed vector gets a new one (trigger
``renumber``), so an equal number means an equal vector. New rows are appended; what was deleted stays unused until so
much of the file is dead that it is begun anew. The file may be deleted at any time.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facedb.core.models import Int64Array

Append = Callable[[Int64Array, NDArray[Any]], None]

_CHUNK_ROWS = 8192


class GalleryCache:
    """The cache in the folder ``place``: ``ids.i64`` and ``vectors.f32`` of ``dim`` columns, rows in the same order."""

    def __init__(self, place: Path, dim: int) -> None:
        self._place = place
        self._dim = dim
        self._ids = place / "ids.i64"
        self._vectors = place / "vectors.f32"

    def read(self) -> Iterator[tuple[Int64Array, NDArray[np.float32]]]:
        """Chunks of (ids (n,), vectors (n, dim)), mapped into memory one chunk at a time."""
        try:
            ids = np.fromfile(self._ids, np.int64)
            rows = min(len(ids), self._vectors.stat().st_size // (4 * self._dim))
        except OSError:
            return
        for start in range(0, rows, _CHUNK_ROWS):
            stop = min(start + _CHUNK_ROWS, rows)
            shape = (stop - start, self._dim)
            chunk = np.memmap(self._vectors, np.float32, "r", offset=4 * self._dim * start, shape=shape)
            yield ids[start:stop], chunk

    @contextmanager
    def appending(self) -> Iterator[Append | None]:
        """Yield a function that appends rows, for several threads; None where another process is writing or the disk refuses.

        The ids are written after the vectors are on the disk, so a torn write leaves a shorter cache, never a wrong one.
        """
        try:
            self._place.mkdir(parents=True, exist_ok=True, mode=0o700)
            vectors = os.open(self._vectors, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:
            yield None
            return
        try:
            if not _locked(vectors):
                yield None
                return
            yield from self._append(vectors)
        finally:
            os.close(vectors)

    def _append(self, vectors: int) -> Iterator[Append | None]:
        known = np.fromfile(self._ids, np.int64) if self._ids.exists() else np.empty(0, np.int64)
        stride = 4 * self._dim
        rows = min(len(known), os.fstat(vectors).st_size // stride)
        os.ftruncate(vectors, rows * stride)
        os.lseek(vectors, 0, os.SEEK_END)
        _replace(self._ids, known[:rows])
        held = np.sort(known[:rows])
        lock = threading.Lock()
        fresh: list[Int64Array] = []
        failed = False

        def append(ids: Int64Array, values: NDArray[Any]) -> None:
            nonlocal failed
            at = np.searchsorted(held, ids)
            at[at == len(held)] = 0
            new = held[at] != ids if len(held) else np.ones(len(ids), bool)
            data = np.ascontiguousarray(values[new], np.float32)
            with lock:
                if failed:
                    return
                try:
                    _write_all(vectors, data)
                except OSError:
                    # A full disk costs the cache, not the scan.
                    failed = True
                    return
                fresh.append(ids[new])

        yield append
        try:
            os.fsync(vectors)
            _replace(self._ids, np.concatenate([known[:rows], *fresh]))
        except OSError:
            self._ids.unlink(missing_ok=True)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _write_all(descriptor: int, data: NDArray[np.float32]) -> None:
    view = memoryview(data.view(np.uint8).reshape(-1).data)
    while view:
        view = view[os.write(descriptor, view) :]


def _replace(path: Path, ids: Int64Array) -> None:
    draft = path.with_suffix(".new")
    ids.tofile(draft)
    draft.replace(path)
