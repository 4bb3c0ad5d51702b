"""Diff: what one scan flagged and another did not, with the reason where it can be known.

Pairs are matched by their faces where both scans used the same way to find faces, else by their images. A link is new,
gone or changed when one of its pairs is; its reasons are those of its pairs, with their numbers. Both scans stay arrays; only
what differs becomes an object, one at a time.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import overload

import numpy as np

from facedb.core.choices import one_of
from facedb.core.lookup import places
from facedb.core.records import Float32Array, Int64Array
from facedb.core.row_schema import Real
from facedb.db.connection import Connection, Database, translated
from facedb.report.comparison import diff_rows
from facedb.report.comparison.diff_sides import GONE, Flagged, Names, Side, fits
from facedb.scan.scan_rows import ScanRow
from facedb.scan.which_scan import find_scan

CHANGES = ("new", "gone", "changed")
_REASONS = (None, "another model", "relabelled", "embedded again", "new face", "vanished", "another scope", "threshold")
Ends = tuple[int, int]


@dataclass(frozen=True, slots=True)
class PairDifference:
    """A pair that differs between two scans, as a row."""

    change: str
    identity_a: str
    path_a: str
    identity_b: str
    path_b: str
    score_before: Real | None
    score_after: Real | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class PairChange:
    """A pair that differs between two scans: its ends (faces or images), scores (None: not flagged), reason (None: unknown)."""

    change: str
    ends: Ends
    before: float | None
    after: float | None
    labels: tuple[str, str]
    paths: tuple[str, str]
    reason: str | None

    def row(self) -> PairDifference:
        """The change as a row."""
        (name_a, name_b), (path_a, path_b) = self.labels, self.paths
        return PairDifference(self.change, name_a, path_a, name_b, path_b, self.before, self.after, self.reason)


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


class PairChanges(Sequence[PairChange]):
    """The pairs that differ: arrays (m,) inside, objects as they are asked for; new first, then gone, then changed, each by score."""

    def __init__(self, columns: _Changed, names: Names, paths: dict[int, str]) -> None:
        self._columns = columns
        self._names = names
        self._paths = paths

    def __len__(self) -> int:
        return len(self._columns.change)

    @overload
    def __getitem__(self, at: int) -> PairChange: ...

    @overload
    def __getitem__(self, at: slice) -> list[PairChange]: ...

    def __getitem__(self, at: int | slice) -> PairChange | list[PairChange]:
        if isinstance(at, slice):
            return [self[k] for k in range(*at.indices(len(self)))]
        c = self._columns
        before, after = float(c.before[at]), float(c.after[at])
        a, b = int(c.face_a[at]), int(c.face_b[at])
        return PairChange(
            CHANGES[c.change[at]],
            (int(c.low[at]), int(c.high[at])),
            None if np.isnan(before) else before,
            None if np.isnan(after) else after,
            (self._names.names[c.name_a[at]], self._names.names[c.name_b[at]]),
            (self._paths.get(a, GONE), self._paths.get(b, GONE)),
            _REASONS[c.reason[at]],
        )

    def __iter__(self) -> Iterator[PairChange]:
        return (self[k] for k in range(len(self)))


@dataclass(frozen=True, slots=True)
class ScanDiff:
    """Everything that differs between two scans: new first, then gone, then changed, each by score."""

    before: ScanRow
    after: ScanRow
    pairs: PairChanges
    links: tuple[LinkChange, ...]


@dataclass(frozen=True, slots=True)
class _Changed:
    """The changed pairs in columns (m,): ``change`` an index of CHANGES, ``reason`` of _REASONS, scores NaN where not flagged,
    names codes of `Names`; ``link_before`` and ``link_after`` are keys of links, -1 where the pair was not flagged."""

    change: Int64Array
    low: Int64Array
    high: Int64Array
    face_a: Int64Array
    face_b: Int64Array
    before: Float32Array
    after: Float32Array
    reason: Int64Array
    name_a: Int64Array
    name_b: Int64Array
    link_before: Int64Array
    link_after: Int64Array


def diff(db: Database, before: int, after: int) -> ScanDiff:
    """Compare scan ``after`` with scan ``before``; raises NotFoundError, and UsageError for scans that are not finished."""
    with closing(db.open()) as conn, translated(db.dsn):
        one, two = Side(conn, find_scan(conn, before).scan), Side(conn, find_scan(conn, after).scan)
        return _compare(conn, one, two, by_image=one.detection != two.detection)


def _compare(conn: Connection, one: Side, two: Side, *, by_image: bool) -> ScanDiff:
    first, second = one.by_ends(conn, by_image=by_image), two.by_ends(conn, by_image=by_image)
    names = Names(conn, (one, two))
    in_second, in_first = _matches(first, second)
    links = (_links(names, 0, first), _links(names, 1, second))
    gone, new = np.flatnonzero(in_second < 0), np.flatnonzero(in_first < 0)
    both = np.flatnonzero(in_second >= 0)
    other = in_second[both]
    reason, differs = _reason_of_both(one, two, first, both, second, other)
    both, other, reason = both[differs], other[differs], reason[differs]
    nan = np.float32(np.nan)
    parts = (
        (
            0,
            second,
            new,
            np.full(len(new), nan),
            second.score[new],
            _reason_of_one(conn, two, one, second, new, "new face"),
            np.full(len(new), -1),
            links[1][new],
        ),
        (
            1,
            first,
            gone,
            first.score[gone],
            np.full(len(gone), nan),
            _reason_of_one(conn, one, two, first, gone, "vanished"),
            links[0][gone],
            np.full(len(gone), -1),
        ),
        (2, second, other, first.score[both], second.score[other], reason, links[0][both], links[1][other]),
    )
    columns = _Changed(
        np.concatenate([np.full(len(at), change, np.int64) for change, _, at, *_ in parts]),
        *(
            np.concatenate([getattr(side, name)[at] for _, side, at, *_ in parts])
            for name in ("low", "high", "face_a", "face_b")
        ),
        *(np.concatenate([part[k] for part in parts]) for k in (3, 4, 5)),
        *(
            np.concatenate([names.codes(int(side is second), getattr(side, name)[at]) for _, side, at, *_ in parts])
            for name in ("face_a", "face_b")
        ),
        *(np.concatenate([part[k] for part in parts]) for k in (6, 7)),
    )
    paths = diff_rows.face_paths(conn, np.unique(np.concatenate([columns.face_a, columns.face_b])))
    columns = _sorted(columns, paths)
    changed = _link_changes(names, columns, (first, second), links)
    return ScanDiff(one.scan, two.scan, PairChanges(columns, names, paths), tuple(changed))


def _matches(first: Flagged, second: Flagged) -> tuple[Int64Array, Int64Array]:
    """Where each pair of ``first`` (m,) is in ``second`` (n,), and the other way; -1 where it is not."""
    ends = np.unique(np.concatenate([np.unique(part) for f in (first, second) for part in (f.low, f.high)]))
    # One number for both ends keeps the order of the pairs, so each side is sorted by it already.
    one, two = (np.searchsorted(ends, f.low) * len(ends) + np.searchsorted(ends, f.high) for f in (first, second))
    in_second = places(one, two)
    in_first = np.full(len(second), -1, np.int64)
    both = np.flatnonzero(in_second >= 0)
    in_first[in_second[both]] = both
    return in_second, in_first


def _reason_of_both(
    one: Side, two: Side, first: Flagged, at: Int64Array, second: Flagged, other: Int64Array
) -> tuple[Int64Array, Int64Array]:
    """Why pairs that both scans flagged differ (index of _REASONS), and the positions of those that do."""
    score = first.score[at] != second.score[other]
    reason = np.zeros(len(at), np.int64)
    if one.scan.model_id != two.scan.model_id:
        reason[score] = _REASONS.index("another model")
        return reason, np.flatnonzero(score)
    ends = [
        (one.label(getattr(first, f)[at]), two.label(getattr(second, f)[other]), two.label(getattr(first, f)[at]))
        for f in ("face_a", "face_b")
    ]
    relabelled = np.zeros(len(at), bool)
    known = np.ones(len(at), bool)
    for here, there, same_there in ends:
        relabelled |= here != there
        known &= (here >= 0) & (same_there >= 0)
    reason[score] = _REASONS.index("embedded again")
    reason[relabelled & known] = _REASONS.index("relabelled")
    return reason, np.flatnonzero(score | (reason > 0))


def _reason_of_one(
    conn: Connection, here: Side, there: Side, pairs: Flagged, at: Int64Array, missing: str
) -> Int64Array:
    """Why pairs that only ``here`` flagged are not flagged ``there`` (index of _REASONS)."""
    if here.scan.model_id != there.scan.model_id:
        return np.full(len(at), _REASONS.index("another model"), np.int64)
    a, b = pairs.face_a[at], pairs.face_b[at]
    reason = np.zeros(len(at), np.int64)
    reason[pairs.score[at] < there.scan.threshold] = _REASONS.index("threshold")
    labels = there.label(a), there.label(b)
    reason[(labels[0] >= 0) & (labels[0] == labels[1])] = _REASONS.index("relabelled")
    absent = ~there.has(a), ~there.has(b)
    faces = np.unique(np.concatenate([a[absent[0]], b[absent[1]]]))
    facts = diff_rows.face_facts(conn, faces.tolist())
    outside = np.array([face for face in faces.tolist() if not fits(facts.get(face), there.scan)], np.int64)
    reason[absent[0] | absent[1]] = _REASONS.index(missing)
    out = (absent[0] & np.isin(a, outside)) | (absent[1] & np.isin(b, outside))
    reason[out] = _REASONS.index("another scope")
    return reason


def _links(names: Names, side: int, pairs: Flagged) -> Int64Array:
    """The key (m,) of the link that each pair belongs to: the codes of its two names in order."""
    a, b = names.codes(side, pairs.face_a), names.codes(side, pairs.face_b)
    found: Int64Array = np.minimum(a, b) * len(names.names) + np.maximum(a, b)
    return found


def _sorted(c: _Changed, paths: dict[int, str]) -> _Changed:
    """New first, then gone, then changed, each by its newer score, then by paths."""
    called = sorted({*paths.values(), GONE})
    rank = {path: number for number, path in enumerate(called)}
    score = np.where(np.isnan(c.after) | (c.after == 0), np.where(np.isnan(c.before), 0, c.before), c.after)
    faces = np.unique(np.concatenate([c.face_a, c.face_b]))
    ranks = np.array([rank[paths.get(face, GONE)] for face in faces.tolist()], np.int64)
    at_a, at_b = np.searchsorted(faces, c.face_a), np.searchsorted(faces, c.face_b)
    order = np.lexsort((ranks[at_b], ranks[at_a], -score, c.change))
    return _Changed(*(getattr(c, name)[order] for name in _Changed.__slots__))


def _link_changes(
    names: Names, c: _Changed, sides: tuple[Flagged, Flagged], links: tuple[Int64Array, Int64Array]
) -> list[LinkChange]:
    """The links that a changed pair belongs to, before or after, new first, then gone, then changed, each by score."""
    reasons: dict[int, Counter[str]] = defaultdict(Counter)
    touched = np.setdiff1d(np.concatenate([c.link_before, c.link_after]), [-1])
    for column, counted in (
        (c.link_before, c.link_before >= 0),
        (c.link_after, (c.link_after >= 0) & (c.link_after != c.link_before)),
    ):
        keys, counts = np.unique(np.stack([column[counted], c.reason[counted]], 1), axis=0, return_counts=True)
        for (key, reason), count in zip(keys.tolist(), counts.tolist(), strict=True):
            said = _REASONS[reason]
            if said is not None:
                reasons[key][said] += count
    before, after = (_of_links(touched, side, keys) for side, keys in zip(sides, links, strict=True))
    found = [
        _link_change(names, key, was, now, reasons[key])
        for key, was, now in zip(touched.tolist(), before, after, strict=True)
    ]
    rank = {change: number for number, change in enumerate(CHANGES)}
    return sorted(
        found, key=lambda k: (rank[k.change], -(k.max_after or k.max_before or 0.0), k.identity_a, k.identity_b)
    )


def _of_links(wanted: Int64Array, pairs: Flagged, links: Int64Array) -> list[tuple[int, float] | None]:
    """Pairs and highest score of each link of ``wanted`` (sorted); None where a scan has none. Links that did not change cost nothing."""
    at = places(links, wanted)
    mine = at >= 0
    counts = np.bincount(at[mine], minlength=len(wanted))
    best = np.full(len(wanted), -np.inf, np.float32)
    np.maximum.at(best, at[mine], pairs.score[mine])
    return [(n, score) if n else None for n, score in zip(counts.tolist(), best.tolist(), strict=True)]


def _link_change(
    names: Names, key: int, before: tuple[int, float] | None, after: tuple[int, float] | None, reasons: Counter[str]
) -> LinkChange:
    change = "new" if before is None else "gone" if after is None else "changed"
    said = ", ".join(f"{reason} ({n})" if len(reasons) > 1 else reason for reason, n in reasons.most_common())
    a, b = divmod(key, len(names.names))
    pairs_before, max_before = before or (0, None)
    pairs_after, max_after = after or (0, None)
    return LinkChange(
        change, names.names[a], names.names[b], pairs_before, pairs_after, max_before, max_after, said or None
    )


def check_change(change: str | None) -> None:
    """Raise UsageError where ``change`` is none of CHANGES."""
    one_of("A change", change, CHANGES)


def rows(found: ScanDiff, *, pairs: bool, change: str | None = None) -> Iterator[PairDifference] | Iterator[LinkChange]:
    """The rows of the pairs or of the links of a diff; ``change``: only those that are new, gone or changed."""
    check_change(change)
    if pairs:
        return (pair.row() for pair in found.pairs if change in (None, pair.change))
    return (link for link in found.links if change in (None, link.change))
