"""How well vectors separate persons: the equal error rate and the gap between genuine and impostor scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facedb.core.records import Float32Array, Float64Array, Int64Array


@dataclass(frozen=True, slots=True)
class Separation:
    """Error rates of one set of vectors, with the threshold of cosine similarity at which FMR and FNMR meet."""

    eer: float
    threshold: float
    genuine: int
    impostor: int


def separation(vectors: Float32Array, labels: Int64Array) -> Separation:
    """Compare all pairs of ``vectors`` (n, d, not normalised): genuine where ``labels`` (n,) agree, else impostor."""
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    scores = (unit @ unit.T).astype(np.float64)
    above = np.triu_indices(len(labels), k=1)
    same = labels[above[0]] == labels[above[1]]
    genuine = np.sort(scores[above][same])
    impostor = np.sort(scores[above][~same])
    eer, threshold = equal_error_rate(genuine, impostor)
    return Separation(eer, threshold, len(genuine), len(impostor))


def equal_error_rate(genuine: Float64Array, impostor: Float64Array) -> tuple[float, float]:
    """The rate and threshold at which FNMR (genuine below) equals FMR (impostor at or above); both arrays sorted."""
    thresholds = np.union1d(genuine, impostor)
    missed = np.searchsorted(genuine, thresholds, side="left") / len(genuine)
    wrong = 1 - np.searchsorted(impostor, thresholds, side="left") / len(impostor)
    at = int(np.argmin(np.abs(missed - wrong)))
    return float((missed[at] + wrong[at]) / 2), float(thresholds[at])
