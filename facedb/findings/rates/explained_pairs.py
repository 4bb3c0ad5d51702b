"""Told pairs: how far the findings explain a flagged pair as two faces of one person, so that the rest is chance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facedb.core.finding import Kind, Role
from facedb.core.lookup import places
from facedb.core.records import Float64Array, Int64Array
from facedb.findings.cores.folders import Folders
from facedb.findings.finding_table import FindingTable

_BEYOND = 0.025
"""What is surer than this lies beyond either end of an interval of 95 %."""


@dataclass(frozen=True, slots=True)
class Told:
    """Of pairs (m,): ``mated`` float64, the probability that they show one person, and ``doubt`` float64, what each adds to the
    variance of the number of such pairs, from the highest score down."""

    mated: Float64Array
    doubt: Float64Array


def told_pairs(
    found: FindingTable, parts: Folders, rows_a: Int64Array, rows_b: Int64Array, scores: NDArray[np.floating]
) -> Told:
    """What the findings say of the pairs of rows (m,), which have ``scores`` (m,).

    A stray shows the other identity of its finding, a copy in a foreign folder one of the two; the rest of a folder shows its own. Two
    identities are one as far as a merge (or look-alike) is sure of it. All pairs of two identities stand or fall together: k of them,
    mated with the probability p, have the variance k^2 p (1 - p).
    """
    labels = parts.labels[parts.folder_of]
    shown, trust = labels.copy(), np.ones(len(labels))
    kind = found.kind[found.member_finding]
    wrong = np.flatnonzero(found.member_role == Role.WRONG)
    wrong = wrong[np.isin(kind[wrong], (Kind.STRAY, Kind.MIXED)) & (found.size_a[found.member_finding[wrong]] > 1)]
    finding = found.member_finding[wrong]
    named = found.identity_b[finding] >= 0
    # Whom a face shows that looks like nobody is known to nobody: a number of its own.
    shown[found.member_row[wrong]] = np.where(named, found.identity_b[finding], -1 - finding)
    trust[found.member_row[wrong]] = found.confidence[finding]
    first, second = np.minimum(shown[rows_a], shown[rows_b]), np.maximum(shown[rows_a], shown[rows_b])
    both = trust[rows_a] * trust[rows_b]
    likely = both * np.where(first == second, 1.0, _as_one(found, first, second))
    mated = np.maximum(likely, _copied(found, labels, rows_a, rows_b))
    # Pairs that a face makes with its own people rest on the finding about that face.
    doubtful = np.where(trust[rows_a] < trust[rows_b], rows_a, rows_b)
    return Told(mated, _doubt(mated, scores, first, np.where(first == second, -1 - doubtful, second)))


def _as_one(found: FindingTable, one: Int64Array, other: Int64Array) -> Float64Array:
    """How sure the findings are that the identities ``one`` <= ``other`` (m,) are one person, 0 where they say nothing of the two."""
    alone = (found.kind == Kind.STRAY) & (found.size_a == 1)
    told = np.flatnonzero(np.isin(found.kind, (Kind.MERGE, Kind.LOOK_ALIKE)) | alone)
    low = np.minimum(found.identity_a[told], found.identity_b[told]).astype(np.int64)
    high = np.maximum(found.identity_a[told], found.identity_b[told]).astype(np.int64)
    names, codes = np.unique(np.r_[low, high], return_inverse=True)
    # Of two findings about the same two identities the last one counts.
    keys, last = np.unique((codes[: len(told)] * len(names) + codes[len(told) :])[::-1], return_index=True)
    at_one, at_other = places(one, names), places(other, names)
    at = places(np.where((at_one >= 0) & (at_other >= 0), at_one * len(names) + at_other, -1), keys)
    return np.where(at >= 0, found.confidence[told][::-1][last[at]], 0.0) if len(told) else np.zeros(len(one))


def _doubt(mated: Float64Array, scores: NDArray[np.floating], one: Int64Array, other: Int64Array) -> Float64Array:
    """What each pair adds to the variance, where pairs with the same ``one`` and ``other`` stand or fall together."""
    order = np.lexsort((-scores, other, one))
    fresh = np.r_[True, (np.diff(one[order]) != 0) | (np.diff(other[order]) != 0)] if len(order) else np.empty(0, bool)
    start = np.maximum.accumulate(np.where(fresh, np.arange(len(order)), 0))
    place = np.empty(len(order))
    place[order] = np.arange(len(order)) - start
    doubted = np.minimum(mated, 1 - mated) >= _BEYOND
    return np.where(doubted, mated * (1 - mated) * (2 * place + 1), 0.0)


def _copied(found: FindingTable, labels: Int64Array, rows_a: Int64Array, rows_b: Int64Array) -> Float64Array:
    """The same by copies across folders: the copied face shows one of the two identities, so all its pairs with either do."""
    across = np.flatnonzero((found.kind == Kind.DUPLICATE) & (found.identity_b >= 0))
    likely = np.zeros(len(rows_a))
    folders: dict[int, dict[int, float]] = {}
    for k in across.tolist():
        rows = found.member_row[found.member_finding == k].tolist()
        for row in rows:
            for other in {int(labels[r]) for r in rows}:
                known = folders.setdefault(row, {})
                known[other] = max(known.get(other, 0.0), float(found.confidence[k]))
    if not folders:
        return likely
    copied = np.zeros(len(labels), bool)
    copied[list(folders)] = True
    for k in np.flatnonzero(copied[rows_a] | copied[rows_b]).tolist():
        a, b = int(rows_a[k]), int(rows_b[k])
        likely[k] = max(folders.get(a, {}).get(int(labels[b]), 0.0), folders.get(b, {}).get(int(labels[a]), 0.0))
    return likely
