"""Explained pairs: how far the findings explain a flagged pair as two faces of one person, so that the rest is chance."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from facedb.core.finding import Kind, Role
from facedb.core.lookup import as_whole_numbers, places, run_numbers, run_starts
from facedb.core.records import Float32Array, Float64Array, Int64Array
from facedb.findings.cores.folders import Folders
from facedb.findings.finding_table import FindingTable
from facedb.findings.flagged import Flagged
from facedb.findings.rates.histogram import BINS, bin_of

_BEYOND = 0.025
"""What is surer than this lies beyond either end of an interval of 95 %."""

_STEP = 2.0**-24
"""Whole numbers of this are summed up without an error (20 million pairs take 49 bits, a link of 46,000 pairs 53), so the sums are the
same in whatever order and parts pairs come."""


@dataclass(frozen=True, slots=True)
class Explained:
    """Flagged pairs by bin of their score (BINS,): ``pairs`` int64, how many there are; ``mated`` float64, how many of them the findings
    take for one person, and ``doubt`` float64, what that adds to the variance of their number from the highest score down."""

    pairs: Int64Array
    mated: Float64Array
    doubt: Float64Array

    @classmethod
    def of(cls, scores: Float32Array, mated: Float64Array, one: Int64Array, other: Int64Array) -> Explained:
        """Of pairs with ``scores`` (m,) that are ``mated`` with these probabilities (m,); with the same ``one`` and ``other`` (m,) they
        stand or fall together, and must all be among them.

        k such pairs, mated with the probability p, have the variance k^2 p (1 - p): the j-th from the highest score down adds
        p (1 - p) (2 j + 1).
        """
        # Sorting plain numbers twice takes a quarter of the time of `lexsort`.
        key = one * (np.ptp(other) + 1) + other if len(other) else other
        order = np.argsort(key)
        starts = run_starts(key[order])
        run = run_numbers(starts, len(order))
        order = order[np.argsort((run + 1 << 32) - as_whole_numbers(scores[order]))]
        scores, mated, place = scores[order], mated[order], np.arange(len(order)) - starts[run]
        doubted = np.minimum(mated, 1 - mated) >= _BEYOND
        doubt = np.where(doubted, mated * (1 - mated) * (2 * place + 1), 0.0)
        mated, doubt = (np.rint(each / _STEP) * _STEP for each in (mated, doubt))
        bins = bin_of(scores)
        return cls(
            np.bincount(bins, minlength=BINS),
            np.bincount(bins, mated, minlength=BINS).astype(np.float64),
            np.bincount(bins, doubt, minlength=BINS).astype(np.float64),
        )

    @classmethod
    def total(cls, parts: Iterable[Explained]) -> Explained:
        """All ``parts`` together."""
        whole = cls(np.zeros(BINS, np.int64), np.zeros(BINS), np.zeros(BINS))
        for part in parts:
            for name in cls.__slots__:
                each = getattr(whole, name)
                each += getattr(part, name)
        return whole


class Explanation:
    """Which pairs of faces show one person, by the findings.

    A stray shows the other identity of its finding, a copy in a foreign folder one of the two; the rest of a folder shows its own. Two
    identities are one as far as a merge (or look-alike) is sure of it.
    """

    def __init__(self, found: FindingTable, parts: Folders) -> None:
        labels = parts.labels[parts.folder_of]
        members, shown, trust = found.members, labels.copy(), np.ones(len(labels))
        kind = found.kind[members.finding]
        wrong = np.flatnonzero(members.role == Role.WRONG)
        wrong = wrong[np.isin(kind[wrong], (Kind.STRAY, Kind.MIXED)) & (found.size_a[members.finding[wrong]] > 1)]
        finding = members.finding[wrong]
        named = found.identity_b[finding] >= 0
        # A face that looks like nobody shows somebody unknown, who gets a number of their own.
        shown[members.row[wrong]] = np.where(named, found.identity_b[finding], -1 - finding)
        trust[members.row[wrong]] = found.confidence[finding]
        self._found, self._labels, self._shown, self._trust = found, labels, shown, trust
        self._copies = _copies(found, labels)

    def mated(self, rows_a: Int64Array, rows_b: Int64Array) -> Float64Array:
        """The probability (m,) that the pairs of rows (m,) show one person."""
        first, second = self._people(rows_a, rows_b)
        both = self._trust[rows_a] * self._trust[rows_b]
        likely = both * np.where(first == second, 1.0, _as_one(self._found, first, second))
        return np.maximum(likely, self._copied(rows_a, rows_b))

    def of(self, flagged: Flagged) -> Explained:
        """How far they explain all ``flagged`` pairs. All pairs of two identities stand or fall together."""
        return Explained.total(
            Explained.of(
                part.scores, self.mated(part.rows_a, part.rows_b), *self._standing_together(part.rows_a, part.rows_b)
            )
            for part in flagged.together(self._shown)
        )

    def _standing_together(self, rows_a: Int64Array, rows_b: Int64Array) -> tuple[Int64Array, Int64Array]:
        first, second = self._people(rows_a, rows_b)
        # Pairs that a face makes with its own people rest on the finding about that face.
        doubtful = np.where(self._trust[rows_a] < self._trust[rows_b], rows_a, rows_b)
        return first, np.where(first == second, -1 - doubtful, second)

    def _people(self, rows_a: Int64Array, rows_b: Int64Array) -> tuple[Int64Array, Int64Array]:
        one, other = self._shown[rows_a], self._shown[rows_b]
        return np.minimum(one, other), np.maximum(one, other)

    def _copied(self, rows_a: Int64Array, rows_b: Int64Array) -> Float64Array:
        """The same by copies across folders: the copied face shows one of the two identities, so all its pairs with either do."""
        likely, copies, labels = np.zeros(len(rows_a)), self._copies, self._labels
        if not copies:
            return likely
        copied = np.zeros(len(labels), bool)
        copied[list(copies)] = True
        for k in np.flatnonzero(copied[rows_a] | copied[rows_b]).tolist():
            a, b = int(rows_a[k]), int(rows_b[k])
            likely[k] = max(copies.get(a, {}).get(int(labels[b]), 0.0), copies.get(b, {}).get(int(labels[a]), 0.0))
        return likely


def _as_one(found: FindingTable, one: Int64Array, other: Int64Array) -> Float64Array:
    """How sure the findings are that the identities ``one`` <= ``other`` (m,) are one person, 0 where they say nothing of the two."""
    alone = (found.kind == Kind.STRAY) & (found.size_a == 1)
    about = np.flatnonzero(np.isin(found.kind, (Kind.MERGE, Kind.LOOK_ALIKE)) | alone)
    low = np.minimum(found.identity_a[about], found.identity_b[about]).astype(np.int64)
    high = np.maximum(found.identity_a[about], found.identity_b[about]).astype(np.int64)
    names, codes = np.unique(np.r_[low, high], return_inverse=True)
    # Of two findings about the same two identities the last one counts.
    keys, last = np.unique((codes[: len(about)] * len(names) + codes[len(about) :])[::-1], return_index=True)
    at_one, at_other = places(one, names), places(other, names)
    at = places(np.where((at_one >= 0) & (at_other >= 0), at_one * len(names) + at_other, -1), keys)
    return np.where(at >= 0, found.confidence[about][::-1][last[at]], 0.0) if len(about) else np.zeros(len(one))


def _copies(found: FindingTable, labels: Int64Array) -> dict[int, dict[int, float]]:
    """Of each row with a copy in another folder the identities of those folders, and how sure the copy is."""
    across = np.flatnonzero((found.kind == Kind.DUPLICATE) & (found.identity_b >= 0))
    copies: dict[int, dict[int, float]] = {}
    for k in across.tolist():
        rows = found.members.rows_of(k).tolist()
        for row in rows:
            for other in {int(labels[r]) for r in rows}:
                known = copies.setdefault(row, {})
                known[other] = max(known.get(other, 0.0), float(found.confidence[k]))
    return copies
