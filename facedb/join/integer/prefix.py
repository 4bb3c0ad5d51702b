"""Prefix with remainder: fewer products than values, and still an upper bound of every score.

Let T be m x d, p(x) = T x, and delta >= ||T T' - I||. With G = I - T'T = G+ - G- (both positive semidefinite; G- <= delta I, as the
eigenvalues of G are 1 - sigma**2 on the row space of T and 1 beside it),

    x.y = p(x).p(y) + x'G y <= p(x).p(y) + r(x) r(y) + delta N**2,    r(x)**2 >= |x|**2 - |p(x)|**2 + delta N**2 >= x'G+ x

by the Cauchy-Schwarz inequality for G+ and for G-. Let a(x) be the int8 codes of p(x) over the scale s, within E of it, and let each
vector carry its remainder as 8 more codes c(x) >= s r(x) / sqrt(8), rounded up. One integer product of m + 8 codes is then

    (codes(x).codes(y)) / s**2 = a(x).a(y) + 8 c(x) c(y) / s**2 >= x.y - epsilon,    epsilon = E (2 M + E) + delta N**2

with M >= |p(x)|. Nothing is assumed about the data or about T: delta, E and r are computed, rounding included. The leading principal
directions make r small; a random rotation among them spreads their values evenly, without which one scale for all of them would
double E. Sums that BLAS does in float32 are within gamma_d = d u / (1 - d u) (Higham, Accuracy and Stability, 3.1), so the computed
projection is within gamma_d ||T||_F N of T x.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from facedb.core.machine.blas import one_blas_thread
from facedb.core.records import Float32Array, Float64Array
from facedb.join.error_bounds import FLOAT32_ROUNDOFF, LARGEST_CODE, MAX_NORM, SLACK, aligned_empty, score_error

REMAINDER_CODES = 8

_CHUNK_ROWS = 1024
_ALIGNMENT = 32  # Half a cache line: a whole one would leave a gallery of 128 values a single width to try.
# To project the vectors is most of the work, so one chunk in so many tells how large the values get, and room is left for more:
# the largest of eight times as many normal values is 1.06 times as large.
_LOOKED_AT = 8
_ROOM = 1.1


@dataclass(frozen=True, slots=True)
class Prefix:
    """The matrix T of the module docstring: ``directions`` float32 (m, d), and ``defect`` >= ||T T' - I||."""

    directions: Float32Array
    defect: float

    @property
    def width(self) -> int:
        """The codes of a vector: m and those of the remainder."""
        return len(self.directions) + REMAINDER_CODES


@dataclass(frozen=True, slots=True)
class BoundCodes:
    """``codes`` int8 (n, width rounded up to 32, zeros behind): products / ``scale``**2 + ``epsilon`` >= score."""

    codes: NDArray[np.int8]
    scale: float
    epsilon: float


def make_prefix(axes: Float64Array, size: int) -> Prefix:
    """The first ``size`` rows of ``axes`` (orthonormal directions, most important first), rotated among themselves at random."""
    turn, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((size, size)))
    directions = np.ascontiguousarray((turn @ axes[:size]).astype(np.float32))
    wide = directions.astype(np.float64)
    # The Frobenius norm is at least the spectral one; the float64 sums add less than d 2**-53 ||T||_F**2.
    error = float(np.linalg.norm(wide @ wide.T - np.eye(size)))
    return Prefix(directions, error * (1 + 1e-9) + 2 * wide.shape[1] * 2.0**-53 * float((wide**2).sum()) + 1e-15)


def principal_axes(vectors: Float32Array) -> Float64Array:
    """Orthonormal directions (d, d) by how much of ``vectors`` (n, d) lies along them, most first; about the origin, not the mean."""
    moments = (vectors.T @ vectors).astype(np.float64)
    return np.ascontiguousarray(np.linalg.eigh(moments)[1][:, ::-1].T)


