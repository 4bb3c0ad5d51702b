"""Agreement: whether two small pictures are one photo, by how well their detail agrees when one is laid over the other.

Measured on photos of lfw_dev and deepface_celebs, ten altered copies of each of twenty (JPEG 75 and 30, brighter by 30 %, grey, two
thirds and half the size, 5 and 10 % cropped from every side, framed, mirrored): the agreement of copies was 0.974 and more. The
12,972 pairs of photos in the folders of lfw_dev: see FROM.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from facedb.core.records import Float32Array, Float64Array
from facedb.findings.pictures.registration import (
    ALL_TURNS,
    Prepared,
    blurred,
    find_overlay,
    grid,
    inside,
    refine,
    sampled,
    turned_back,
)

FROM: Final = 0.90
"""From this agreement on two pictures are likelier one photo than two."""
WIDTH: Final = 0.012
_HOPELESS: Final = 0.45
_CELLS: Final = 6
_TEXTURED: Final = 6
_QUANTILE: Final = 0.15
_CONTRAST: Final = 4.0
_EDGE: Final = 2.5
_LEAST: Final = 400
_THIN: Final = 20
_SCALES: Final = (0.3, 3.5)


def agreement(a: Prepared, b: Prepared, turns: tuple[int, ...] = ALL_TURNS) -> float:
    """How far two pictures are one photo, cropped, framed, resized, brighter, or after one of ``turns``.

    Both are blurred a little, one is laid over the other in the coarser of the two grids, and their detail is correlated over what
    both show: as a whole, and in each cell of 6 x 6 that shows anything. The agreement is the smaller of the whole and of the cells'
    lower sixth, from -1 to 1 (0: they could not be laid over each other), so that a face that moved before a still wall, or the
    other way about, makes two photos.
    """
    if min(*a.grey.shape, *b.grey.shape) < _THIN:
        return 0.0
    coarse, overlay = find_overlay(a, b, turns)
    if coarse < _HOPELESS:
        return 0.0
    affine = refine(a.fine, turned_back(b.fine, overlay.turn), overlay.affine)
    scale = float(np.sqrt(abs(np.linalg.det(affine[:, :2]))))
    if not _SCALES[0] < scale < _SCALES[1]:
        return 0.0
    moved, fixed = a.grey.astype(np.float32), turned_back(b.grey, overlay.turn).astype(np.float32)
    if scale < 1:
        linear = np.linalg.inv(affine[:, :2])
        affine = np.c_[linear, -linear @ affine[:, 2]]
        moved, fixed, scale = fixed, moved, 1 / scale
    moved, fixed = blurred(blurred(moved, 1) if scale > 1.5 else moved, 1), blurred(fixed, 1)
    points = grid(*fixed.shape)
    x, y = affine @ points
    value, _ = sampled(moved, x, y)
    # A frame, or what lies beyond a crop, bleeds a little way in.
    both = inside(moved.shape, x, y, _EDGE) & inside(fixed.shape, points[0], points[1], _EDGE)
    shared = both.reshape(fixed.shape)
    if shared.sum() < _LEAST:
        return 0.0
    return _agreement(value.reshape(fixed.shape), fixed, shared)


def sureness(agreements: Float64Array) -> Float64Array:
    """Confidence that pictures with these agreements are one photo: (agreement - 0.90) / 0.012 log odds, at most 9."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip((agreements - FROM) / WIDTH, -9.0, 9.0))))


def _agreement(moved: Float32Array, fixed: Float32Array, shared: NDArray[np.bool_]) -> float:
    radius = max(4, round(float(np.sqrt(shared.sum())) * 0.09))
    p: Float64Array = _shared_detail(moved, shared, radius)[shared].astype(np.float64)
    q: Float64Array = _shared_detail(fixed, shared, radius)[shared].astype(np.float64)
    whole = float(np.corrcoef(p, q)[0, 1]) if p.std() > 0 and q.std() > 0 else 0.0
    down, across = np.nonzero(shared)
    cell = _cells(down) * _CELLS + _cells(across)
    count = np.maximum(np.bincount(cell, minlength=_CELLS**2), 1)

    def mean(values: Float64Array) -> Float64Array:
        return np.asarray(np.bincount(cell, values, minlength=_CELLS**2) / count)

    covariance = mean(p * q) - mean(p) * mean(q)
    spread_p, spread_q = mean(p * p) - mean(p) ** 2, mean(q * q) - mean(q) ** 2
    correlation = covariance / np.sqrt(np.maximum(spread_p * spread_q, 1e-9))
    textured = (count > 0.5 * count.max()) & (np.maximum(spread_p, spread_q) > 0.1)
    # A picture with next to nothing on it is like any other such picture.
    if textured.sum() < _TEXTURED:
        return 0.0
    return min(whole, float(np.quantile(correlation[textured], _QUANTILE)))


def _cells(positions: NDArray[np.intp]) -> NDArray[np.intp]:
    first, last = positions.min(), positions.max()
    return np.asarray((positions - first) * _CELLS // (last - first + 1))


def _shared_detail(picture: Float32Array, shared: NDArray[np.bool_], radius: int) -> Float32Array:
    """As `registration.detail`, from the shared pixels alone."""
    weight = shared.astype(np.float32)
    share = np.maximum(blurred(weight, radius), np.float32(1e-3))
    mean = blurred(picture * weight, radius) / share
    square = blurred(picture * picture * weight, radius) / share
    spread = np.sqrt(np.maximum(square - mean * mean, 0)) + np.float32(_CONTRAST)
    return np.asarray((picture - mean) / spread, np.float32)
