"""The flagged pairs of a scan until its end: in memory while they are few, else in a file that goes with the scan."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from facedb.core.machine import memory
from facedb.findings.flagged import Columns, Pairs
from facedb.scan import memory_need
from facedb.scan.pair_file import PAIR, PairFile

AT_ONCE = 1 << 20
"""So many pairs are looked at together where there is memory for them."""
_LEAST_AT_ONCE = 1 << 16
# Odd numbers with bits all over (Knuth's multiplicative hashing): the upper half of their products tells keys apart.
_LOW, _HIGH = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F)


def looked_at_together() -> int:
    """How many pairs this process may look at together: AT_ONCE, fewer where a quarter of the memory that is left holds no more."""
    room = memory.available()
    most = AT_ONCE if room is None else min(AT_ONCE, room // 4 // memory_need.PAIR_BYTES)
    return max(most, min(AT_ONCE, _LEAST_AT_ONCE))


class PairStore:
    """Pairs of gallery rows, `Flagged` as findings look at them; a `with` block.

    More than ``at_once`` of them lie in a `PairFile` below ``folder`` (None: where the system keeps temporary ones).
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self.at_once = looked_at_together()
        self._waiting: list[NDArray[Any]] = []
        self._held = 0
        self._file: PairFile | None = None
        self._codes: NDArray[np.integer] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget all pairs."""
        if self._file is not None:
            self._file.close()
        self._waiting, self._held, self._file, self._codes = [], 0, None, None

    def take(self, parts: Iterable[Pairs]) -> None:
        """Hold these pairs and no others."""
        self.clear()
        for part in parts:
            self.add(part)

    def add(self, found: Columns) -> None:
        """Hold some pairs more."""
        pairs = np.empty(len(found.scores), PAIR)
        pairs["a"], pairs["b"], pairs["score"] = found.rows_a, found.rows_b, found.scores
        self._waiting.append(pairs)
        self._held += len(pairs)
        if self._held > self.at_once:
            if self._file is None:
                self._file = PairFile(self._folder)
            self._write(self._file)

    def __len__(self) -> int:
        return self._held + (0 if self._file is None else len(self._file))

    def __iter__(self) -> Iterator[Pairs]:
        """All pairs in parts, in any order."""
        if self._file is None:
            yield _pairs(self._taken())
            return
        self._write(self._file)
        yield from map(_pairs, self._file.parts())

    def together(self, codes: NDArray[np.integer]) -> Iterator[Pairs]:
        """All pairs in parts, where those whose two rows have the same two ``codes`` (n,) are in one."""
        if self._file is None:
            yield _pairs(self._taken())
            return
        file = self._file
        self._write(file)
        if self._codes is None or not np.array_equal(self._codes, codes):
            file = self._sort(file, codes)
        for bucket in range(file.buckets):
            yield _pairs(file.bucket(bucket))

    def _taken(self) -> NDArray[Any]:
        """What waits in memory, as one."""
        if len(self._waiting) != 1:
            self._waiting = [np.concatenate([np.empty(0, PAIR), *self._waiting])]
        return self._waiting[0]

    def _write(self, file: PairFile) -> None:
        """Put what waits in memory into the ``file``."""
        if self._held:
            pairs = self._taken()
            for start in range(0, len(pairs), self.at_once):
                file.write(pairs[start : start + self.at_once])
            self._waiting, self._held, self._codes = [], 0, None

    def _sort(self, file: PairFile, codes: NDArray[np.integer]) -> PairFile:
        """Write the pairs of ``file`` anew, in buckets by what a hash makes of their codes."""
        # Half of what is looked at together, as buckets are not all alike.
        buckets = 2 * len(file) // self.at_once + 1
        self._file = found = PairFile(self._folder, buckets)
        with closing(file):
            for pairs in file.parts():
                one, other = codes[pairs["a"]].astype(np.uint64), codes[pairs["b"]].astype(np.uint64)
                hashed = np.minimum(one, other) * _LOW + np.maximum(one, other) * _HIGH
                found.write(pairs, ((hashed >> np.uint64(32)) % np.uint64(buckets)).astype(np.int64))
        self._codes = codes
        return found


def _pairs(stored: NDArray[Any]) -> Pairs:
    return Pairs(stored["a"].astype(np.int64), stored["b"].astype(np.int64), np.ascontiguousarray(stored["score"]))
