"""The links that differ between two scans, counted from pairs that come some at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facedb.core.lookup import places, run_numbers, run_starts
from facedb.core.records import Float32Array, Int64Array
from facedb.core.row_schema import Real
from facedb.report.comparison.diff_reasons import CHANGES, REASONS, Reasoned

_FEWEST_WAITING = 1 << 17


@dataclass(frozen=True, slots=True)
class LinkChange:
    """A link that differs between two scans."""

    change: str
    identity_a: str
    identity_b: str
    pairs_before: int
    pairs_after: int
    max_before: Real | None
    max_after: Real | None
    reason: str | None


class LinkTally:
    """What pairs between any two of so many ``names`` add up to."""

    def __init__(self, names: int) -> None:
        self._names = names
        # Of each link its pairs and its highest score in both scans; of each link with a reason the pairs that changed for it.
        self._links, self._reasons = _Sums(2, 2), _Sums(1, 0)

    def add(self, before: Float32Array, after: Float32Array, found: Reasoned) -> None:
        """Count pairs with their scores (m,) in both scans, NaN where one did not flag them."""
        old, new = (names.min(axis=1) * self._names + names.max(axis=1) for names in found.names)
        was, now = ~np.isnan(before), ~np.isnan(after)
        moved = was & now & (old != new)
        # A pair that moved from one link to another counts in both, and so does its reason.
        for at, key, in_old, in_new in (
            (np.arange(len(moved)), np.where(now, new, old), was & ~moved, now),
            (np.flatnonzero(moved), old, was, np.zeros_like(now)),
        ):
            scores = np.stack([np.where(in_old, before, -np.inf)[at], np.where(in_new, after, -np.inf)[at]])
            self._links.add(key[at], np.stack([in_old[at], in_new[at]]), scores)
            told = at[found.differs[at]]
            self._reasons.add(
                key[told] * len(REASONS) + found.reason[told], np.ones((1, len(told))), np.empty((0, len(told)))
            )

    def differing(self) -> DifferingLinks:
        """The links with a pair that differs."""
        keys, pairs, best = self._links.rolled()
        reasons, counts, _ = self._reasons.rolled()
        link, reason = np.divmod(reasons, len(REASONS))
        starts = run_starts(link)
        at = places(link[starts], keys)
        counted = np.zeros((len(starts), len(REASONS)), np.int64)
        counted[run_numbers(starts, len(link)), reason] = counts[0]
        pairs, best = pairs[:, at], best[:, at]
        change = np.where(
            pairs[0] == 0,
            CHANGES.index("new"),
            np.where(pairs[1] == 0, CHANGES.index("gone"), CHANGES.index("changed")),
        )
        order = np.lexsort((keys[at], -np.where(pairs[1] > 0, best[1], best[0]), change))
        a, b = np.divmod(keys[at][order], max(self._names, 1))
        return DifferingLinks(change[order], a, b, pairs[:, order], best[:, order], counted[order])


@dataclass(frozen=True, slots=True)
class DifferingLinks:
    """Links that differ between two scans, new first, then gone, then changed, each by score, then by names: columns (n,) of which
    ``change`` is an index of CHANGES, ``a`` and ``b`` are places among the names; ``pairs`` and ``best`` score in each scan (2, n),
    and how many pairs differ for each of REASONS, ``reasons`` (n, r)."""

    change: Int64Array
    a: Int64Array
    b: Int64Array
    pairs: Int64Array
    best: Float32Array
    reasons: Int64Array

    def rows(self, names: list[str]) -> Iterator[LinkChange]:
        """Them as rows, one after another."""
        for k in range(len(self.change)):
            (pairs_before, pairs_after), (best_before, best_after) = self.pairs[:, k].tolist(), self.best[:, k].tolist()
            yield LinkChange(
                CHANGES[self.change[k]],
                names[self.a[k]],
                names[self.b[k]],
                pairs_before,
                pairs_after,
                best_before if pairs_before else None,
                best_after if pairs_after else None,
                _in_words(self.reasons[k].tolist()),
            )


class _Sums:
    """What ``sums`` columns add up to, and how high ``highest`` others go, for each key, of parts that come one after another."""

    def __init__(self, sums: int, highest: int) -> None:
        self._parts = [(np.empty(0, np.int64), np.empty((sums, 0), np.int64), np.empty((highest, 0), np.float32))]
        self._waiting = self._rolled = 0

    def add(self, keys: Int64Array, sums: NDArray[Any], highest: NDArray[np.floating]) -> None:
        """Take in a part: ``keys`` (m,), and (k, m) columns."""
        self._parts.append((keys, sums.astype(np.int64), highest.astype(np.float32)))
        self._waiting += len(keys)
        if self._waiting > max(_FEWEST_WAITING, self._rolled):
            self.rolled()

    def rolled(self) -> tuple[Int64Array, Int64Array, Float32Array]:
        """Each key once, in order (m,), and the columns (k, m)."""
        keys, sums, highest = (np.concatenate(column, axis=-1) for column in zip(*self._parts, strict=True))
        order = np.argsort(keys)
        keys = keys[order]
        starts = run_starts(keys)
        if len(starts):
            sums = np.add.reduceat(sums[:, order], starts, axis=1)
            highest = np.maximum.reduceat(highest[:, order], starts, axis=1) if len(highest) else highest[:, starts]
        self._parts = [(keys[starts], sums, highest)]
        self._waiting, self._rolled = 0, len(starts)
        return self._parts[0]


def _in_words(counts: list[int]) -> str | None:
    """The reasons that are known, most frequent first, with their numbers where there are several."""
    known = [(said, n) for said, n in zip(REASONS, counts, strict=True) if n and said is not None]
    known.sort(key=lambda each: -each[1])
    return ", ".join(f"{said} ({n})" if len(known) > 1 else said for said, n in known) or None
