"""YuNet: the heads of the network of libfacedetection, as published in opencv_zoo."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from facedb.core.records import Float32Array
from facedb.embedding.session import Graph

STRIDES: Final = (8, 16, 32)
_OUTPUTS: Final = tuple(f"{head}_{stride}" for stride in STRIDES for head in ("cls", "obj", "bbox", "kps"))


@dataclass(frozen=True, slots=True)
class YuNetHeads:
    """Twelve outputs by name: cls, obj, bbox, kps at the strides 8, 16 and 32."""

    outputs: tuple[str, ...] = _OUTPUTS
    landmarks: bool = True
    multiple: int = STRIDES[-1]
    kind: str = "yunet"

    def pixels(self, canvas: NDArray[np.uint8]) -> Float32Array:
        """BGR, 0 to 255."""
        return canvas[:, :, ::-1].transpose(2, 0, 1)[None].astype(np.float32, order="C")

    def decode(
        self, answers: list[NDArray[np.float32]], _height: int, width: int, threshold: float
    ) -> tuple[Float32Array, Float32Array, Float32Array]:
        """See ``detect.Heads``."""
        heads = {name: answer[0] for name, answer in zip(_OUTPUTS, answers, strict=True)}
        return decode_heads(heads, width, threshold)


def heads_of(graph: Graph) -> YuNetHeads | None:
    """YuNet's heads where a graph has all twelve of them."""
    return YuNetHeads() if set(_OUTPUTS) <= {tensor.name for tensor in graph.outputs} else None


def decode_heads(
    heads: dict[str, NDArray[np.float32]], width: int, threshold: float
) -> tuple[Float32Array, Float32Array, Float32Array]:
    """(scores (n,), boxes (n, 4) as x, y, w, h, landmarks (n, 5, 2)) in canvas pixels, score >= threshold.

    ``heads`` holds cls (c, 1), obj (c, 1), bbox (c, 4), kps (c, 10) for each stride over the cells of a canvas of
    this width; the decoding is that of libfacedetection's YuNet: score = sqrt(cls obj), centre = (cell + b01) stride,
    size = exp(b23) stride, landmark = (cell + k) stride.
    """
    scores, boxes, points = [], [], []
    for stride in STRIDES:
        score = np.sqrt(np.clip(heads[f"cls_{stride}"][:, 0], 0, 1) * np.clip(heads[f"obj_{stride}"][:, 0], 0, 1))
        cells = np.flatnonzero(score >= threshold)
        cell = np.stack([cells % (width // stride), cells // (width // stride)], axis=1).astype(np.float32)
        bbox = heads[f"bbox_{stride}"][cells]
        centre = (cell + bbox[:, :2]) * stride
        size = np.exp(np.minimum(bbox[:, 2:], 20.0)) * stride
        scores.append(score[cells])
        boxes.append(np.concatenate([centre - size / 2, size], axis=1))
        points.append((cell[:, None, :] + heads[f"kps_{stride}"][cells].reshape(-1, 5, 2)) * stride)
    return np.concatenate(scores), np.concatenate(boxes), np.concatenate(points)
