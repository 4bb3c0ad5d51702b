"""Reliability: whether findings are true as often as their confidence says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facedb.core.records import Float64Array

TENTHS = 10


@dataclass(frozen=True, slots=True)
class Tenth:
    """The findings whose confidence lies from ``above`` up to a tenth more: how many ``findings``, of which ``true`` hold, their mean
    ``confidence``, and the ``precision``, the share that holds (both None where there are none)."""

    above: float
    findings: int
    confidence: float | None
    true: int
    precision: float | None


def reliability(confidence: Float64Array, true: NDArray[np.bool_]) -> tuple[Tenth, ...]:
    """The table of ten rows from the ``confidence`` (m,) of statements, 0 to 1, and which of them are ``true`` bool (m,)."""
    tenth = np.clip((confidence * TENTHS).astype(np.int64), 0, TENTHS - 1)
    count = np.bincount(tenth, minlength=TENTHS)
    said = np.bincount(tenth, confidence, minlength=TENTHS)
    held = np.bincount(tenth, true, minlength=TENTHS)
    return tuple(
        Tenth(k / TENTHS, n, float(said[k]) / n, int(held[k]), float(held[k]) / n)
        if n
        else Tenth(k / TENTHS, 0, None, 0, None)
        for k, n in enumerate(count.tolist())
    )


def calibration_error(tenths: Sequence[Tenth]) -> float | None:
    """The expected calibration error: the mean over all statements of how far confidence and precision of their tenth are apart; None
    without statements. Naeini, Cooper and Hauskrecht, Obtaining well calibrated probabilities using Bayesian binning, AAAI 2015."""
    total = sum(t.findings for t in tenths)
    apart = (
        t.findings * abs(t.confidence - t.precision)
        for t in tenths
        if t.confidence is not None and t.precision is not None
    )
    return sum(apart) / total if total else None