def encode(prefix: Prefix, vectors: Float32Array, *, threads: int = 1, largest: int = LARGEST_CODE) -> BoundCodes:
    """Codes of at most ``largest`` for ``vectors``, float32 (n, d) with norms of at most `MAX_NORM`, chunk by chunk."""
    count, dim = vectors.shape
    size = len(prefix.directions)
    codes = aligned_empty((count, -(-prefix.width // _ALIGNMENT) * _ALIGNMENT), np.dtype(np.int8))
    drift = _gamma(dim) * float(np.linalg.norm(prefix.directions.astype(np.float64))) * MAX_NORM * (1 + 1e-9)
    longest = np.sqrt(1 + prefix.defect) * MAX_NORM
    if count == 0:
        return BoundCodes(codes, 1.0, SLACK)
    turned = np.ascontiguousarray(prefix.directions.T)

    def project(part: slice) -> tuple[Float32Array, Float64Array]:
        projected = vectors[part] @ turned
        return projected, _remainders(vectors[part], projected, drift, prefix.defect)

    def peaks(part: slice) -> tuple[float, float]:
        projected, rest = project(part)
        return float(max(projected.max(), -projected.min())), float(rest.max())

    def write(part: slice, scale: np.float32) -> tuple[float, float, float]:
        projected, rest = project(part)
        peak = float(max(projected.max(), -projected.min()))
        projected *= scale
        rounded = np.rint(projected)
        np.clip(rounded, -largest, largest, out=rounded)
        codes[part, :size] = rounded
        ends = np.ceil(rest * (float(scale) / np.sqrt(REMAINDER_CODES)) * (1 + 1e-12))
        codes[part, size : prefix.width] = np.minimum(ends, largest).astype(np.int8)[:, None]
        codes[part, prefix.width :] = 0
        projected -= rounded
        return peak, float(rest.max()), float(np.einsum("ij,ij->i", projected, projected).max())

    parts = [slice(start, start + _CHUNK_ROWS) for start in range(0, count, _CHUNK_ROWS)]
    with one_blas_thread(), ThreadPoolExecutor(max(1, threads)) as pool:
        looked_at = parts[::_LOOKED_AT]
        scale = _scale(pool.map(peaks, looked_at), largest, room=1.0 if len(looked_at) == len(parts) else _ROOM)
        while True:
            found = list(pool.map(partial(write, scale=scale), parts))
            fitting = _scale((each[:2] for each in found), largest, room=1.0)
            # The same projections again may differ in the order of their sums.
            if fitting >= scale * (1 - 1e-5):
                break
            # What was not looked at is larger than the room that was left for it.
            scale = fitting
    residual = float(np.sqrt(max(each[2] for each in found))) * (1 + size * 2.0**-23)
    error = drift + residual / float(scale) + 2.0**-24 * (longest + drift)
    # `score_error` allows for norms of MAX_NORM; those of projections may be longer by the defect.
    epsilon = score_error(error, size, 0.0) + 2 * error * (longest - MAX_NORM) + prefix.defect * MAX_NORM**2
    return BoundCodes(codes, float(scale), epsilon)


def _scale(peaks: Iterable[tuple[float, float]], largest: int, room: float) -> np.float32:
    """The scale for values and remainders of up to ``room`` times these ``peaks``; one code is left for rounding remainders up."""
    values, rests = zip(*peaks, strict=True)
    return np.float32(min(largest / max(*values, 1e-6), (largest - 1) * np.sqrt(REMAINDER_CODES) / max(rests)) / room)


def _remainders(vectors: Float32Array, projected: Float32Array, drift: float, defect: float) -> Float64Array:
    """r (m,) of the module docstring, never too small: float32 sums of k squares are within k 2**-23 relatively."""
    whole = np.einsum("ij,ij->i", vectors, vectors).astype(np.float64) * (1 + vectors.shape[1] * 2.0**-23)
    seen = np.einsum("ij,ij->i", projected, projected).astype(np.float64) * (1 - projected.shape[1] * 2.0**-23)
    sure = np.maximum(np.sqrt(np.maximum(seen, 0.0)) - drift, 0.0)
    rest: Float64Array = np.sqrt(np.maximum(whole - sure**2, 0.0) + defect * MAX_NORM**2 + SLACK)
    return rest * (1 + 1e-12)


def _gamma(terms: int) -> float:
    return terms * FLOAT32_ROUNDOFF / (1 - terms * FLOAT32_ROUNDOFF)
