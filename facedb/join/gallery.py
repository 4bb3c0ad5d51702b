"""The gallery: every vector of one model contract as one matrix, with the identity and the image of each row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facedb.core.errors import InputError
from facedb.core.records import Float32Array

UNIT_TOLERANCE = 1e-3

_CHUNK_ROWS = 4096


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Larger:
    """A gallery too large to be held whole, for one search of its parts: all of them refer to the same one.

    ``comparisons`` is how many pairs will be met in all parts together, so that an engine judges by them what its choices may
    cost, and keeps them from part to part. ``scale`` is that of the int8 codes of the whole (see `quantise_int8`), None if unknown.
    """

    comparisons: int
    scale: float | None = None


@dataclass(frozen=True, slots=True)
class Gallery:
    """``vectors`` float32 (n, d), C-contiguous unit rows; the identity and the image of each row, by key.

    ``part_of`` is the larger gallery of which this is a part, None if it is whole.
    ``identity_ids`` and ``image_ids`` are (n,) int32 or int64. Two faces of one image are never flagged, whoever they are. Raises
    InputError when shapes or types do not fit, a value is not finite, or a row's norm is further than
    ``UNIT_TOLERANCE`` from 1.
    """

    vectors: Float32Array
    identity_ids: NDArray[np.integer]
    image_ids: NDArray[np.integer]
    part_of: Larger | None = None

    def __post_init__(self) -> None:
        vectors = self.vectors
        if vectors.ndim != 2 or vectors.dtype != np.float32 or not vectors.flags.c_contiguous:
            raise InputError(f"A gallery is a C-contiguous float32 matrix, not {vectors.dtype} {vectors.shape}.")
        for name, values in (("identity_ids", self.identity_ids), ("image_ids", self.image_ids)):
            if values.shape != (len(vectors),) or values.dtype not in (np.dtype(np.int32), np.dtype(np.int64)):
                raise InputError(
                    f"{name} must be {len(vectors)} int32 or int64 values, not {values.dtype} {values.shape}."
                )
        self._check_norms()

    def __len__(self) -> int:
        return len(self.vectors)

    @property
    def dim(self) -> int:
        """The number of values of a vector."""
        return int(self.vectors.shape[1])

    @property
    def scale(self) -> float | None:
        """The scale of the int8 codes of the larger gallery, None for its own."""
        return None if self.part_of is None else self.part_of.scale

    def _check_norms(self) -> None:
        for start in range(0, len(self.vectors), _CHUNK_ROWS):
            part = self.vectors[start : start + _CHUNK_ROWS]
            norms = np.sqrt(np.einsum("ij,ij->i", part, part))
            bad = np.flatnonzero(~(np.abs(norms - 1.0) <= UNIT_TOLERANCE))
            if len(bad):
                row = start + int(bad[0])
                raise InputError(
                    f"Row {row} of the gallery has norm {norms[bad[0]]:.6g}, not 1: normalise the vectors first."
                )
