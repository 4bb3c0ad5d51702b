"""Two measures of a picture that need no model: sharpness of a face, perceptual hash of an image."""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
from PIL import Image

from facedb.core.records import Float64Array

_SHARPNESS_SIDE: Final = 112
_HASH_SIDE: Final = 32
_HASH_BLOCK: Final = 8


def sharpness(crop: Image.Image) -> float:
    """Variance of the Laplacian of the grey crop at 112 x 112, in grey levels squared; low is blurred.

    The measure of Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy", ICPR 2000, with the
    four-neighbour kernel; the common size makes crops of different models comparable.
    """
    grey = crop.convert("L")
    if grey.size != (_SHARPNESS_SIDE, _SHARPNESS_SIDE):
        grey = grey.resize((_SHARPNESS_SIDE, _SHARPNESS_SIDE), Image.Resampling.BILINEAR)
    values = np.asarray(grey).astype(np.int32)
    centre = values[1:-1, 1:-1]
    laplacian = values[:-2, 1:-1] + values[2:, 1:-1] + values[1:-1, :-2] + values[1:-1, 2:] - 4 * centre
    return float(np.var(laplacian, dtype=np.float64))


def perceptual_hash(image: Image.Image) -> int:
    """64-bit DCT hash of an image as a signed integer; near copies differ in few bits (Hamming distance).

    The grey image at 32 x 32 goes through a two-dimensional DCT-II; bit k (row-major over the lowest 8 x 8 frequencies,
    most significant first) says whether the coefficient exceeds their median. The bit of the mean is always 0.
    The construction of Zauner, "Implementation and benchmarking of perceptual image hash functions", 2010.
    """
    small = image.resize((_HASH_SIDE, _HASH_SIDE), Image.Resampling.BOX, reducing_gap=2.0).convert("L")
    basis = _dct_basis()
    low = basis @ np.asarray(small, dtype=np.float64) @ basis.T
    values = low.ravel()
    median = float(np.median(values[1:]))
    # A flat picture has only rounding noise here, which must not decide bits.
    bits = values > median + 1e-6
    bits[0] = False
    return int.from_bytes(np.packbits(bits).tobytes(), "big", signed=True)


@cache
def _dct_basis() -> Float64Array:
    """The lowest frequencies of the orthonormal DCT-II, float64 (8, 32)."""
    k = np.arange(_HASH_BLOCK)[:, None]
    n = np.arange(_HASH_SIDE)[None, :]
    basis = np.cos(np.pi * (2 * n + 1) * k / (2 * _HASH_SIDE)) * np.sqrt(2 / _HASH_SIDE)
    basis[0] /= np.sqrt(2)
    return np.asarray(basis, dtype=np.float64)
