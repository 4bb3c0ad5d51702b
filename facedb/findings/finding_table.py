"""The table of findings: columns of arrays that every finder fills and that are ranked together."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from facedb.core.finding import Kind, Role
from facedb.core.records import Float64Array, Int64Array


@dataclass(frozen=True, slots=True)
class Members:
    """The faces that findings are about, as columns (f,): the index of the ``finding``, the gallery ``row`` and the ``role`` (`Role`) of
    each."""

    finding: Int64Array
    row: Int64Array
    role: NDArray[np.int8]

    @classmethod
    def of(cls, finding: Any, row: Any, role: Any) -> Self:
        """From three sequences (f,); ``role`` may also be one for all."""
        roles = np.broadcast_to(np.asarray(role, np.int8), np.shape(row))
        return cls(np.asarray(finding, np.int64), np.asarray(row, np.int64), roles)

    def at(self, chosen: NDArray[Any] | slice) -> Members:
        """Those at the places, or under the mask, ``chosen``."""
        return Members(self.finding[chosen], self.row[chosen], self.role[chosen])

    def rows_of(self, finding: int | np.integer) -> Int64Array:
        """The rows of one finding, without those that are only examples."""
        rows: Int64Array = self.row[(self.finding == finding) & (self.role != Role.EXAMPLE)]
        return rows


# The type of a column, and the value in it that says *none*.
_REAL: dict[str, Any] = {"dtype": np.float64, "none": np.nan}
_KEY: dict[str, Any] = {"dtype": np.int64, "none": -1}
_COUNT: dict[str, Any] = {"dtype": np.int64, "none": 0}
_CODE: dict[str, Any] = {"dtype": np.int8, "none": 0}


@dataclass(frozen=True, slots=True)
class FindingTable:
    """Findings as columns (m,), and the faces that they are about, ``members``.

    - ``kind`` (Kind) and ``confidence``.
    - ``identity_a`` and ``identity_b``, labels, -1: none (both for duplicates without labels, and for newcomers); of a face without a label
      whom it shows, and the next best. ``faces_a`` of ``size_a`` faces are concerned on one side, ``faces_b`` of ``size_b`` on the other.
    - ``max_score`` and ``mean_score``, NaN where there is none: of the flagged pairs for merge and look-alike; to the other core for
      strays; between the groups for mixed; of the copies, where the mean is the lowest.
    - ``own_score``, the mean to the rest of the own core (inside the second group for mixed), and ``own_best``; ``usual`` and ``spread``,
      mean and standard deviation of the own scores in the core of folder a.
    - ``sameness`` to the other side, its ``margin`` over the own core and ``runner_up``, that over the next other core.
    - Of copies in two folders: ``own_score`` and ``their_score``, the means to the others of folders a and b; ``margin``, how much likelier
      they are at home in a alone than in b alone (-1 to 1, NaN: nothing tells), and ``both``, how likely in both.
    - Of copies: ``distance`` of hashes in bits, -1 unknown; ``equal``, 1 for files with equal bytes; ``agreement`` of the pictures, the
      lowest, NaN where they were not looked at.
    - ``group`` of merges, 0: none, with ``lowest``, the smallest sameness between members; ``partner``, the stray that points back, -1:
      none; ``outside``, how many of the faces have no label.
    """

    members: Members
    kind: NDArray[np.int8] = field(metadata=_CODE)
    confidence: Float64Array = field(metadata=_REAL)
    identity_a: Int64Array = field(metadata=_KEY)
    identity_b: Int64Array = field(metadata=_KEY)
    faces_a: Int64Array = field(metadata=_COUNT)
    faces_b: Int64Array = field(metadata=_COUNT)
    size_a: Int64Array = field(metadata=_COUNT)
    size_b: Int64Array = field(metadata=_COUNT)
    max_score: Float64Array = field(metadata=_REAL)
    mean_score: Float64Array = field(metadata=_REAL)
    own_score: Float64Array = field(metadata=_REAL)
    their_score: Float64Array = field(metadata=_REAL)
    own_best: Float64Array = field(metadata=_REAL)
    usual: Float64Array = field(metadata=_REAL)
    spread: Float64Array = field(metadata=_REAL)
    sameness: Float64Array = field(metadata=_REAL)
    margin: Float64Array = field(metadata=_REAL)
    both: Float64Array = field(metadata=_REAL)
    runner_up: Float64Array = field(metadata=_REAL)
    distance: Int64Array = field(metadata=_KEY)
    equal: NDArray[np.int8] = field(metadata=_CODE)
    agreement: Float64Array = field(metadata=_REAL)
    group: Int64Array = field(metadata=_COUNT)
    lowest: Float64Array = field(metadata=_REAL)
    partner: Int64Array = field(metadata=_KEY)
    outside: Int64Array = field(metadata=_COUNT)

    def __len__(self) -> int:
        return len(self.kind)

    def only(self, chosen: NDArray[np.bool_]) -> FindingTable:
        """The findings where ``chosen`` (m,) is True, with their faces; partners must not have been set yet."""
        place = np.cumsum(chosen) - 1
        members = self.members.at(chosen[self.members.finding])
        members = replace(members, finding=place[members.finding])
        return FindingTable(members, **{column.name: getattr(self, column.name)[chosen] for column in _COLUMNS})


_COLUMNS = tuple(column for column in fields(FindingTable) if column.name != "members")

# Sums of many float32 scores differ in the last digits with the order of the rows; ranks must not.
_DIGITS = 5


def table(kind: Kind, confidence: Float64Array, members: Members, **columns: Any) -> FindingTable:
    """Findings of one kind; each of ``columns`` is an array (m,) or one value for all, and *none* where it is left out."""
    given = {"kind": kind, "confidence": confidence} | columns
    made = {}
    for column in _COLUMNS:
        value = np.asarray(given.pop(column.name, column.metadata["none"]), column.metadata["dtype"])
        made[column.name] = np.broadcast_to(value, (len(confidence),)).copy()
    if given:
        raise TypeError(f"no such column: {next(iter(given))}")
    return FindingTable(members, **made)


Weigh = Callable[[NDArray[np.int8], Float64Array], Float64Array]
"""What confidences (m,) of kinds (m,) count when findings are ranked."""


def ranked(tables: list[FindingTable], weigh: Weigh | None = None) -> FindingTable:
    """All findings, the most confident first, then by class, score and labels; groups and partners keep their meaning.

    What is said of photos alone comes after everything else: it names no mistake. With ``weigh`` the confidence counts in the rank as
    that says, and stays what it is.
    """
    columns = {column.name: np.concatenate([getattr(part, column.name) for part in tables]) for column in _COLUMNS}
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
    # Each table counts its findings from 0.
    first = [0, *itertools.accumulate(map(len, tables))][: len(tables)]
    partner = [np.where(part.partner >= 0, part.partner + at, -1) for part, at in zip(tables, first, strict=True)]
    columns["partner"] = np.where(columns["partner"] >= 0, place[np.concatenate(partner)], -1)
    finding = place[np.concatenate([part.members.finding + at for part, at in zip(tables, first, strict=True)])]
    row, role = (np.concatenate([getattr(part.members, name) for part in tables]) for name in ("row", "role"))
    members = Members(finding, row, role).at(np.lexsort((row, role, finding)))
    return FindingTable(members, **{name: values[order] for name, values in columns.items()})
