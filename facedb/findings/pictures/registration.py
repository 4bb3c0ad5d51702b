"""Registration: laying one small grey picture over another, whatever was cropped, framed, mirrored, turned or resized.

First every scale of a grid and every turn asked for is tried at once: the correlation of the two pictures over all shifts is
one product of their Fourier transforms. The best is then refined to an affine map by the Gauss-Newton steps of Lucas and Kanade,
"An iterative image registration technique with an application to stereo vision", IJCAI 1981.

Both work on *detail*: the picture less its surroundings' mean, over its surroundings' contrast, so that brightness, contrast and
smooth shading do not count.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from facedb.core.records import Float32Array, Float64Array

Grey = NDArray[np.uint8]

SIDE: Final = 96
"""Longer side of the pictures that are compared, in pixels."""
_COARSE: Final = 32
_FIELD: Final = 64
_STEP: Final = 1.06
_SCALES: Final = tuple(float(_STEP**k) for k in range(-9, 10))
_ROUNDS: Final = 12
_STILL: Final = 0.02
_WINDOW: Final = 0.09
_CONTRAST: Final = 6.0
_RING: Final = 8


ALL_TURNS: Final = tuple(range(8))
"""Quarter turns anticlockwise 0 to 3, and the same mirrored first (4 to 7)."""


@dataclass(frozen=True, slots=True)
class Overlay:
    """How picture b lies over a: b is a after ``turn`` (see ALL_TURNS), and ``affine`` float64 (2, 3) takes x, y of b turned back to a."""

    turn: int
    affine: Float64Array


def blurred(values: Float32Array, radius: int) -> Float32Array:
    """The mean of the square of 2 radius + 1 pixels around each, its edge repeated; float32 (..., h, w)."""
    down, across = (_edged(n, radius) for n in values.shape[-2:])
    padded = values.take(down, axis=-2).take(across, axis=-1).astype(np.float64)
    padded[..., 0, :], padded[..., 0] = 0, 0
    sums = padded.cumsum(axis=-2).cumsum(axis=-1)
    n = 2 * radius + 1
    lower, upper = sums[..., n:, :], sums[..., :-n, :]
    return np.asarray((lower[..., n:] - upper[..., n:] - lower[..., :-n] + upper[..., :-n]) / (n * n), np.float32)


@cache
def _edged(count: int, radius: int) -> NDArray[np.intp]:
    """The places of a row of ``count`` pixels with radius + 1 more before its first and radius after its last one."""
    return np.clip(np.arange(-radius - 1, count + radius), 0, count - 1)


def detail(picture: NDArray[Any], side: int) -> Float32Array:
    """What a picture shows beyond brightness and contrast, about -2 to 2: float32 (h, w) of its size.

    (value - local mean) / (local standard deviation + 6 grey levels), both over a square of about a fifth of ``side``; flat
    places have next to none.
    """
    values = picture.astype(np.float32)
    radius = max(2, round(side * _WINDOW))
    mean, square = blurred(np.stack([values, values * values]), radius)
    spread = np.sqrt(np.maximum(square - mean * mean, 0))
    return np.asarray((values - mean) / (spread + np.float32(_CONTRAST)), np.float32)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A picture ready to be compared: ``grey`` uint8 (h, w) of SIDE pixels, its ``fine`` detail, and Fourier transforms of its
    ``coarse`` detail: at every scale (scales, 64, 33) with its energies (scales,)."""

    grey: Grey
    fine: Float32Array
    coarse: Float32Array
    spectra: NDArray[np.complex64]
    energy: Float64Array
    sizes: tuple[tuple[int, int], ...]


def prepare(grey: Grey) -> Prepared:
    """Prepare a picture uint8 (h, w) whose longer side is SIDE."""
    height, width = grey.shape
    field = np.zeros((len(_SCALES), _FIELD, _FIELD), np.float32)
    energy = np.empty(len(_SCALES))
    sizes = []
    coarse = _reduced(grey, 1.0)
    for k, scale in enumerate(_SCALES):
        values = coarse if scale == 1.0 else _reduced(grey, scale)
        h, w = min(values.shape[0], _FIELD), min(values.shape[1], _FIELD)
        field[k, :h, :w] = values[:h, :w]
        energy[k] = float((values * values).sum())
        sizes.append(values.shape)
    spectra = np.fft.rfft2(field).astype(np.complex64)
    return Prepared(grey, detail(grey, max(height, width)), coarse, spectra, energy, tuple(sizes))


def _reduced(grey: Grey, scale: float) -> Float32Array:
    """The detail of a picture at _COARSE times ``scale`` pixels."""
    height, width = grey.shape
    ratio = _COARSE * scale / max(height, width)
    down, across = _resizer(height, max(4, round(height * ratio))), _resizer(width, max(4, round(width * ratio)))
    return detail(down @ grey.astype(np.float32) @ across.T, round(_COARSE * scale))


@cache
def _resizer(before: int, after: int) -> Float32Array:
    """The matrix (after, before) that resizes a row of pixels, by a triangle as wide as a pixel of the coarser side."""
    ratio = before / after
    centre = (np.arange(after)[:, None] + 0.5) * ratio - 0.5
    weight = np.maximum(0.0, 1.0 - np.abs(np.arange(before)[None, :] - centre) / max(ratio, 1.0))
    return np.asarray(weight / weight.sum(axis=1, keepdims=True), np.float32)


