"""YuNet: faces and their five landmarks, from the published network through ONNX Runtime."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facedb.core.errors import ModelError
from facedb.core.records import Float32Array, Int64Array
from facedb.embedding.contract import DetectorContract
from facedb.embedding.session import graph_of, open_session, run_session
from facedb.embedding.weights import weights_sha256

STRIDES: Final = (8, 16, 32)
_HEADS: Final = tuple(f"{head}_{stride}" for stride in STRIDES for head in ("cls", "obj", "bbox", "kps"))
_MAX_CANDIDATES: Final = 5000


@dataclass(frozen=True, slots=True)
class Detection:
    """One face: ``box`` (x, y, w, h) and ``landmarks`` 5 x (x, y), flat, in image pixels; ``score`` in 0..1."""

    box: tuple[float, float, float, float]
    landmarks: tuple[float, ...]
    score: float


@dataclass(frozen=True, slots=True)
class Attempt:
    """One way to show an image to the network: longer side in pixels, and a border in parts of that side."""

    side: int
    border: float


@dataclass(frozen=True, slots=True)
class _Placement:
    """Where the scaled image lies on the canvas, and how canvas pixels map back."""

    left: int
    top: int
    scale_x: float
    scale_y: float


class YuNet:
    """The detector of one contract; calls may come from several threads at a time.

    Raises ModelError where the file is not a YuNet or not the one that the contract names.
    """

    def __init__(self, path: Path | str, contract: DetectorContract) -> None:
        path = Path(path)
        if weights_sha256(path) != contract.weights_sha256:
            raise ModelError(f"{path.name} is not the detector of the contract: its sha256 differs.")
        self._session = open_session(path)
        graph = graph_of(self._session)
        missing = sorted(set(_HEADS) - {tensor.name for tensor in graph.outputs})
        if missing or len(graph.inputs) != 1 or len(graph.inputs[0].shape) != 4:
            raise ModelError(
                f"{path.name} is not a YuNet detector: it lacks {', '.join(missing) or 'one picture input'}."
            )
        source = graph.inputs[0]
        height, width = source.shape[2:4]
        self._fixed = (height, width) if height is not None and width is not None else None
        self._input = source.name
        self._contract = contract

    def detect(self, image: Image.Image) -> tuple[Detection, ...]:
        """The faces of an upright RGB image, best score first; empty where no attempt finds one.

        Later attempts (a border around faces that fill the frame, finer and coarser scales) run only while nothing was
        found, so that their cost falls on the hard images alone.
        """
        for attempt in self.attempts(*image.size):
            found = self._look(image, attempt)
            if found:
                return found
        return ()

    def attempts(self, width: int, height: int) -> Iterator[Attempt]:
        """The ways to look at an image of this size in pixels, in order."""
        low, high = self._contract.min_side, self._contract.max_side
        longer = max(width, height)
        first = min(max(longer, low), high)
        yield Attempt(first, 0.0)
        yield Attempt(low, 0.25)
        if longer > high and self._fixed is None:
            yield Attempt(min(longer, 2 * high), 0.0)
        yield Attempt(max(low // 2, 32), 0.5)

    def _look(self, image: Image.Image, attempt: Attempt) -> tuple[Detection, ...]:
        canvas, place = self._canvas(image, attempt)
        pixels = np.asarray(canvas)[:, :, ::-1].transpose(2, 0, 1)[None].astype(np.float32, order="C")
        answers = run_session(self._session, self._input, pixels, list(_HEADS))
        heads = {name: answer[0] for name, answer in zip(_HEADS, answers, strict=True)}
        scores, boxes, points = decode_heads(heads, canvas.width, self._contract.score_threshold)
        kept = suppress(boxes, scores, self._contract.nms_iou)
        return tuple(
            _to_image(boxes[index], points[index], float(scores[index]), place)
            for index in kept
            if _within(boxes[index], place, image.size)
        )

    def _canvas(self, image: Image.Image, attempt: Attempt) -> tuple[Image.Image, _Placement]:
        """The image scaled and centred on black, the canvas a multiple of 32 pixels (or the fixed size)."""
        side, border = attempt.side, attempt.border
        if self._fixed is not None:
            side = min(side, math.floor(min(self._fixed) / (1 + 2 * border)))
        scale = side / max(image.size)
        width, height = (max(1, round(extent * scale)) for extent in image.size)
        scaled = image
        if (width, height) != image.size:
            scaled = image.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0)
        around = 2 * round(border * side)
        canvas_height, canvas_width = self._fixed or (_multiple(height + around), _multiple(width + around))
        canvas = Image.new("RGB", (canvas_width, canvas_height))
        left, top = (canvas_width - width) // 2, (canvas_height - height) // 2
        canvas.paste(scaled, (left, top))
        return canvas, _Placement(left, top, width / image.width, height / image.height)


def decode_heads(
    heads: dict[str, NDArray[np.float32]], width: int, threshold: float
) -> tuple[Float32Array, Float32Array, Float32Array]:
    """(scores (n,), boxes (n, 4) as x, y, w, h, landmarks (n, 5, 2)) in canvas pixels, best first, score >= threshold.

    ``heads`` holds cls (c, 1), obj (c, 1), bbox (c, 4), kps (c, 10) for each stride over the cells of a canvas of
    this width; the decoding is that of libfacedetection's YuNet: score = sqrt(cls obj), centre = (cell + b01) stride,
    size = exp(b23) stride, landmark = (cell + k) stride.
    """
    scores, boxes, points = [], [], []
    for stride in STRIDES:
        score = np.sqrt(np.clip(heads[f"cls_{stride}"][:, 0], 0, 1) * np.clip(heads[f"obj_{stride}"][:, 0], 0, 1))
        cells = np.flatnonzero(score >= threshold)
        if not cells.size:
            continue
        cell = np.stack([cells % (width // stride), cells // (width // stride)], axis=1).astype(np.float32)
        bbox = heads[f"bbox_{stride}"][cells]
        centre = (cell + bbox[:, :2]) * stride
        size = np.exp(np.minimum(bbox[:, 2:], 20.0)) * stride
        scores.append(score[cells])
        boxes.append(np.concatenate([centre - size / 2, size], axis=1))
        points.append((cell[:, None, :] + heads[f"kps_{stride}"][cells].reshape(-1, 5, 2)) * stride)
    if not scores:
        return np.empty(0, np.float32), np.empty((0, 4), np.float32), np.empty((0, 5, 2), np.float32)
    score = np.concatenate(scores)
    order = np.argsort(-score, kind="stable")[:_MAX_CANDIDATES]
    return score[order], np.concatenate(boxes)[order], np.concatenate(points)[order]


def suppress(boxes: Float32Array, scores: Float32Array, overlap: float) -> Int64Array:
    """Greedy non-maximum suppression: indices of boxes (n, 4; x, y, w, h) kept, best first.

    ``scores`` fall; a box goes when its intersection over union with a better kept one exceeds ``overlap``.
    """
    left, top = boxes[:, 0], boxes[:, 1]
    right, bottom = left + boxes[:, 2], top + boxes[:, 3]
    area = boxes[:, 2] * boxes[:, 3]
    open_ = np.arange(len(scores))
    kept: list[int] = []
    while open_.size:
        best, rest = open_[0], open_[1:]
        kept.append(int(best))
        wide = np.minimum(right[best], right[rest]) - np.maximum(left[best], left[rest])
        high = np.minimum(bottom[best], bottom[rest]) - np.maximum(top[best], top[rest])
        both = np.maximum(wide, 0) * np.maximum(high, 0)
        open_ = rest[both <= overlap * (area[best] + area[rest] - both)]
    return np.asarray(kept, dtype=np.int64)


def _multiple(extent: int) -> int:
    return max(32, math.ceil(extent / 32) * 32)


def _within(box: Float32Array, place: _Placement, size: tuple[int, int]) -> bool:
    """Whether the centre of a box lies on the image and not on the border around it."""
    x = (float(box[0] + box[2] / 2) - place.left) / place.scale_x
    y = (float(box[1] + box[3] / 2) - place.top) / place.scale_y
    return 0 <= x <= size[0] and 0 <= y <= size[1]


def _to_image(box: Float32Array, points: Float32Array, score: float, place: _Placement) -> Detection:
    scale = np.array([place.scale_x, place.scale_y])
    shift = np.array([place.left, place.top], dtype=np.float64)
    x, y = ((box[:2].astype(np.float64) - shift) / scale).tolist()
    w, h = (box[2:].astype(np.float64) / scale).tolist()
    marks = (points.astype(np.float64) - shift) / scale
    return Detection((x, y, w, h), tuple(marks.ravel().tolist()), score)
