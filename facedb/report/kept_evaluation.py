"""Evaluations that are kept: what was graded, as rows and as what `facedb evaluate` says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from facedb.db.connection import Connection
from facedb.findings.evaluation.grading import Grade
from facedb.findings.evaluation.reliability import calibration_error
from facedb.report import evaluation_rows
from facedb.report.evaluation import Evaluation
from facedb.report.evaluation_rows import ClassRow, MissRow
from facedb.scan.scan_rows import ScanRow

_MISSES = 10


@dataclass(frozen=True, slots=True)
class Trial:
    """What a ``scan`` was tried with: mistakes planted as ``spec`` says, drawn with ``seed`` (``kind`` inject), or those that the file
    ``spec`` lists (truth); and the seconds that a search of its own and the findings took."""

    scan: ScanRow
    kind: str
    spec: str
    seed: int | None = None
    scan_seconds: float | None = None
    findings_seconds: float | None = None


def keep(conn: Connection, trial: Trial, graded: Grade, misses: Sequence[MissRow]) -> Evaluation:
    """Write how a trial was graded, with the first of what it missed, and return it."""
    count = len(graded.items)
    ranks, precisions, recalls = graded.curve()
    curve = tuple(zip(ranks.tolist(), precisions.tolist(), recalls.tolist(), strict=True))
    precision = graded.average_precision
    classes = tuple(_class(graded, name) for name in dict.fromkeys(item.kind for item in graded.items))
    found = int((graded.rank_of > 0).sum())
    error = calibration_error(graded.reliability)
    findings = len(graded.hit) + graded.standing + graded.unjudged
    values = {
        "scan_id": trial.scan.id,
        "kind": trial.kind,
        "spec": trial.spec,
        "seed": trial.seed,
        "threshold": trial.scan.threshold,
        "planted": count,
        "found": found,
        "findings": findings,
        "average_precision": precision if count else None,
        "scan_seconds": trial.scan_seconds,
        "findings_seconds": trial.findings_seconds,
        "calibration_error": error,
    }
    first = tuple(misses[:_MISSES])
    key = evaluation_rows.write_evaluation(conn, values, classes, curve, first, graded.reliability)
    conn.commit()
    marks = sorted({k for k in (10, 20, 50, 100, 200, 500, 1000, 5000, count) if 0 < k <= max(count, 10)})
    at_ranks = tuple((k, graded.precision_at(k), graded.recall_at(k)) for k in marks)
    return Evaluation(
        key,
        trial.scan.id,
        trial.spec,
        trial.seed,
        trial.scan.threshold,
        count,
        found,
        findings,
        precision,
        trial.scan_seconds,
        trial.findings_seconds,
        classes,
        at_ranks,
        curve,
        first,
        graded.reliability,
        error,
        graded.standing,
        graded.unjudged,
    )


def _class(graded: Grade, name: str) -> ClassRow:
    chosen = [item.kind == name for item in graded.items]
    ranks = graded.rank_of[np.array(chosen)]
    found = ranks[ranks > 0]
    return ClassRow(
        name,
        len(ranks),
        len(found),
        graded.average_precision_of(chosen),
        int(found.min()) if len(found) else None,
        int(found.max()) if len(found) else None,
    )