def find_overlay(a: Prepared, b: Prepared, turns: tuple[int, ...]) -> tuple[float, Overlay]:
    """The best of all scales, shifts and ``turns``: its correlation in the coarse pictures (about 1 for copies) and the map.

    Instead of a, b is turned back, which is the same map.
    """
    field = np.zeros((len(turns), _FIELD, _FIELD), np.float32)
    shapes = []
    for k, turn in enumerate(turns):
        values = turned_back(b.coarse, turn)
        field[k, : values.shape[0], : values.shape[1]] = values
        shapes.append(values.shape)
    energy_b = float((b.coarse * b.coarse).sum())
    spectra = np.conj(np.fft.rfft2(field).astype(np.complex64))
    found = np.fft.irfft2(a.spectra[:, None] * spectra[None], s=(_FIELD, _FIELD))
    # Of a crop only the part that is there counts: the smaller of the two pictures is the measure.
    found /= np.minimum(a.energy, energy_b)[:, None, None, None] + 1e-6
    at = int(found.argmax())
    k, t, dy, dx = (int(i) for i in np.unravel_index(at, found.shape))
    shift = np.array([dx if dx < _FIELD // 2 else dx - _FIELD, dy if dy < _FIELD // 2 else dy - _FIELD], np.float64)
    # x of the scaled a = x of the turned-back b + shift; now in pixels of SIDE, corner based.
    turn = turns[t]
    size_a = np.array(a.grey.shape[::-1], np.float64)
    scaled_a = np.array(a.sizes[k][::-1], np.float64)
    size_b = np.array(turned_back(b.grey, turn).shape[::-1], np.float64)
    coarse_b = np.array(shapes[t][::-1], np.float64)
    gain = (coarse_b / size_b) * (size_a / scaled_a)
    linear = np.diag(gain)
    offset = (shift + 0.5 * coarse_b / size_b) * (size_a / scaled_a) - 0.5
    return float(found.flat[at]), Overlay(turn, np.c_[linear, offset])


def turned_back(picture: NDArray[Any], turn: int) -> NDArray[Any]:
    """A picture (h, w) that was mirrored for turns from 4 on and then turned by quarters, as it was before."""
    back = np.rot90(picture, -(turn % 4))
    return np.ascontiguousarray(back[:, ::-1] if turn >= 4 else back)


def refine(a: Float32Array, b: Float32Array, affine: Float64Array) -> Float64Array:
    """The affine map (2, 3), from ``affine`` on, that brings the detail ``a`` closest to ``b``; both float32 (h, w)."""
    points = grid(*b.shape)
    gy, gx = (np.asarray(gradient, np.float32) for gradient in np.gradient(a))
    flat_b = b.ravel()
    current = affine.copy()
    for _ in range(_ROUNDS):
        x, y = current @ points
        value, _ = sampled(a, x, y)
        there = inside(a.shape, x, y, _RING) & inside(b.shape, points[0], points[1], _RING)
        if there.sum() < 64:
            break
        dx, _ = sampled(gx, x, y)
        dy, _ = sampled(gy, x, y)
        rows = np.stack([dx * points[0], dx * points[1], dx, dy * points[0], dy * points[1], dy])[:, there]
        error = (flat_b - value)[there]
        # One outlier (a logo, a thumb over the lens) must not pull the map.
        weight = 1.0 / (1.0 + np.abs(error) / 0.5)
        weighted = rows * weight
        normal = weighted @ rows.T
        normal.flat[::7] += 1e-3 * np.trace(normal) / 6e3 + 1e-9
        step = np.linalg.solve(normal, weighted @ error).reshape(2, 3)
        current = current + step
        h, w = b.shape
        corners = np.array([[0, w, 0, w], [0, 0, h, h], [1, 1, 1, 1]])
        if np.abs(step @ corners).max() < _STILL:
            break
    return current


@cache
def grid(height: int, width: int) -> Float64Array:
    """x, y and 1 of every pixel (3, height * width), row by row."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([x.ravel(), y.ravel(), np.ones(height * width)]).astype(np.float64)


def inside(shape: tuple[int, ...], x: Float64Array, y: Float64Array, ring: float) -> NDArray[np.bool_]:
    """Which of the points lie inside a picture of ``shape`` (h, w), at least ``ring`` pixels from its edge."""
    height, width = shape
    there: NDArray[np.bool_] = (x >= ring) & (x <= width - 1 - ring) & (y >= ring) & (y <= height - 1 - ring)
    return there


def sampled(values: Float32Array, x: Float64Array, y: Float64Array) -> tuple[Float32Array, NDArray[np.bool_]]:
    """Bilinear values (n,) at ``x``, ``y``, and which of them lie inside."""
    height, width = values.shape
    there = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    x, y = np.clip(x, 0, width - 1.001), np.clip(y, 0, height - 1.001)
    x0, y0 = x.astype(np.int64), y.astype(np.int64)
    fx, fy = (x - x0).astype(np.float32), (y - y0).astype(np.float32)
    at = y0 * width + x0
    flat = values.ravel()
    top = flat[at] * (1 - fx) + flat[at + 1] * fx
    low = flat[at + width] * (1 - fx) + flat[at + width + 1] * fx
    out: Float32Array = top * (1 - fy) + low * fy
    return out, there
