"""SCRFD: the heads of the detectors in InsightFace's packs (Guo and others, "Sample and Computation Redistribution for Efficient Face
Detection", ICLR 2022).

Its outputs have no names that mean anything: they come as all score heads, then all box heads, then all landmark heads (if there
are any), each from the finest stride to the coarsest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from facedb.core.errors import ModelError
from facedb.core.records import Float32Array
from facedb.embedding.session import Graph

SCORE_THRESHOLD: Final = 0.5
NMS_IOU: Final = 0.4
_MEAN: Final = np.float32(127.5)
_STD: Final = np.float32(128.0)

# Number of outputs -> (strides, whether there are landmarks).
_LEVELS: Final[dict[int, tuple[tuple[int, ...], bool]]] = {
    6: ((8, 16, 32), False),
    9: ((8, 16, 32), True),
    10: ((8, 16, 32, 64, 128), False),
    15: ((8, 16, 32, 64, 128), True),
}


@dataclass(frozen=True, slots=True)
class ScrfdHeads:
    """Heads of scores (c, 1), distances (c, 4) and perhaps landmarks (c, 10), c = cells x anchors, at some strides."""

    outputs: tuple[str, ...]
    strides: tuple[int, ...]
    landmarks: bool
    kind: str = "scrfd"

    @property
    def multiple(self) -> int:
        """What the sides of a canvas are multiples of, in pixels."""
        return self.strides[-1]

    def pixels(self, canvas: NDArray[np.uint8]) -> Float32Array:
        """RGB, (x - 127.5) / 128."""
        planes = canvas.transpose(2, 0, 1)[None].astype(np.float32, order="C")
        return (planes - _MEAN) / _STD

    def decode(
        self, answers: list[NDArray[np.float32]], height: int, width: int, threshold: float
    ) -> tuple[Float32Array, Float32Array, Float32Array]:
        """See ``detect.Heads``."""
        levels = len(self.strides)
        found = []
        for k, stride in enumerate(self.strides):
            marks = answers[2 * levels + k] if self.landmarks else None
            found.append(decode_level(answers[k], answers[levels + k], marks, (height, width), stride, threshold))
        scores, boxes, points = zip(*found, strict=True)
        return np.concatenate(scores), np.concatenate(boxes), np.concatenate(points)


def decode_level(
    scores: NDArray[np.float32],
    distances: NDArray[np.float32],
    landmarks: NDArray[np.float32] | None,
    size: tuple[int, int],
    stride: int,
    threshold: float,
) -> tuple[Float32Array, Float32Array, Float32Array]:
    """The candidates of one stride over a canvas of ``size`` (height, width), as ``detect.Heads.decode`` gives them.

    A cell (col, row) has its centre at (col, row) stride, without half a cell, and its anchors follow each other. The box reaches
    d0 stride to the left, d1 up, d2 to the right, d3 down of the centre; a landmark lies k stride from it. Heads may carry a leading
    batch of 1. Raises ModelError where the number of rows is no multiple of the cells.
    """
    score = scores.reshape(-1)
    rows, columns = -(-size[0] // stride), -(-size[1] // stride)
    anchors, rest = divmod(len(score), rows * columns)
    values = distances.reshape(-1, 4)
    if (
        rest
        or not anchors
        or len(values) != len(score)
        or (landmarks is not None and landmarks.size != 10 * len(score))
    ):
        raise ModelError(
            f"The detector gives {len(score)} scores and {len(values)} boxes at stride {stride} for {columns} x {rows} cells: "
            "it is not the SCRFD that its outputs look like."
        )
    chosen = np.flatnonzero(score >= threshold)
    cell = chosen // anchors
    centre = np.stack([cell % columns, cell // columns], axis=1).astype(np.float32) * stride
    reach = values[chosen] * stride
    boxes = np.concatenate([centre - reach[:, :2], reach[:, :2] + reach[:, 2:]], axis=1)
    points = np.empty((len(chosen), 0, 2), np.float32)
    if landmarks is not None:
        points = centre[:, None, :] + landmarks.reshape(-1, 5, 2)[chosen] * stride
    return score[chosen], boxes.astype(np.float32), points.astype(np.float32)


def heads_of(graph: Graph) -> ScrfdHeads | None:
    """SCRFD's heads where the number of outputs and their last dimensions (1, 4, 10) are those of one."""
    if len(graph.outputs) not in _LEVELS:
        return None
    strides, landmarks = _LEVELS[len(graph.outputs)]
    widths = [tensor.shape[-1] if tensor.shape else None for tensor in graph.outputs]
    expected = [1] * len(strides) + [4] * len(strides) + [10] * len(strides) * landmarks
    if any(width is not None and width != wanted for width, wanted in zip(widths, expected, strict=True)):
        return None
    # Where a graph says nothing of its outputs they could be anything.
    if all(width is None for width in widths):
        return None
    return ScrfdHeads(tuple(tensor.name for tensor in graph.outputs), strides, landmarks)
