"""Vectors of one contract in a file beside the database, so that a scan need not fetch again what it fetched before.

A cached row is never trusted by itself: the reader asks the table who is in the gallery and takes from the cache only
rows whose embedding number and mark are in that answer. A changed vector gets a new number (trigger ``renumber``), but a
database that was restored from a backup gives numbers out again, so the server also says a mark for each vector: a hash of
its length and its sum, as computed there (0.5 us a row). A checksum per row says that the file still holds what was put in. New
rows are appended; where some were deleted, maybe because somebody is to be forgotten, the living ones move to a new file, as others may
be reading the old one. The files may be deleted at any time.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facedb.core.lookup import places
from facedb.core.records import Float32Array, Int64Array

Append = Callable[[Int64Array, NDArray[Any]], None]

_CHUNK_ROWS = 8192
_MAGIC = 0x32_47_42_44_45_43_41_46  # "FACEDBG2", which no other file begins with
_ENTRY = np.dtype([("id", "<i8"), ("mark", "<i8"), ("check", "<u8")])


class Living:
    """What the table has now: embedding numbers ``ids`` (n,), sorted, and the ``marks`` (n,) of their vectors, both int64."""

    def __init__(self, ids: Int64Array, marks: Int64Array) -> None:
        self._order = np.argsort(ids)
        self.ids, self.marks = ids[self._order], marks[self._order]

    def marks_of(self, ids: Int64Array) -> Int64Array:
        """The marks of ``ids`` (m,), all of which are living."""
        return self.marks[places(ids, self.ids)]

    def rows_of(self, ids: Int64Array) -> Int64Array:
        """Where those of ``ids`` (m,) that are living stood in what this was made of: (at most m,)."""
        at = places(ids, self.ids)
        return np.asarray(self._order[at[at >= 0]])


@dataclass(frozen=True, slots=True)
class _Index:
    """What the index file says: the ``token`` that names its file of vectors, and per row its number and checksum."""

    token: int
    entries: NDArray[Any]


class GalleryCache:
    """The cache in the folder ``place``: ``index`` names the file of vectors that it describes, float32 rows of ``dim``.

    ``living`` is what the table has now; nothing else is read from the file.

    The index is replaced as a whole, after the vectors are written, so whatever is killed or read at whatever moment, an index never
    describes rows that are not there. Nothing waits for the disk: rows that a power cut took are rows whose checksum is wrong.
    """

    def __init__(self, place: Path, dim: int, living: Living) -> None:
        self._place = place
        self._dim = dim
        self._living = living
        self.is_spoilt = False
        """Whether a row was met that is damaged or was deleted: `appending` moves the others to a new file."""

    def read(self, threads: int = 1) -> list[Iterator[tuple[Int64Array, Float32Array]]]:
        """Chunks of (ids (n,), vectors (n, dim)), mapped into memory one chunk at a time; damaged rows are left out.

        Each of so many ``threads`` has a share of the chunks.
        """
        index = self._index()
        return [] if index is None else [self._read(index, share, threads) for share in range(threads)]

    def _read(self, index: _Index, share: int, of: int) -> Iterator[tuple[Int64Array, Float32Array]]:
        try:
            with self._vectors(index.token).open("rb") as file:
                rows = min(len(index.entries), os.fstat(file.fileno()).st_size // (4 * self._dim))
                yield from self._chunks(file, index.entries[:rows], share, of)
        except FileNotFoundError:
            # Another process has moved the rows to a new file, or somebody tidied up: the table has them all.
            return

    def _chunks(
        self, file: Any, entries: NDArray[Any], share: int, of: int
    ) -> Iterator[tuple[Int64Array, Float32Array]]:
        for start in range(share * _CHUNK_ROWS, len(entries), of * _CHUNK_ROWS):
            part = entries[start : start + _CHUNK_ROWS]
            chunk = np.memmap(file, np.float32, "r", offset=4 * self._dim * start, shape=(len(part), self._dim))
            ids = part["id"].astype(np.int64)
            whole = _checks(ids, chunk) == part["check"]
            whole &= self._is_living(part)
            if whole.all():
                yield ids, chunk
            else:
                self.is_spoilt = True
                yield ids[whole], chunk[whole]

    def _is_living(self, entries: NDArray[Any]) -> NDArray[np.bool_]:
        """Which of ``entries`` the table has under the same number with the same mark."""
        known = places(entries["id"], self._living.ids) >= 0
        known[known] = self._living.marks_of(entries["id"][known]) == entries["mark"][known]
        return known

    @contextmanager
    def appending(self) -> Iterator[Append | None]:
        """Yield a function that appends rows, for several threads; None where another process is writing or the disk refuses."""
        try:
            self._place.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = os.open(self._place / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:
            yield None
            return
        try:
            if not _locked(lock):
                yield None
                return
            yield from self._append()
        finally:
            os.close(lock)

    def _append(self) -> Iterator[Append | None]:
        try:
            writer = self._writer()
        except OSError:
            yield None
            return
        try:
            yield writer.append
            writer.finish()
        finally:
            writer.close()

    def _writer(self) -> _Writer:
        index = self._index()
        if (
            index is not None
            and self._vectors(index.token).exists()
            and not self.is_spoilt
            and self._is_living(index.entries).all()
        ):
            return _Writer(self._place, index.token, index.entries, self._dim, self._living)
        fresh = _Writer(self._place, secrets.randbits(62), np.empty(0, _ENTRY), self._dim, self._living)
        for part in self.read():
            for ids, vectors in part:
                fresh.append(ids, vectors)
        fresh.settle()
        return fresh

    def _index(self) -> _Index | None:
        try:
            data = (self._place / "index").read_bytes()
        except OSError:
            return None
        head = np.frombuffer(data[:24], "<i8", count=len(data[:24]) // 8)
        if len(head) < 3 or head[0] != _MAGIC or head[2] != self._dim:
            return None
        return _Index(int(head[1]), np.frombuffer(data, _ENTRY, (len(data) - 24) // _ENTRY.itemsize, 24))

    def _vectors(self, token: int) -> Path:
        return _vectors(self._place, token)


class _Writer:
    """Appends rows behind those that ``entries`` describe; they count once ``finish`` has replaced the index."""

    def __init__(self, place: Path, token: int, entries: NDArray[Any], dim: int, living: Living) -> None:
        self._place, self._token, self._dim, self._living = place, token, dim, living
        self._file = os.open(_vectors(place, token), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._parts = [entries[: os.fstat(self._file).st_size // (4 * dim)]]
        os.ftruncate(self._file, len(self._parts[0]) * 4 * dim)
        os.lseek(self._file, 0, os.SEEK_END)
        self._lock = threading.Lock()
        self._failed = False
        self.settle()

    def settle(self) -> None:
        """Remember what is held so far: it is not appended again."""
        self._held = np.sort(np.concatenate([part["id"] for part in self._parts]).astype(np.int64, copy=False))

    def append(self, ids: Int64Array, vectors: NDArray[Any]) -> None:
        """Append the rows, all of them living, that were not held when ``settle`` looked."""
        new = places(ids, self._held) < 0
        data = np.ascontiguousarray(vectors[new], np.float32)
        entries = np.empty(len(data), _ENTRY)
        entries["id"] = ids[new]
        entries["mark"] = self._living.marks_of(ids[new])
        entries["check"] = _checks(ids[new], data)
        with self._lock:
            if self._failed:
                return
            try:
                _write_all(self._file, data)
            except OSError:
                # A full disk costs the cache, not the scan.
                self._failed = True
                return
            self._parts.append(entries)

    def finish(self) -> None:
        """Make the appended rows count, and drop files that no index names."""
        try:
            draft = self._place / "index.new"
            with draft.open("wb") as file:
                file.write(np.array([_MAGIC, self._token, self._dim], "<i8").tobytes())
                for part in self._parts:
                    file.write(part.view(np.uint8).data)
            draft.replace(self._place / "index")
            for old in self._place.glob("vectors-*.f32"):
                if old != _vectors(self._place, self._token):
                    old.unlink(missing_ok=True)
        except OSError:
            # The old index still describes the old rows, and what was appended behind them does no harm.
            return

    def close(self) -> None:
        """Give the file back."""
        os.close(self._file)


def _vectors(place: Path, token: int) -> Path:
    return place / f"vectors-{token:016x}.f32"


def _checks(ids: Int64Array, vectors: NDArray[np.float32]) -> NDArray[np.uint64]:
    """A checksum (n,) of each row: the sum of its 32-bit words, mixed with its number so that no row passes for another."""
    words: NDArray[np.uint64] = np.add.reduce(vectors.view(np.uint32), axis=1, dtype=np.uint64)
    return words ^ (ids.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15))


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        # Another process has it, or this file system knows no locks (ENOSYS, ENOLCK): do without writing.
        return False
    return True


def _write_all(descriptor: int, data: NDArray[np.float32]) -> None:
    view = memoryview(data.view(np.uint8).reshape(-1).data)
    while view:
        view = view[os.write(descriptor, view) :]
