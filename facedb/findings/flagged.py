"""Flagged pairs as findings look at them: some at a time, so that memory need not hold them all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from facedb.core.lookup import best_of_runs, run_starts
from facedb.core.records import Float32Array, Int64Array
from facedb.findings.cores.folders import Folders
from facedb.findings.cores.peel import nearest_few


class Columns(Protocol):
    """What has pairs of rows, such as what the join found in a block."""

    @property
    def rows_a(self) -> Int64Array: ...
    @property
    def rows_b(self) -> Int64Array: ...
    @property
    def scores(self) -> Float32Array: ...


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of gallery rows ``rows_a`` and ``rows_b`` int64 (m,) with different labels and their ``scores`` float32 (m,)."""

    rows_a: Int64Array
    rows_b: Int64Array
    scores: Float32Array

    @classmethod
    def of(cls, parts: Iterable[Columns]) -> Pairs:
        """All ``parts`` as one."""
        joined: list[Columns] = [_NONE, *parts]
        return cls(*(np.concatenate([getattr(part, name) for part in joined]) for name in cls.__slots__))

    def __len__(self) -> int:
        return len(self.scores)

    def __iter__(self) -> Iterator[Pairs]:
        yield self

    def together(self, codes: NDArray[np.integer]) -> Iterator[Pairs]:
        """They are together already, whatever the ``codes`` (n,)."""
        del codes
        yield self

    def only(self, mask: NDArray[np.bool_]) -> Pairs:
        """Those where ``mask`` (m,) holds."""
        return Pairs(self.rows_a[mask], self.rows_b[mask], self.scores[mask])


_NONE = Pairs(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32))


class Flagged(Protocol):
    """The flagged pairs of a gallery, part by part, as often as needed; there is always at least one part, if an empty one."""

    def __iter__(self) -> Iterator[Pairs]:
        """All pairs in parts, in any order."""

    def together(self, codes: NDArray[np.integer]) -> Iterator[Pairs]:
        """All pairs in parts, where those whose two rows have the same two ``codes`` (n,) are in one."""


def likest(flagged: Flagged, near: float) -> Pairs:
    """The pairs that reach ``near``, and the few likest of each row that score high (`nearest_few`)."""
    kept = _NONE
    for part in flagged:
        joined = Pairs.of([kept, part]) if len(kept) else part
        kept = joined.only(nearest_few(joined.rows_a, joined.rows_b, joined.scores, near))
    return kept


def by_face(
    flagged: Flagged, parts: Folders, chosen: NDArray[np.bool_]
) -> Iterator[tuple[Int64Array, Int64Array, Int64Array]]:
    """The best pair of each ``chosen`` row (n,) with each foreign folder, part by part: rows, folders, the rows at the other end."""
    for part in flagged.together(parts.folder_of):
        at_a, at_b = np.flatnonzero(chosen[part.rows_a]), np.flatnonzero(chosen[part.rows_b])
        face = np.r_[part.rows_a[at_a], part.rows_b[at_b]]
        across = np.r_[part.rows_b[at_a], part.rows_a[at_b]]
        score = np.r_[part.scores[at_a], part.scores[at_b]]
        folders = len(parts.labels)
        key = face * folders + parts.folder_of[across]
        order = np.argsort(key)
        key = key[order]
        starts = run_starts(key)
        nearest, _ = best_of_runs(starts, score[order], across[order], across[order])
        face, folder = np.divmod(key[starts], max(folders, 1))
        yield face, folder, nearest
