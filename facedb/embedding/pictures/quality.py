"""Two measures of a picture that need no model: sharpness of a face, perceptual hash of an image."""

from __future__ import annotations

import math
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facedb.core.records import Float64Array

_SHARPNESS_SIDE: Final = 112
_FINE: Final = 3
_WIDE: Final = 15
_FLAT: Final = 4.0
# What rounding to whole grey levels adds, in the file, in the warp and in the step to grey.
_ROUNDING: Final = 0.25
_LEAST_COVERED: Final = 0.05
# Black that a JPEG has smudged, and how far the edge beside it is blended by an alignment.
_BLACK: Final = 24
_BLENDED: Final = 2
_HASH_SIDE: Final = 32
_HASH_BLOCK: Final = 8


def sharpness(crop: Image.Image, there: NDArray[np.bool_] | None = None) -> float:
    """How much of the local contrast of a face is fine detail, in per cent; 0: blurred or flat; sharp faces had 1.2 to 18.

    The grey crop at 112 x 112, where the eyes are about 35 pixels apart: 100 x the variance of what a mean of 3 x 3 pixels takes
    away, less what rounding adds, over that of what a mean of 15 x 15 takes away. A ratio of two energies of one place, so neither
    brightness nor contrast counts. ``there`` bool (h, w) says which pixels of the crop the photo covers; only places whose whole
    square is covered count, so the black beyond the edge of a photo is no detail, nor is black from the edge of the crop on, which an
    earlier alignment left. NaN where fewer than a twentieth are left. Ratios
    of band energies as measures of focus:
    Subbarao and Tyan, "Selecting the optimal focus measure for autofocusing and depth-from-focus", IEEE TPAMI 20(8), 1998.
    """
    grey = crop.convert("L")
    if grey.size != (_SHARPNESS_SIDE, _SHARPNESS_SIDE):
        grey = grey.resize((_SHARPNESS_SIDE, _SHARPNESS_SIDE), Image.Resampling.BILINEAR)
    values = np.asarray(grey).astype(np.float64)
    inner = slice(_WIDE // 2, -(_WIDE // 2))
    shown = ~_black_border(values)
    if shown.mean() < _LEAST_COVERED:
        # A face in the dark, not a border.
        shown[:] = True
    if there is not None and not there.all():
        shown &= np.asarray(Image.fromarray(there).resize(grey.size, Image.Resampling.NEAREST))
    covered = _means(shown.astype(np.float64), _WIDE) > 1 - 1e-9
    if covered.mean() < _LEAST_COVERED:
        return math.nan
    middle = values[inner, inner]
    cut = (_WIDE - _FINE) // 2
    fine = (middle - _means(values, _FINE)[cut : -cut or None, cut : -cut or None])[covered]
    local = (middle - _means(values, _WIDE))[covered]
    contrast = float(np.mean(local**2))
    return 0.0 if contrast < _FLAT else 100.0 * max(float(np.mean(fine**2)) - _ROUNDING, 0.0) / contrast


def _black_border(values: Float64Array) -> NDArray[np.bool_]:
    """Which pixels (h, w) of grey ``values`` lie in a run of black that starts at an edge, or right beside one."""
    found = np.zeros(values.shape, bool)
    for turns in range(4):
        run = np.logical_and.accumulate(np.rot90(values, turns) <= _BLACK, axis=1)
        # Beside a run of no length nothing is blended.
        for step in range(1, _BLENDED + 1):
            run[:, step:] |= run[:, :-step] & run[:, :1]
        found |= np.rot90(run, -turns)
    return found


def _means(values: Float64Array, side: int) -> Float64Array:
    """The mean of every square of ``side`` pixels that lies inside, (h - side + 1, w - side + 1)."""
    sums = np.pad(values, ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
    out: Float64Array = (
        sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    ) / side**2
    return out


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
