"""The table of findings: columns of arrays that every finder fills and that are ranked together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facedb.core.finding import Kind
from facedb.core.records import Float64Array, Int64Array


@dataclass(frozen=True, slots=True)
class FindingTable:
    """Findings as columns (m,), and their faces as columns (f,).

    - ``kind`` (Kind) and ``confidence``.
    - ``identity_a`` and ``identity_b``, labels, -1: none (both for duplicates without labels, and for newcomers); of a face without a label
      whom it shows, and the next best. ``faces_a`` of ``size_a`` faces are concerned on one side, ``faces_b`` of ``size_b`` on the other.
    - ``max_score`` and ``mean_score``, NaN where there is none: of the flagged pairs for merge and look-alike; to the other core for
      strays; between the groups for mixed; of the copies, where the mean is the lowest.
    - ``own_score``, the mean to the rest of the own core (inside the second group for mixed), and ``own_best``; ``usual`` and ``spread``,
      mean and standard deviation of the own scores in the core of folder a.
    - ``sameness`` to the other side, its ``margin`` over the own core and ``runner_up``, that over the next other core.
    - Of copies: ``distance`` of hashes in bits, -1 unknown; ``equal``, 1 for files with equal bytes; ``agreement`` of the pictures, the
      lowest, NaN where they were not looked at.
    - ``group`` of merges, 0: none, with ``lowest``, the smallest sameness between members; ``partner``, the stray that points back, -1:
      none; ``outside``, how many of the faces have no label.

    ``member_finding`` (index into the findings), ``member_row`` (gallery row), ``member_role`` (Role).
    """

    kind: NDArray[np.int8]
    confidence: Float64Array
    identity_a: Int64Array
    identity_b: Int64Array
    faces_a: Int64Array
    faces_b: Int64Array
    size_a: Int64Array
    size_b: Int64Array
    max_score: Float64Array
    mean_score: Float64Array
    own_score: Float64Array
    own_best: Float64Array
    usual: Float64Array
    spread: Float64Array
    sameness: Float64Array
    margin: Float64Array
    runner_up: Float64Array
    distance: Int64Array
    equal: NDArray[np.int8]
    agreement: Float64Array
    group: Int64Array
    lowest: Float64Array
    partner: Int64Array
    outside: Int64Array
    member_finding: Int64Array
    member_row: Int64Array
    member_role: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.kind)

    def only(self, chosen: NDArray[np.bool_]) -> FindingTable:
        """The findings where ``chosen`` (m,) is True, with their faces; partners must not have been told yet."""
        place = np.cumsum(chosen) - 1
        members = chosen[self.member_finding]
        columns = {f.name: getattr(self, f.name) for f in fields(self)}
        kept = {name: values[members if name in _MEMBERS else chosen] for name, values in columns.items()}
        kept["member_finding"] = place[kept["member_finding"]]
        return FindingTable(**kept)


# Sums of many float32 scores differ in the last digits with the order of the rows; ranks must not.
_DIGITS = 5
_MEMBERS = ("member_finding", "member_row", "member_role")
_WHOLE: dict[str, Any] = {
    "kind": np.int8,
    "equal": np.int8,
    "identity_a": np.int64,
    "identity_b": np.int64,
    "faces_a": np.int64,
    "faces_b": np.int64,
    "size_a": np.int64,
    "size_b": np.int64,
    "distance": np.int64,
    "group": np.int64,
    "partner": np.int64,
    "outside": np.int64,
    "member_finding": np.int64,
    "member_row": np.int64,
    "member_role": np.int8,
}
_DEFAULTS: dict[str, float] = {
    "identity_b": -1,
    "distance": -1,
    "equal": 0,
    "partner": -1,
    "outside": 0,
    "group": 0,
    "faces_b": 0,
    "size_b": 0,
}


def table(kind: Kind, confidence: Float64Array, members: tuple[Any, Any, Any], **columns: Any) -> FindingTable:
    """Findings of one kind; ``members`` are the three member columns, columns left out have their value for *none*."""
    count = len(confidence)
    made: dict[str, Any] = {}
    for field in fields(FindingTable):
        dtype = _WHOLE.get(field.name, np.float64)
        if field.name in _MEMBERS:
            made[field.name] = np.asarray(members[_MEMBERS.index(field.name)], dtype)
        elif field.name in ("kind", "confidence"):
            made[field.name] = np.full(count, kind, np.int8) if field.name == "kind" else confidence
        else:
            value = columns.pop(field.name, _DEFAULTS.get(field.name, np.nan))
            made[field.name] = np.broadcast_to(np.asarray(value, dtype), (count,)).copy()
    if columns:
        raise TypeError(f"no such column: {next(iter(columns))}")
    return FindingTable(**made)


Weigh = Callable[[NDArray[np.int8], Float64Array], Float64Array]
"""What confidences (m,) of kinds (m,) count when findings are ranked."""


def ranked(tables: list[FindingTable], weigh: Weigh | None = None) -> FindingTable:
    """All findings, the most confident first, then by class, score and labels; groups and partners keep their meaning.

    What is said of photos alone comes after everything else: it names no mistake. With ``weigh`` the confidence counts in the rank as
    that says, and stays what it is.
    """
    sizes = [len(part) for part in tables]
    offsets = np.r_[0, np.cumsum(sizes)].astype(np.int64)
    columns: dict[str, Any] = {}
    for field in fields(FindingTable):
        parts = [getattr(part, field.name) for part in tables]
        if field.name in ("member_finding", "partner"):
            parts = [np.where(p >= 0, p + o, -1) for p, o in zip(parts, offsets[:-1], strict=True)]
        columns[field.name] = np.concatenate(parts)
    weight = columns["confidence"] if weigh is None else weigh(columns["kind"], columns["confidence"])
    score = np.round(np.nan_to_num(columns["max_score"], nan=-2.0), _DIGITS)
    order = np.lexsort(
        (
            columns["identity_b"],
            columns["identity_a"],
            -score,
            columns["kind"],
            -np.round(weight, _DIGITS),
            columns["kind"] == Kind.PHOTO,
        )
    )
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    members = {name: columns.pop(name) for name in _MEMBERS}
    partner = columns["partner"]
    if len(order):
        columns["partner"] = np.where(partner >= 0, place[np.maximum(partner, 0)], -1)
        columns = {name: values[order] for name, values in columns.items()}
        members["member_finding"] = place[members["member_finding"]]
    by_finding = np.lexsort((members["member_row"], members["member_role"], members["member_finding"]))
    return FindingTable(**columns, **{name: values[by_finding] for name, values in members.items()})
