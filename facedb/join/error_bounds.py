"""Lower precision with a proven error: how far a score computed from rounded vectors can be from the score.

Let x, y be two stored vectors, X, Y what an engine multiplies instead, and N >= every ||x||, E >= every ||x - X||. Then

    x.y - X.Y = (x - X).y + X.(y - Y)      and      |x.y - X.Y| <= E N + (N + E) E = E (2 N + E)

by Cauchy-Schwarz and ||X|| <= N + E. E is measured on the gallery itself, not assumed, so it holds for any data: a
gallery that quantises badly gets a large epsilon and many candidates, never a missing pair. What an engine adds while
it sums the products is bounded by d u / (1 - d u) (N + E)**2 for any order of summation in a format of unit roundoff
u (Higham, Accuracy and Stability of Numerical Algorithms, section 3.1), and SLACK covers the float64 arithmetic of
the score and of the bounds themselves: d 2**-53 (N + E)**2 stays below it for every d below 10**6.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facedb.core.records import Float32Array
from facedb.join.gallery import UNIT_TOLERANCE

MAX_NORM = 1.0 + 2 * UNIT_TOLERANCE
SLACK = 1e-9
FLOAT32_ROUNDOFF = 2.0**-24
TENSOR_CORE_ROUNDOFF = (
    2.0**-22
)  # Tensor cores truncate and may drop guard bits when they add: two bits worse than float32.

LARGEST_CODE = 127  # Of int8, on both sides of zero.
ALIGNMENT = 64  # Bytes of a cache line, and of a row of an AMX tile.

_CHUNK_ROWS = 1024


@dataclass(frozen=True, slots=True)
class Int8Vectors:
    """``codes`` int8 (n, width) with codes / ``scale`` near the vectors; ``error`` >= the largest ||x - codes / scale||.

    ``width`` is d rounded up to a multiple of 64, with zeros behind the d codes, and the rows start on 64-byte borders.
    """

    codes: NDArray[np.int8]
    scale: float
    error: float


def score_error(vector_error: float, dim: int, roundoff: float) -> float:
    """Epsilon, the bound of the module docstring: vectors within ``vector_error``, sums of unit ``roundoff``."""
    sums = dim * roundoff / (1.0 - dim * roundoff) if roundoff else 0.0
    return vector_error * (2.0 * MAX_NORM + vector_error) + sums * (MAX_NORM + vector_error) ** 2 + SLACK


def aligned_empty(shape: tuple[int, int], dtype: np.dtype[Any]) -> NDArray[Any]:
    """An uninitialised array whose first value is on a cache line border; NumPy itself promises 16 bytes only."""
    size = shape[0] * shape[1] * dtype.itemsize
    raw = np.empty(size + ALIGNMENT, dtype=np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + size].view(dtype).reshape(shape)


def quantise_int8(
    vectors: Float32Array, *, threads: int = 1, scale: float | None = None, largest: int = LARGEST_CODE
) -> Int8Vectors:
    """Round ``vectors``, float32 (n, d), to int8 with one ``scale``, by default 127 / max |x| and never more, chunk by chunk.

    Codes of at most ``largest`` have their share of that scale.

    The error is measured in float32 and still proven: with y = fl(x s) and q = rint(y), the residual y - q is exact
    in float32, |x s - y| <= 2**-24 |x s|, and the computed sum of its d squares is at most d 2**-24 / (1 - d 2**-24)
    too small relatively; so ||x - q / s|| <= (||y - q|| (1 + d 2**-23) + 2**-24 s N) / s.
    """
    count, dim = vectors.shape
    codes = aligned_empty((count, -(-dim // ALIGNMENT) * ALIGNMENT), np.dtype(np.int8))
    if count == 0:
        return Int8Vectors(codes, 1.0, 0.0)
    parts = [slice(start, start + _CHUNK_ROWS) for start in range(0, count, _CHUNK_ROWS)]

    def peak(part: slice) -> float:
        return float(max(vectors[part].max(), -vectors[part].min()))

    with ThreadPoolExecutor(max(1, threads)) as pool:
        # A float32 scale, so that the scaling below multiplies by exactly the number that divides the codes.
        widest = LARGEST_CODE / max(pool.map(peak, parts)) if scale is None else scale
        factor = np.float32(widest * largest / LARGEST_CODE)

        def encode(part: slice) -> float:
            scaled = vectors[part] * factor
            rounded = np.rint(scaled)
            np.clip(rounded, -largest, largest, out=rounded)
            codes[part, :dim] = rounded
            codes[part, dim:] = 0
            scaled -= rounded
            return float(np.einsum("ij,ij->i", scaled, scaled).max())

        residual = float(np.sqrt(max(pool.map(encode, parts)))) * (1.0 + dim * 2.0**-23)
    return Int8Vectors(codes, float(factor), residual / float(factor) + 2.0**-24 * MAX_NORM)
