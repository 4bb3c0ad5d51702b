"""Grading findings against known mistakes: precision, recall, average precision, what was missed, and whether confidences hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from facedb.core.finding import Kind
from facedb.core.records import Float64Array, Int64Array
from facedb.findings.evaluation.planting import Item
from facedb.findings.evaluation.reliability import Tenth, reliability
from facedb.findings.finding_table import FindingTable


@dataclass(frozen=True, slots=True)
class Grade:
    """How findings met ``items``: ``rank_of`` int64 (items,), the rank (from 1) of the first finding that names each, 0: missed;
    ``hit`` int64 (findings,), how many items a finding was the first to name; ``reliability`` by tenths of their confidence; ``standing``
    and ``unjudged`` findings have no part in the ranks, since they name what is known to stand beside the items, or may.

    Average precision is the mean over the items of the precision at their rank, (findings up to there that named an item
    first) / rank, where a missed item counts 0. So an unneeded finding and a mistake that is reported twice both cost precision.
    """

    items: tuple[Item, ...]
    rank_of: Int64Array
    hit: Int64Array
    reliability: tuple[Tenth, ...]
    standing: int = 0
    unjudged: int = 0

    @property
    def average_precision(self) -> float:
        """Over all items; NaN without any."""
        return self.average_precision_of([True] * len(self.items))

    def average_precision_of(self, chosen: Sequence[bool]) -> float:
        """Over some of the items, within the one rank of all findings."""
        ranks = self.rank_of[np.array(chosen, bool)]
        if not len(ranks):
            return float("nan")
        precision = np.r_[0.0, np.cumsum(self.hit > 0) / np.arange(1, len(self.hit) + 1)]
        return float(precision[ranks].mean())

    def precision_at(self, rank: int) -> float:
        """The share of the first ``rank`` findings that named an item first."""
        return float((self.hit[:rank] > 0).mean()) if rank and len(self.hit) else 0.0

    def recall_at(self, rank: int) -> float:
        """The share of the items named by the first ``rank`` findings."""
        return float(((self.rank_of > 0) & (self.rank_of <= rank)).mean()) if len(self.items) else float("nan")

    def curve(self) -> tuple[Int64Array, Float64Array, Float64Array]:
        """Ranks, precision and recall wherever another item is named."""
        at = np.flatnonzero(self.hit > 0) + 1
        named = np.cumsum(self.hit)
        precision = np.cumsum(self.hit > 0)[at - 1] / at
        return at, precision, named[at - 1] / max(len(self.items), 1)


def grade(
    found: FindingTable, items: Sequence[Item], true: Sequence[Item] = (), unjudged: Sequence[Item] = ()
) -> Grade:
    """Match ranked findings with items.

    A merge is named by a merge of its two labels (or a stray that is alone in its folder); a stray or a face of a swap by
    a stray finding of its row or a mixed folder whose second person has it; a copy by a duplicate with both rows. A copy
    in a foreign folder is a stray as well, so either class names it. A mixed folder is named by a mixed finding of its label.
    For the reliability every finding that names an item is true, also where another one did so before; findings about photos state no
    mistake and do not count, and those about photos without a label have no rank either: there is no label that could be wrong.

    ``true`` are mistakes that nobody is asked to find: findings that name no item but one of those hold and have no rank. Of what is
    ``unjudged`` nobody knows whether it is a mistake: findings that name nothing else count nowhere.
    """
    names = _Names([*items, *true, *unjudged])
    rank_of = np.zeros(len(items), np.int64)
    hit: list[int] = []
    first_unjudged = len(items) + len(true)
    holds = np.zeros(len(found), bool)
    labelled = ~np.isin(found.kind, (Kind.UNLABELLED, Kind.NEWCOMER))
    counts = labelled & (found.kind != Kind.PHOTO)
    standing = passed = 0
    for k in np.flatnonzero(labelled).tolist():
        named, alike = names.of(found, k)
        lowest = min((*named, *alike), default=first_unjudged)
        holds[k] = lowest < first_unjudged
        if (named or alike) and lowest >= len(items):
            counts[k] &= bool(holds[k])
            standing += bool(holds[k])
            passed += not holds[k]
            continue
        first = [i for i in named if i < len(items) and rank_of[i] == 0]
        rank_of[first] = len(hit) + 1
        hit.append(len(first))
    table = reliability(found.confidence[counts], holds[counts])
    return Grade(tuple(items), rank_of, np.array(hit, np.int64), table, standing, passed)


class _Names:
    """Which of some ``items`` a finding names, by their places."""

    def __init__(self, items: Sequence[Item]) -> None:
        self._items = items
        self._of_labels: dict[tuple[int, int], list[int]] = {}
        self._of_folder: dict[int, list[int]] = {}
        self._of_row: dict[int, list[int]] = {}
        self._copies: dict[int, list[int]] = {}
        for k, item in enumerate(items):
            if item.kind == "mixed":
                self._of_folder.setdefault(item.label_a, []).append(k)
            elif item.kind == "merge":
                self._of_labels.setdefault(_pair(item.label_a, item.label_b), []).append(k)
            else:
                for row in item.rows:
                    copy = item.kind in ("duplicate", "resaved")
                    (self._copies if copy else self._of_row).setdefault(row, []).append(k)

    def of(self, found: FindingTable, k: int) -> tuple[list[int], list[int]]:
        """The items that finding ``k`` names, and those that a look-alike is about: its confidence is that of one person, though it
        names no mistake."""
        low, high = np.searchsorted(found.members.finding, [k, k + 1])
        rows = found.members.at(slice(low, high)).rows_of(k).tolist()
        kind, labels = found.kind[k], _pair(int(found.identity_a[k]), int(found.identity_b[k]))
        items, copies = self._items, self._copies
        if kind == Kind.LOOK_ALIKE:
            return [], self._of_labels.get(labels, [])
        named: list[int] = []
        if kind == Kind.DUPLICATE:
            named = [i for i in {i for r in rows for i in copies.get(r, [])} if set(items[i].rows) <= set(rows)]
            if found.identity_b[k] >= 0:
                named += [i for r in rows for i in self._of_row.get(r, [])]
        elif kind in (Kind.STRAY, Kind.MIXED):
            named = [i for r in rows for i in self._of_row.get(r, [])]
            named += [i for r in rows for i in copies.get(r, []) if r == items[i].rows[1] and _across(items[i])]
        if kind == Kind.MIXED:
            named += self._of_folder.get(int(found.identity_a[k]), [])
        if kind == Kind.MERGE or (kind == Kind.STRAY and found.size_a[k] == 1):
            named += self._of_labels.get(labels, [])
        return named, []


def _across(item: Item) -> bool:
    return item.label_a != item.label_b


def _pair(a: int, b: int) -> tuple[int, int]:
    return (a, b) if a < b else (b, a)
