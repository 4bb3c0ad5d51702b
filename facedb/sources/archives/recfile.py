"""Walking a ``.rec`` file record by record: where each one lies, what its key is, and where the file is damaged."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from facedb.core import rejects
from facedb.core.records import Int64Array
from facedb.core.rejects import Problem
from facedb.sources import problems
from facedb.sources.archives.recordio import FRAME, MAGIC, MAGIC_BYTES, MAX_LENGTH, padded, raw_distance

_HEAD = 512
_STEP = 1 << 20
_LOOK_AT = 1000
_LOST = problems.bad_record("The index names a place where no record starts.")


@dataclass(frozen=True, slots=True)
class Place:
    """Where one record lies: bytes from ``start`` to ``end`` with its frame, its data in one or more ``parts``.

    ``parts`` are (offset, length) in the file; ``head`` are the first bytes of the data. ``key`` is None for a record
    without one, ``unlisted`` says that the index passes this record over, and ``problem`` is set where no whole record
    lies here.
    """

    start: int
    end: int
    key: int | None
    parts: tuple[tuple[int, int], ...] = ()
    head: bytes = b""
    problem: Problem | None = None
    unlisted: bool = False

    @property
    def data_length(self) -> int:
        """Length of the data in bytes, the magics that were left out between the parts put back."""
        return sum(length for _, length in self.parts) + 4 * (len(self.parts) - 1)

    @property
    def data_end(self) -> int:
        """The offset in the file at which the last part's data end."""
        offset, length = self.parts[-1]
        return offset + length

    def offset_of(self, distance: int) -> int:
        """The offset in the file of the byte that is ``distance`` bytes into the data."""
        return self.parts[0][0] + raw_distance([length for _, length in self.parts], distance)


