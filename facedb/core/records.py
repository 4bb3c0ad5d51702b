"""The records that cross borders between packages: frozen, typed, no behaviour beyond their own consistency."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facedb.core.rejects import Problem

Float32Array = NDArray[np.float32]
Float64Array = NDArray[np.float64]
Int64Array = NDArray[np.int64]
Int32Array = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """One file (or one member of a container) that a source saw.

    ``path`` is unique within the dataset, relative to its root, as ``os.fsdecode`` gives it (it may hold surrogates).
    A member of a container (``.rec``, ``.tar``) names the container (relative to the root as well) with the offset and
    length in bytes of its image data; for a compressed container they count in the decompressed stream.
    ``ignored`` says that the file is not meant to be a face (a text file, say) and why; ``problem`` that it should have
    been one and cannot be read. ``box`` is (x, y, w, h) and ``landmarks`` 5 x (x, y), flat, in pixels of the upright image.
    """

    path: str
    identity: str | None
    size: int
    mtime_ns: int | None = None
    container: str | None = None
    offset: int | None = None
    length: int | None = None
    box: tuple[float, float, float, float] | None = None
    landmarks: tuple[float, ...] | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    ignored: Problem | None = None
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class VectorBatch:
    """Embeddings that come without images: ``paths`` and ``identities`` of length n, ``vectors`` float32 (n, d), not normalised."""

    paths: list[str]
    identities: list[str | None]
    vectors: Float32Array

    def take(self, rows: Sequence[int] | Int64Array) -> VectorBatch:
        """Those at ``rows``, in that order."""
        return VectorBatch([self.paths[k] for k in rows], [self.identities[k] for k in rows], self.vectors[rows])


@dataclass(frozen=True, slots=True)
class ImageTask:
    """One image to embed; ``box`` and ``landmarks`` where the source gave them.

    ``read`` returns its bytes and may raise OSError or Rejected.
    """

    image_id: int
    read: Callable[[], bytes]
    box: tuple[float, float, float, float] | None = None
    landmarks: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True)
class Traces:
    """Of one picture: ``colour``, how far its hues differ, in levels of Cb and Cr (0: grey, little: one tint); ``fine``, the energy of its
    finest detail over that of the detail twice as coarse (photos 0.2 to 1, enlarged or blurred ones less, noisy ones more); ``blocks``,
    how much steeper its steps are at the edges of the 8 x 8 blocks of a JPEG than elsewhere (1: not at all)."""

    colour: float
    fine: float
    blocks: float


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What decoding showed of one image: size in pixels after EXIF orientation, format name, 64-bit perceptual hash (signed).

    ``thumbnail`` is the picture small and grey, as the bytes of a JPEG, and ``views`` the hashes of its turns and crops.
    """

    width: int
    height: int
    format: str
    phash: int
    thumbnail: bytes
    views: tuple[int, ...]
    traces: Traces


@dataclass(frozen=True, slots=True)
class FaceVector:
    """One embedded face: float32 unit ``vector`` (d,), ``norm`` before normalisation, geometry in pixels of the upright image."""

    ordinal: int
    vector: Float32Array
    norm: float
    box: tuple[float, float, float, float] | None
    landmarks: tuple[float, ...] | None
    detector_score: float | None
    size_px: float
    sharpness: float


@dataclass(frozen=True, slots=True)
class ImageResult:
    """What became of one image: faces, or the problem that left it without any."""

    image_id: int
    facts: ImageFacts | None
    faces: tuple[FaceVector, ...]
    problem: Problem | None = None
