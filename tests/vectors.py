"""Vectors as embeddings are."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def unit(vectors: ArrayLike) -> np.ndarray:
    """The rows of ``vectors`` as float32 unit vectors."""
    wide = np.asarray(vectors, np.float64)
    return np.ascontiguousarray((wide / np.linalg.norm(wide, axis=1, keepdims=True)).astype(np.float32))