class RecFile:
    """One open ``.rec`` file and its index, where there is one; a context manager."""

    def __init__(self, path: Path) -> None:
        """Open the file; raises OSError. An index that is not one, or belongs to another file, is ignored, and ``remarks`` say so."""
        self._path = path
        self.remarks: list[str] = []
        self._offsets: Int64Array | None = None
        self._keys: Int64Array | None = None
        self._descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        status = os.fstat(self._descriptor)
        self.size = status.st_size
        self.mtime_ns = status.st_mtime_ns
        index = path.with_suffix(".idx")
        if index.is_file():
            self._use(index)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        os.close(self._descriptor)

    @property
    def has_index(self) -> bool:
        """Whether the keys come from an index."""
        return self._offsets is not None

    def is_recordio(self) -> bool:
        """Say whether the file starts with the mark of RecordIO."""
        return os.pread(self._descriptor, 4, 0) == MAGIC_BYTES

    def first(self) -> Place:
        """Return the first record."""
        return self._place_at(0)

    def records(self) -> Iterator[Place]:
        """Yield every record in the order of the file; damaged stretches, and entries of the index without a record."""
        position, number = 0, 0
        entries = _Entries(self._offsets, self._keys)
        while position < self.size:
            place = self._place_at(position)
            yield from entries.before(position)
            if place.problem:
                yield from entries.damaged(place)
            else:
                yield entries.keyed(place, number)
            position, number = place.end, number + 1
        yield from entries.before(None)
        self._say(entries)

    def _say(self, entries: _Entries) -> None:
        index = self._path.with_suffix(".idx").name
        if entries.added:
            self.remarks.append(
                f"{index} ends before {self._path.name} does: {entries.added:,} records behind its end are read as well."
            )
        if entries.passed_over:
            self.remarks.append(f"{entries.passed_over:,} records that {index} passes over are ignored.")

    def data_head(self, place: Place, length: int) -> bytes:
        """Return the first ``length`` bytes of a record's data, fewer where it is shorter."""
        if len(place.head) >= min(length, place.data_length):
            return place.head[:length]
        joined = b""
        for offset, size in place.parts:
            joined += MAGIC_BYTES if joined else b""
            joined += os.pread(self._descriptor, min(size, length), offset)
            if len(joined) >= length:
                break
        return joined[:length]

    def _use(self, index: Path) -> None:
        """Take the index for the keys of the records, where it can be."""
        entries = _read_index(index, self._is_start)
        if entries is None:
            why = "is not an index of 'key offset' lines"
        elif len(np.unique(entries[1])) < len(entries[1]):
            why = "gives one key to several records"
        elif not self._fits(entries[0]):
            why = f"does not belong to {self._path.name}: no records start where it says"
        else:
            self._offsets, self._keys = entries
            return
        self.remarks.append(f"{index.name} {why}: the images are named by their place in {self._path.name} instead.")

    def _fits(self, offsets: Int64Array) -> bool:
        looked_at = offsets[:: max(1, len(offsets) // _LOOK_AT)]
        return 2 * sum(map(self._is_start, map(int, looked_at))) >= len(looked_at)

    def _is_start(self, offset: int) -> bool:
        return 0 <= offset < self.size and os.pread(self._descriptor, 4, int(offset)) == MAGIC_BYTES

    def _place_at(self, position: int) -> Place:
        head = os.pread(self._descriptor, _HEAD, position)
        parts = self._parts_at(position, head)
        if isinstance(parts, Problem):
            return Place(position, self._next_record(position + 4), None, problem=parts)
        offset, length = parts[-1]
        known = head[FRAME.size : FRAME.size + length] if len(parts) == 1 else b""
        return Place(position, min(offset + padded(length), self.size), None, tuple(parts), known)

    def _parts_at(self, position: int, head: bytes) -> list[tuple[int, int]] | Problem:
        parts: list[tuple[int, int]] = []
        while True:
            if len(head) < FRAME.size:
                return rejects.problem(rejects.TRUNCATED, "The file ends inside a record.")
            magic, word = FRAME.unpack_from(head)
            flag, length = divmod(word, MAX_LENGTH + 1)
            if magic != MAGIC or flag not in ((2, 3) if parts else (0, 1)):
                return problems.bad_record("The bytes here are not a whole record.")
            if position + FRAME.size + length > self.size:
                return rejects.problem(rejects.TRUNCATED, "The file ends inside a record.")
            parts.append((position + FRAME.size, length))
            if flag in (0, 3):
                return parts
            position += FRAME.size + padded(length)
            head = os.pread(self._descriptor, FRAME.size, position)

    def _next_record(self, position: int) -> int:
        # A writer cuts data where they hold the magic at a multiple of 4, so such a place is the start of a record.
        while position < self.size:
            chunk = os.pread(self._descriptor, _STEP, position)
            found = chunk.find(MAGIC_BYTES)
            while found >= 0:
                candidate = position + found
                if candidate % 4 == 0 and self._starts_record(candidate):
                    return candidate
                found = chunk.find(MAGIC_BYTES, found + 1)
            position += max(len(chunk) - 3, 1)
        return self.size

    def _starts_record(self, position: int) -> bool:
        return not isinstance(self._parts_at(position, os.pread(self._descriptor, FRAME.size, position)), Problem)


class _Entries:
    """The index in the order of the file, consumed beside the records."""

    def __init__(self, offsets: Int64Array | None, keys: Int64Array | None) -> None:
        self._offsets = offsets
        self._keys = keys
        self._next = 0
        self._last_key = int(keys.max(initial=-1)) if keys is not None else -1
        self.added = 0
        self.passed_over = 0

    def before(self, position: int | None) -> Iterator[Place]:
        """Yield the entries that point before ``position`` (None: anywhere) and that no record has taken."""
        while self._offsets is not None and self._keys is not None and self._next < len(self._offsets):
            offset = int(self._offsets[self._next])
            if position is not None and offset >= position:
                return
            yield Place(offset, offset, int(self._keys[self._next]), problem=_LOST)
            self._next += 1

    def damaged(self, place: Place) -> Iterator[Place]:
        """Yield a damaged stretch: once for each entry of the index that points into it, else once for itself."""
        named = False
        while (key := self._take(place.end)) is not None:
            named = True
            yield Place(place.start, place.end, key, problem=place.problem)
        if not named:
            yield place

    def keyed(self, place: Place, number: int) -> Place:
        """Return ``place`` with its key: from the index, or the ``number`` of the record where there is no index.

        A record behind the end of the index has its number too, where the index did not give that away.
        """
        unlisted = False
        if self._offsets is None:
            key: int | None = number
        else:
            key = self._take(place.start + 1)
            if key is None and self._next >= len(self._offsets):
                key = number if number > self._last_key else None
                self.added += 1
            elif key is None:
                unlisted = True
                self.passed_over += 1
        return Place(place.start, place.end, key, place.parts, place.head, unlisted=unlisted)

    def _take(self, before: int) -> int | None:
        if self._offsets is None or self._keys is None or self._next >= len(self._offsets):
            return None
        if self._offsets[self._next] >= before:
            return None
        self._next += 1
        return int(self._keys[self._next - 1])


def _read_index(path: Path, is_start: Callable[[int], bool]) -> tuple[Int64Array, Int64Array] | None:
    """Return offsets, ascending, and their keys; None for what is no index. A last line that breaks off is left out."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            numbers = np.fromfile(path, dtype=np.int64, sep=" ")
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 1))
            whole = file.read(1) in (b"", b"\n")
    except (OSError, ValueError, DeprecationWarning):
        return None
    if len(numbers) % 2:
        numbers = numbers[:-1]
    elif len(numbers) and not whole and not is_start(int(numbers[-1])):
        numbers = numbers[:-2]
    keys, offsets = numbers[0::2], numbers[1::2]
    order = np.argsort(offsets, kind="stable")
    return offsets[order], keys[order]
