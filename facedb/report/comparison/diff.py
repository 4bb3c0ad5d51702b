"""Diff: what one scan flagged and another did not, with the reason where it can be known.

Pairs are matched by their faces where both scans used the same way to find faces, else by their images. A link is new,
gone or changed when one of its pairs is; its reasons are those of its pairs, with their numbers. The database matches the pairs, and
only some of them at a time are here; what is held are the faces of both scans and their links.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from facedb.core.choices import one_of
from facedb.core.records import Int64Array
from facedb.core.row_schema import Real
from facedb.db.connection import Connection, Database, translated
from facedb.report.comparison import diff_rows
from facedb.report.comparison.diff_faces import Faces
from facedb.report.comparison.diff_links import DifferingLinks, LinkChange, LinkTally
from facedb.report.comparison.diff_reasons import CHANGES, REASONS, Reasoned, reasoned
from facedb.scan.scan_rows import ScanRow
from facedb.scan.which_scan import find_scan


@dataclass(frozen=True, slots=True)
class PairDifference:
    """A pair that differs between two scans: its scores (None: not flagged), and the reason (None: unknown)."""

    change: str
    identity_a: str
    path_a: str
    identity_b: str
    path_b: str
    score_before: Real | None
    score_after: Real | None
    reason: str | None


class ScanDiff:
    """Everything that differs between scan ``before`` and scan ``after``: new first, then gone, then changed, each by score."""

    def __init__(self, conn: Connection, before: ScanRow, after: ScanRow) -> None:
        self._conn = conn
        self._scans = before, after
        detection = [diff_rows.detection(conn, scan.model_id) for scan in self._scans]
        self._by_image = detection[0] != detection[1]
        self._faces = Faces(conn, self._scans)

    def counts(self, *, pairs: bool) -> Counter[str]:
        """How many pairs, or links, are new, gone and changed."""
        links, changed = self._tallied
        return changed if pairs else _by_change(links.change)

    def links(self) -> Iterator[LinkChange]:
        """The links that a changed pair belongs to, before or after."""
        return self._tallied[0].rows(self._faces.names)

    def pairs(self) -> Iterator[PairDifference]:
        """The pairs that differ, by score and then by paths, read as they are asked for."""
        relabelled = self._faces.relabelled()
        for matched, paths in diff_rows.changed_pairs(
            self._conn, self._scans, by_image=self._by_image, relabelled=relabelled
        ):
            yield from self._told(matched, paths, reasoned(self._faces, self._scans, matched))

    @cached_property
    def _tallied(self) -> tuple[DifferingLinks, Counter[str]]:
        """The links, and how many pairs changed how: all pairs of both scans are met once."""
        tally, changed = LinkTally(len(self._faces.names)), Counter[str]()
        for matched in diff_rows.matched_pairs(self._conn, self._scans, by_image=self._by_image):
            found = reasoned(self._faces, self._scans, matched)
            tally.add(matched["before"], matched["after"], found)
            changed.update(_by_change(found.change[found.differs]))
        return tally.differing(), changed

    def _told(
        self, matched: NDArray[np.void], paths: list[tuple[str, str]], found: Reasoned
    ) -> Iterator[PairDifference]:
        names = self._faces.names
        # A pair has the names that the newer of the scans with it gives.
        newer = np.where((found.change != CHANGES.index("gone"))[:, None], found.names[1], found.names[0]).tolist()
        scores = [[None if np.isnan(x) else x for x in matched[side].tolist()] for side in ("before", "after")]
        for k in np.flatnonzero(found.differs).tolist():
            (name_a, name_b), (path_a, path_b) = newer[k], paths[k]
            yield PairDifference(
                CHANGES[found.change[k]],
                names[name_a],
                path_a,
                names[name_b],
                path_b,
                scores[0][k],
                scores[1][k],
                REASONS[found.reason[k]],
            )


@contextmanager
def diff(db: Database, before: int, after: int) -> Iterator[ScanDiff]:
    """Compare scan ``after`` with scan ``before`` while the block is open.

    Raises NotFoundError, and UsageError for scans that are not finished.
    """
    with closing(db.open()) as conn, translated(db.dsn):
        yield ScanDiff(conn, find_scan(conn, before).scan, find_scan(conn, after).scan)


def _by_change(change: Int64Array) -> Counter[str]:
    return Counter(dict(zip(CHANGES, np.bincount(change, minlength=len(CHANGES)).tolist(), strict=True)))


def check_change(change: str | None) -> None:
    """Raise UsageError where ``change`` is none of CHANGES."""
    one_of("A change", change, CHANGES)


def rows(found: ScanDiff, *, pairs: bool, change: str | None = None) -> Iterator[PairDifference] | Iterator[LinkChange]:
    """The rows of the pairs or of the links of a diff; ``change``: only those that are new, gone or changed."""
    check_change(change)
    if pairs:
        return (pair for pair in found.pairs() if change in (None, pair.change))
    return (link for link in found.links() if change in (None, link.change))
