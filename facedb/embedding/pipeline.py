"""Images to embedded faces: decoding, detection, alignment and the model at work at the same time."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from facedb.core import rejects
from facedb.core.errors import ModelError, UsageError
from facedb.core.machine.cpus import cpu_count
from facedb.core.records import FaceVector, Float32Array, ImageResult, ImageTask
from facedb.core.rejects import problem
from facedb.core.vectors import normalise
from facedb.embedding.contract import ModelContract
from facedb.embedding.detection.detect import Detector
from facedb.embedding.extract import MIN_FACE, Extracted, Extractor, FaceCrop, Limits
from facedb.embedding.model import FaceModel
from facedb.embedding.overlap import grouped, ordered_map
from facedb.embedding.pictures.decode import MAX_BYTES, MAX_PIXELS

_WINDOW_PER_THREAD = 32
_BATCHES_AHEAD = 3


class Embedder:
    """One model with its detector, ready to embed. A context manager.

    On the CPU every thread takes one image from bytes to vector; on a GPU the threads prepare crops ahead of a
    batched model, with the detector on the CPU, so that crops do not depend on the provider. The vector of an image
    depends on its bytes and the contract alone: not on threads, on neighbours, or on the order.

    ``provider`` is auto, cpu or cuda; ``batch`` counts for a GPU only; ``threads`` defaults to the cores of this
    process; ``min_face`` is the shorter side of a face in pixels; ``notes`` are sentences for a person about the
    provider. Raises ModelError where the files do not fit the contract.
    """

    def __init__(
        self,
        model_path: Path | str,
        contract: ModelContract,
        detector_path: Path | str | None = None,
        *,
        provider: str = "auto",
        batch: int | None = None,
        threads: int | None = None,
        min_face: float = MIN_FACE,
        max_pixels: int = MAX_PIXELS,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        if (threads is not None and threads < 1) or (batch is not None and batch < 1):
            raise UsageError("Threads and batch must be at least 1.")
        if (contract.detector is None) != (detector_path is None):
            raise ModelError("The contract and the call do not agree on a detector: give the detector of the contract.")
        self.threads = threads or cpu_count()
        self.model = FaceModel(model_path, contract, provider=provider, batch=batch)
        self.contract = self.model.contract
        self.notes = () if self.model.note is None else (self.model.note,)
        detector = None
        if contract.detector is not None and detector_path is not None:
            detector = Detector(detector_path, contract.detector, averaged=contract.averages_landmarks)
        self.extractor = Extractor(self.contract, detector, Limits(min_face, max_pixels, max_bytes))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to release: threads end with the generators of ``embed``."""

    def embed(self, tasks: Iterable[ImageTask]) -> Generator[ImageResult]:
        """One result for every task, in their order; an image that fails gives a problem, never an exception.

        ``tasks`` is read in the caller's thread, a bounded number ahead. Closing the generator stops within the time of
        the images under way. ModelError (the model itself fails) and KeyboardInterrupt are raised.
        """
        if self.contract.provider == "cpu":
            return self._embed_singly(tasks)
        return self._embed_batched(tasks)

    def embed_one(self, task: ImageTask, *, faces: str | None = None) -> ImageResult:
        """The result of one task in the caller's thread, the faces chosen by ``faces`` (else by the contract)."""
        found = self.extractor.extract(task, faces)
        return finish(task.image_id, found, self.model.run(found.crops))

    def _embed_singly(self, tasks: Iterable[ImageTask]) -> Generator[ImageResult]:
        window = self.threads * _WINDOW_PER_THREAD
        with closing(ordered_map(self.embed_one, tasks, threads=self.threads, window=window)) as results:
            yield from results

    def _embed_batched(self, tasks: Iterable[ImageTask]) -> Generator[ImageResult]:
        batch = self.model.batch
        window = max(4 * self.threads, 2 * batch)
        with closing(ordered_map(self._prepare, tasks, threads=self.threads, window=window)) as prepared:
            runs = grouped(prepared, lambda item: len(item[1].crops), batch, batch)
            with closing(ordered_map(self._run, runs, threads=1, window=_BATCHES_AHEAD)) as finished:
                for results in finished:
                    yield from results

    def _prepare(self, task: ImageTask) -> tuple[int, Extracted]:
        return task.image_id, self.extractor.extract(task)

    def _run(self, run: list[tuple[int, Extracted]]) -> list[ImageResult]:
        vectors = self.model.run(np.concatenate([found.crops for _, found in run]))
        results, start = [], 0
        for image_id, found in run:
            stop = start + len(found.crops)
            results.append(finish(image_id, found, vectors[start:stop]))
            start = stop
        return results


def finish(image_id: int, found: Extracted, vectors: Float32Array) -> ImageResult:
    """The result of one image from its extracted faces and their raw vectors float32 (n, dim)."""
    if found.problem is not None:
        return ImageResult(image_id, found.facts, (), found.problem)
    faces: list[FaceVector] = []
    # A face keeps the number that the detector's order gives it: other contracts with the same detection share its row,
    # whichever of the faces beside it their model has no vector for.
    for ordinal, (crop, raw) in enumerate(zip(found.faces, vectors, strict=True)):
        # One face a call: the sum of squares must not depend on how many faces stand beside it.
        units, norms, usable = normalise(raw[None])
        if usable[0]:
            faces.append(_face(ordinal, crop, units[0], float(norms[0])))
    if not faces:
        return ImageResult(image_id, found.facts, (), problem(rejects.BAD_VECTOR))
    return ImageResult(image_id, found.facts, tuple(faces))


def _face(ordinal: int, crop: FaceCrop, unit: Float32Array, norm: float) -> FaceVector:
    return FaceVector(ordinal, unit, norm, crop.box, crop.landmarks, crop.score, crop.size_px, crop.sharpness)


def embed_bytes(embedder: Embedder, data: bytes, *, faces: str = "all") -> ImageResult:
    """All faces of one photo given as bytes (image id 0), for ``facedb search``."""
    return embedder.embed_one(ImageTask(0, lambda: data), faces=faces)
