"""One image to the crops of its faces: decode, detect, choose, align."""

from __future__ import annotations

import math
import threading
import zlib
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from PIL import Image

from facedb.core import rejects
from facedb.core.counting import counted
from facedb.core.machine import memory
from facedb.core.machine.cpus import cpu_count
from facedb.core.records import Float64Array, ImageFacts, ImageTask
from facedb.core.rejects import Problem, Rejected, problem
from facedb.embedding.contract import ModelContract
from facedb.embedding.detection.detect import Detection, Detector
from facedb.embedding.model import Crops
from facedb.embedding.pictures import align
from facedb.embedding.pictures.decode import MAX_BYTES, MAX_PIXELS, Decoded, decode, memory_to_decode
from facedb.embedding.pictures.quality import perceptual_hash, sharpness
from facedb.embedding.pictures.thumbnail import thumbnail, to_bytes, view_hashes
from facedb.embedding.pictures.traces import traces

MIN_FACE: Final = 16.0
_LARGE: Final = 200_000_000
"""Bytes; less where the memory would not hold one of them for every core."""

# A member of a broken or compressed container fails with more than OSError.
READ_FAULTS: Final = (OSError, EOFError, ValueError, zlib.error)
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Limits:
    """What is refused: faces whose shorter side has fewer than ``min_face`` pixels, images above the two limits."""

    min_face: float = MIN_FACE
    max_pixels: int = MAX_PIXELS
    max_bytes: int = MAX_BYTES


@dataclass(frozen=True, slots=True)
class FaceCrop:
    """One face ready for the model: its geometry in pixels of the upright image, and measures of the crop."""

    box: Box | None
    landmarks: tuple[float, ...] | None
    score: float | None
    size_px: float
    sharpness: float


@dataclass(frozen=True, slots=True)
class Extracted:
    """What one image holds: ``crops`` uint8 (n, height, width, 3) RGB beside its n ``faces``, or the problem."""

    facts: ImageFacts | None
    faces: tuple[FaceCrop, ...]
    crops: Crops
    problem: Problem | None = None


