"""From the many cells of a network that see a face to one detection: best first, overlaps suppressed, landmarks averaged."""

from __future__ import annotations

from typing import Final

import numpy as np

from facedb.core.records import Float32Array, Float64Array, Int64Array

_MAX_CANDIDATES: Final = 5000
_SAME_FACE: Final = 0.5


def best_first(
    scores: Float32Array, boxes: Float32Array, points: Float32Array
) -> tuple[Float32Array, Float32Array, Float32Array]:
    """The best candidates in falling order of score."""
    order = np.argsort(-scores, kind="stable")[:_MAX_CANDIDATES]
    return scores[order], boxes[order], points[order]


def suppress(boxes: Float32Array, scores: Float32Array, overlap: float) -> Int64Array:
    """Greedy non-maximum suppression: indices of boxes (n, 4; x, y, w, h) kept, best first.

    ``scores`` fall; a box goes when its intersection over union with a better kept one exceeds ``overlap``.
    """
    open_ = np.arange(len(scores))
    kept: list[int] = []
    while open_.size:
        best, rest = open_[0], open_[1:]
        kept.append(int(best))
        both, either = _shared(boxes[best], boxes[rest])
        open_ = rest[both <= overlap * either]
    return np.asarray(kept, dtype=np.int64)


def mean_landmarks(
    box: Float32Array, scores: Float32Array, boxes: Float32Array, points: Float32Array, overlap: float
) -> Float64Array:
    """The landmarks (5, 2) of the face in ``box``, averaged with the scores as weights over the candidates that see it.

    Those are the ``boxes`` (n, 4) whose intersection over union with ``box``, one of them, is at least 0.5 and ``overlap``, at
    which suppression tells two faces apart. ``points`` are (n, 5, 2). The cells guess on their own, so that their mean moves
    less from photo to photo of a person than the guess of the best one.
    """
    both, either = _shared(box, boxes)
    same = both >= max(_SAME_FACE, overlap) * either
    return np.asarray(np.average(points[same].astype(np.float64), axis=0, weights=scores[same]))


def _shared(box: Float32Array, boxes: Float32Array) -> tuple[Float32Array, Float32Array]:
    """The areas of the intersections and of the unions of a box (4,) with ``boxes`` (n, 4), each (n,)."""
    low, high = boxes[:, :2], boxes[:, :2] + boxes[:, 2:]
    common = np.maximum(np.minimum(box[:2] + box[2:], high) - np.maximum(box[:2], low), 0)
    both = common[:, 0] * common[:, 1]
    return both, box[2] * box[3] + boxes[:, 2] * boxes[:, 3] - both
