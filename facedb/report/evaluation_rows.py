"""Evaluations as rows: what `facedb evaluate` found, kept for dashboards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any

from facedb.core.row_schema import As
from facedb.db.connection import Connection
from facedb.db.queries import load
from facedb.findings.evaluation.reliability import Tenth

SQL = load("report", "evaluation")


@dataclass(frozen=True, slots=True)
class ClassRow:
    """How one class of mistakes fared."""

    name: str
    planted: int
    found: int
    average_precision: float
    first_rank: int | None
    last_rank: int | None


@dataclass(frozen=True, slots=True)
class MissRow:
    """A known mistake that no finding names."""

    name: Annotated[str, As("class")]
    identity_a: str
    identity_b: str | None
    images: tuple[str, ...]


def write_evaluation(
    conn: Connection,
    values: Mapping[str, Any],
    classes: Sequence[ClassRow],
    curve: Sequence[tuple[int, float, float]],
    misses: Sequence[MissRow],
    reliability: Sequence[Tenth],
) -> int:
    """Keep an evaluation; ``values`` are those of the block ``add_evaluation``. Returns its key; the caller commits."""
    row = conn.execute(SQL["add_evaluation"], values).fetchone()
    assert row is not None  # noqa: S101 - insert ... returning always yields a row
    key = int(row[0])
    for c in classes:
        conn.execute(SQL["add_evaluation_class"], {"evaluation_id": key, "class": c.name, **asdict(c)})
    ranks, precisions, recalls = ([point[k] for point in curve] for k in range(3))
    conn.execute(
        SQL["add_evaluation_points"],
        {"evaluation_id": key, "ranks": ranks, "precisions": precisions, "recalls": recalls},
    )
    for tenth in reliability:
        if tenth.findings:
            conn.execute(SQL["add_evaluation_tenth"], {"evaluation_id": key, **asdict(tenth)})
    for number, miss in enumerate(misses, start=1):
        given = {**asdict(miss), "class": miss.name, "images": list(miss.images)}
        conn.execute(SQL["add_evaluation_miss"], {"evaluation_id": key, "number": number, **given})
    return key
