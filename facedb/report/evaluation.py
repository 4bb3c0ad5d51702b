"""What an evaluation says: how well each class was met, how the ranks did, what was missed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from facedb.core.row_schema import As
from facedb.findings.evaluation.reliability import Tenth
from facedb.report.evaluation_rows import ClassRow, MissRow


@dataclass(frozen=True, slots=True)
class ClassScore:
    """How one class of mistakes fared, or all of them together."""

    kind: Annotated[str, As("class")]
    planted: int
    found: int
    average_precision: float
    recall: float
    first_rank: int | None
    last_rank: int | None


@dataclass(frozen=True, slots=True)
class RankScore:
    """How good the first ``rank`` findings are."""

    rank: int
    precision: float
    recall: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How an evaluation went: per class, at ranks, the curve, by tenths of the confidence, and the first misses.

    ``key`` is that of its row; ``calibration_error`` is the expected calibration error over all findings but those about photos and those
    that nobody judged, None where there are none. ``standing`` findings name mistakes that are known to be there without the planted
    ones, ``unjudged`` ones what the findings of the scan name too and nobody judged.
    """

    key: int
    scan_id: int
    spec: str
    seed: int | None
    threshold: float
    planted: int
    found: int
    findings: int
    average_precision: float
    scan_seconds: float | None
    findings_seconds: float | None
    classes: tuple[ClassRow, ...]
    at_ranks: tuple[tuple[int, float, float], ...]
    curve: tuple[tuple[int, float, float], ...]
    misses: tuple[MissRow, ...]
    reliability: tuple[Tenth, ...]
    calibration_error: float | None
    standing: int = 0
    unjudged: int = 0

    def scores(self) -> list[ClassScore]:
        """A row for each class and one for all of them."""
        rows = [
            ClassScore(c.name, c.planted, c.found, c.average_precision, c.found / c.planted, c.first_rank, c.last_rank)
            for c in self.classes
        ]
        share = self.found / max(self.planted, 1)
        return [*rows, ClassScore("all", self.planted, self.found, self.average_precision, share, None, None)]