class Extractor:
    """Everything before the model, for one contract; calls may come from several threads at a time."""

    def __init__(self, contract: ModelContract, detector: Detector | None, limits: Limits) -> None:
        self._contract = contract
        self._detector = detector
        self._limits = limits
        # A photo that fills a good part of the memory is worked on alone, whatever the number of threads.
        self._one_large = threading.Lock()
        room = memory.available()
        self._large = _LARGE if room is None else min(_LARGE, room // (cpu_count() + 1))
        self._template = align.template_for(*contract.input_size)

    def extract(self, task: ImageTask, faces: str | None = None) -> Extracted:
        """The crops of one image, chosen by ``faces`` (else by the contract); what goes wrong becomes the problem."""
        try:
            try:
                data = task.read()
            except READ_FAULTS as fault:
                reason = fault.strerror if isinstance(fault, OSError) and fault.strerror else str(fault)
                raise Rejected(problem(rejects.UNREADABLE, f"The file cannot be read: {reason}.")) from None
            if memory_to_decode(data, self._limits.max_pixels) <= self._large:
                return self._extract_bytes(data, task, faces)
            with self._one_large:
                found = self._extract_bytes(data, task, faces)
                memory.give_back()
                return found
        except Rejected as verdict:
            return self._without_faces(None, verdict.problem)

    def _extract_bytes(self, data: bytes, task: ImageTask, faces: str | None) -> Extracted:
        decoded = decode(data, max_pixels=self._limits.max_pixels, max_bytes=self._limits.max_bytes)
        return self.extract_decoded(decoded, task, faces)

    def extract_decoded(self, decoded: Decoded, task: ImageTask, faces: str | None = None) -> Extracted:
        """As ``extract``, of an image that is decoded already; of the task only box and landmarks are used."""
        image = decoded.image
        grey = thumbnail(image)
        facts = ImageFacts(
            decoded.width,
            decoded.height,
            decoded.format,
            perceptual_hash(image),
            to_bytes(grey),
            view_hashes(grey),
            traces(image),
        )
        factor = decoded.reduction
        try:
            if factor == 1:
                pairs = self._crops(image, task, faces or self._contract.faces)
            else:
                small = Extractor(
                    self._contract, self._detector, replace(self._limits, min_face=self._limits.min_face / factor)
                )
                found = small._crops(image, _scaled_task(task, 1 / factor), faces or self._contract.faces)
                pairs = [(_scaled_face(face, factor), crop) for face, crop in found]
        except Rejected as verdict:
            return self._without_faces(facts, verdict.problem)
        return Extracted(facts, tuple(face for face, _ in pairs), np.stack([np.asarray(crop) for _, crop in pairs]))

    def _without_faces(self, facts: ImageFacts | None, found: Problem) -> Extracted:
        return Extracted(facts, (), np.empty((0, *self._contract.input_size, 3), dtype=np.uint8), found)

    def _crops(self, image: Image.Image, task: ImageTask, choice: str) -> list[tuple[FaceCrop, Image.Image]]:
        if task.landmarks is not None:
            return [self._from_landmarks(image, task.landmarks, task.box, None)]
        if self._detector is None:
            return [self._from_box(image, task.box, None) if task.box is not None else self._whole(image)]
        found = self._detector.detect(image)
        if task.box is not None:
            return [self._from_detection(image, matching(found, task.box))]
        big_enough = [face for face in found if min(face.box[2:]) >= self._limits.min_face]
        if not found:
            raise Rejected(problem(rejects.NO_FACE))
        if choice in ("fit", "all", "error") and big_enough:
            if choice == "error" and len(big_enough) > 1:
                raise Rejected(problem(rejects.SEVERAL_FACES, f"The image shows {len(big_enough)} faces."))
            return [self._from_detection(image, face) for face in big_enough]
        return [self._from_detection(image, choose(found, choice, image.size))]

    def _from_detection(self, image: Image.Image, face: Detection) -> tuple[FaceCrop, Image.Image]:
        if self._contract.template == "box":
            return self._from_box(image, face.box, face)
        if face.landmarks is None:
            raise Rejected(problem(rejects.BAD_LANDMARKS, "The detector gives no landmarks, which alignment needs."))
        return self._from_landmarks(image, face.landmarks, face.box, face.score)

    def _from_landmarks(
        self, image: Image.Image, landmarks: tuple[float, ...], box: Box | None, score: float | None
    ) -> tuple[FaceCrop, Image.Image]:
        if len(landmarks) != 10:
            raise Rejected(
                problem(rejects.BAD_LANDMARKS, f"A face has 5 landmarks (10 numbers), not {len(landmarks)}.")
            )
        points: Float64Array = np.asarray(landmarks, dtype=np.float64).reshape(5, 2)
        forward = align.similarity(points, self._template)
        size = self._checked_size(min(box[2:]) if box else min(self._contract.input_size) / forward.scale)
        crop = align.warp(image, forward, *self._contract.input_size)
        there = align.covered(image.size, forward, *self._contract.input_size)
        return FaceCrop(box, landmarks, score, size, sharpness(crop, there)), crop

    def _from_box(self, image: Image.Image, box: Box, face: Detection | None) -> tuple[FaceCrop, Image.Image]:
        size = self._checked_size(min(box[2:]))
        crop = align.crop_box(image, box, self._contract.margin, *self._contract.input_size)
        forward = align.box_similarity(box, self._contract.margin, *self._contract.input_size)
        there = align.covered(image.size, forward, *self._contract.input_size)
        landmarks, score = (face.landmarks, face.score) if face else (None, None)
        return FaceCrop(box, landmarks, score, size, sharpness(crop, there)), crop

    def _whole(self, image: Image.Image) -> tuple[FaceCrop, Image.Image]:
        size = self._checked_size(float(min(image.size)))
        crop = align.fit(image, *self._contract.input_size)
        return FaceCrop(None, None, None, size, sharpness(crop)), crop

    def _checked_size(self, size: float) -> float:
        if not math.isfinite(size):
            raise Rejected(problem(rejects.BAD_LANDMARKS, "The box of the face is not finite."))
        if size < self._limits.min_face:
            detail = f"The face is {counted(round(size), 'pixel')}; the smallest allowed is {self._limits.min_face:g}."
            raise Rejected(problem(rejects.TOO_SMALL, detail))
        return float(size)


def _scaled(values: tuple[float, ...] | None, factor: float) -> Any:
    return None if values is None else tuple(value * factor for value in values)


def _scaled_task(task: ImageTask, factor: float) -> ImageTask:
    """The task with its geometry in pixels of the reduced image."""
    return replace(task, box=_scaled(task.box, factor), landmarks=_scaled(task.landmarks, factor))


def _scaled_face(face: FaceCrop, factor: float) -> FaceCrop:
    """The face with its geometry in pixels of the whole photo."""
    box, landmarks = _scaled(face.box, factor), _scaled(face.landmarks, factor)
    return replace(face, box=box, landmarks=landmarks, size_px=face.size_px * factor)


def choose(found: tuple[Detection, ...], choice: str, size: tuple[int, int]) -> Detection:
    """The one face of an image of ``size`` (width, height): the most central one, or else the largest."""
    if choice == "centre":
        return min(found, key=lambda face: _distance(face.box, size))
    return max(found, key=lambda face: face.box[2] * face.box[3])


def matching(found: tuple[Detection, ...], box: Box) -> Detection:
    """The detection that overlaps most with a box given by the source; Rejected ``no_face`` below an overlap of 0.2."""
    best = max(found, key=lambda face: overlap(face.box, box), default=None)
    if best is None or overlap(best.box, box) < 0.2:
        raise Rejected(problem(rejects.NO_FACE, "The detector finds no face in the box that the source gives."))
    return best


def overlap(one: Box, other: Box) -> float:
    """Intersection over union of two boxes (x, y, w, h)."""
    wide = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    high = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    both = max(wide, 0.0) * max(high, 0.0)
    either = one[2] * one[3] + other[2] * other[3] - both
    return both / either if either > 0 else 0.0


def _distance(box: Box, size: tuple[int, int]) -> float:
    return math.hypot(box[0] + box[2] / 2 - size[0] / 2, box[1] + box[3] / 2 - size[1] / 2)
