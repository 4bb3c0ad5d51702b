"""How a raw vector that somebody else computed becomes the unit vector that is stored."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facedb.core.records import Float32Array

# A float32 unit vector of any dimension in use has a norm this close to 1 (rounding: 2^-24 a component, averaging out).
_UNIT_WITHIN = 1e-6


def normalise(raw: Float32Array) -> tuple[Float32Array, Float32Array, NDArray[np.bool_]]:
    """Unit vectors of ``raw`` float32 (n, d), their norms before (n,) float32, and which are usable (n,) bool.

    Norms are taken in float64. A vector that is a unit vector already is kept bit for bit, so that exported vectors come
    back unchanged. Zero, infinite and NaN vectors are not usable; their rows are undefined.
    """
    norms = np.sqrt(np.einsum("ij,ij->i", raw, raw, dtype=np.float64))
    usable = np.isfinite(norms) & (norms > 0)
    scale = np.where(usable & (np.abs(norms - 1.0) > _UNIT_WITHIN), norms, 1.0)
    # Divided in float64, of which an array of its own would be twice as large as the vectors.
    unit = np.divide(raw, scale[:, None], out=np.empty(raw.shape, np.float32), casting="same_kind")
    return unit, norms.astype(np.float32), usable
