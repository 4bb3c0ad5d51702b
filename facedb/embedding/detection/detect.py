"""Faces and their five landmarks in a photo: scaled onto a canvas, shown to a detector network, mapped back.

Which network it is, is read from the outputs of its graph: YuNet (``yunet``) or SCRFD (``scrfd``).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facedb.core.errors import ModelError
from facedb.core.records import Float32Array, Float64Array
from facedb.embedding.contract import DetectorContract
from facedb.embedding.detection import scrfd, yunet
from facedb.embedding.detection.candidates import best_first, mean_landmarks, suppress
from facedb.embedding.model_files.model_hash import weights_sha256
from facedb.embedding.session import Graph, graph_of, open_session, run_session


@dataclass(frozen=True, slots=True)
class Detection:
    """One face: ``box`` (x, y, w, h) and ``landmarks`` 5 x (x, y), flat, in image pixels; ``score`` in 0..1.

    ``landmarks`` is None where the network gives none.
    """

    box: tuple[float, float, float, float]
    landmarks: tuple[float, ...] | None
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


class Heads(Protocol):
    """What one family of networks wants to see and how its answers read."""

    @property
    def kind(self) -> str:
        """The name of the family."""

    @property
    def outputs(self) -> tuple[str, ...]:
        """The outputs to ask the network for, in the order of ``decode``."""

    @property
    def landmarks(self) -> bool:
        """Whether it finds five landmarks for each face."""

    @property
    def multiple(self) -> int:
        """What the sides of a canvas are multiples of, in pixels."""

    def pixels(self, canvas: NDArray[np.uint8]) -> Float32Array:
        """The input (1, 3, height, width) for a canvas (height, width, 3) of RGB."""

    def decode(
        self, answers: list[NDArray[np.float32]], height: int, width: int, threshold: float, /
    ) -> tuple[Float32Array, Float32Array, Float32Array]:
        """(scores (n,), boxes (n, 4) as x, y, w, h, landmarks (n, 5, 2)) in canvas pixels, of scores >= threshold.

        The landmarks are (n, 0, 2) where the network gives none. Raises ModelError for answers of another shape.
        """


def heads_of(graph: Graph) -> Heads | None:
    """The family that a graph belongs to, by its signature; None for a graph that is no face detector."""
    if len(graph.inputs) != 1 or len(graph.inputs[0].shape) != 4:
        return None
    return yunet.heads_of(graph) or scrfd.heads_of(graph)


class Detector:
    """The detector of one contract; calls may come from several threads at a time.

    ``averaged``: landmarks are the mean over the candidates of a face, not those of the best one. Raises ModelError where the
    file is no face detector or not the one that the contract names.
    """

    def __init__(self, path: Path | str, contract: DetectorContract, *, averaged: bool = False) -> None:
        path = Path(path)
        if weights_sha256(path) != contract.weights_sha256:
            raise ModelError(
                f"{path.name} is not the detector of the contract (its sha256 differs): give the one that it names."
            )
        self._session = open_session(path)
        graph = graph_of(self._session)
        heads = heads_of(graph)
        if heads is None or heads.kind != contract.kind:
            raise ModelError(f"{path.name} is not a {contract.kind} face detector: {_NOT_ONE}.")
        source = graph.inputs[0]
        height, width = source.shape[2:4]
        self._fixed = (height, width) if height is not None and width is not None else None
        self._input = source.name
        self._heads = heads
        self._contract = contract
        self._averaged = averaged

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
        answers = run_session(
            self._session, self._input, self._heads.pixels(np.asarray(canvas)), list(self._heads.outputs)
        )
        found = self._heads.decode(answers, canvas.height, canvas.width, self._contract.score_threshold)
        scores, boxes, points = best_first(*found)
        overlap = self._contract.nms_iou
        faces = []
        for index in suppress(boxes, scores, overlap):
            box = boxes[index]
            if _within(box, place, image.size):
                marks = mean_landmarks(box, scores, boxes, points, overlap) if self._averaged else points[index]
                faces.append(_to_image(box, marks, float(scores[index]), place))
        return tuple(faces)

    def _canvas(self, image: Image.Image, attempt: Attempt) -> tuple[Image.Image, _Placement]:
        """The image scaled and centred on black, the canvas a multiple of the largest stride (or the fixed size)."""
        side, border = attempt.side, attempt.border
        if self._fixed is not None:
            side = min(side, math.floor(min(self._fixed) / (1 + 2 * border)))
        scale = side / max(image.size)
        width, height = (max(1, round(extent * scale)) for extent in image.size)
        scaled = image
        if (width, height) != image.size:
            scaled = image.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0)
        around = 2 * round(border * side)
        step = self._heads.multiple
        canvas_height, canvas_width = self._fixed or (_multiple(height + around, step), _multiple(width + around, step))
        canvas = Image.new("RGB", (canvas_width, canvas_height))
        left, top = (canvas_width - width) // 2, (canvas_height - height) // 2
        canvas.paste(scaled, (left, top))
        return canvas, _Placement(left, top, width / image.width, height / image.height)


_NOT_ONE: Final = "a detector has the twelve heads of YuNet, or the 6, 9, 10 or 15 of SCRFD"


def _multiple(extent: int, step: int) -> int:
    return max(step, math.ceil(extent / step) * step)


def _within(box: Float32Array, place: _Placement, size: tuple[int, int]) -> bool:
    """Whether the centre of a box lies on the image and not on the border around it."""
    x = (float(box[0] + box[2] / 2) - place.left) / place.scale_x
    y = (float(box[1] + box[3] / 2) - place.top) / place.scale_y
    return 0 <= x <= size[0] and 0 <= y <= size[1]


def _to_image(box: Float32Array, points: Float32Array | Float64Array, score: float, place: _Placement) -> Detection:
    scale = np.array([place.scale_x, place.scale_y])
    shift = np.array([place.left, place.top], dtype=np.float64)
    x, y = ((box[:2].astype(np.float64) - shift) / scale).tolist()
    w, h = (box[2:].astype(np.float64) / scale).tolist()
    marks = (points.astype(np.float64) - shift) / scale
    return Detection((x, y, w, h), tuple(marks.ravel().tolist()) or None, score)
