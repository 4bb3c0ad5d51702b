"""The score of a pair of faces: the one definition that every engine ends in.

The score is the float64 dot product of the two stored float32 unit vectors. The product of two float32 numbers is
exact in float64 (24 + 24 significant bits fit into 53), so only the additions round, and they are done in one fixed
order: the second half of the products is added to the first half, again and again, until one number is left. That is
element-wise arithmetic only, so the bits of a score depend on the two vectors and on nothing else: not on the batch
around them, not on the engine that proposed the pair, not on the width of the processor's vector registers, not on a
BLAS. The same code runs on arrays of a GPU (CuPy), whose element-wise float64 operations round by IEEE 754 as well.
"""

from __future__ import annotations

import numpy as np

from facedb.core.records import Float32Array, Float64Array, Int64Array

CHUNK_VALUES = 1 << 17
"""The products of a chunk (1 MB of float64) stay inside the second-level cache of current processors."""
GPU_CHUNK_VALUES = 1 << 24
"""A GPU wants many at once (128 MB of float64)."""


def fold_sum(products: Float64Array) -> Float64Array:
    """The sum of each row of ``products``, float64 (m, d) -> (m,), by folding it in half; overwrites ``products``.

    At most ceil(log2 d) additions touch a product, so |error| <= ceil(log2 d) * 2**-53 / (1 - ...) * sum |products|
    (pairwise summation: Higham, Accuracy and Stability of Numerical Algorithms, section 4.2).
    """
    width = products.shape[1]
    if width == 0:
        nothing: Float64Array = products.sum(axis=1)
        return nothing
    while width > 1:
        half = (width + 1) // 2
        products[:, : width - half] += products[:, half:width]
        width = half
    return products[:, 0].copy()


def rough_scores(vectors: Float32Array, rows_a: Int64Array, rows_b: Int64Array) -> Float32Array:
    """float32 scores (m,) of the pairs, within d 2**-24 / (1 - d 2**-24) ||a|| ||b||: to drop pairs early, never to keep one."""
    scores = np.empty(len(rows_a), dtype=np.float32)
    chunk = max(1, CHUNK_VALUES // max(vectors.shape[1], 1))
    for start in range(0, len(rows_a), chunk):
        part = slice(start, start + chunk)
        np.einsum("ij,ij->i", vectors[rows_a[part]], vectors[rows_b[part]], out=scores[part])
    return scores


def pair_scores(
    vectors: Float32Array, rows_a: Int64Array, rows_b: Int64Array, *, chunk_values: int = CHUNK_VALUES
) -> Float64Array:
    """The float64 scores (m,) of the pairs (``rows_a[i]``, ``rows_b[i]``) of ``vectors``, float32 (n, d).

    Symmetric in the two rows, bit-identical however the pairs are batched, and where: all three may be arrays of one GPU, and
    so is the result then. Memory: a few times ``chunk_values`` float64 numbers whatever m is.
    """
    chunk = max(1, chunk_values // max(vectors.shape[1], 1))
    parts: list[Float64Array] = []
    for start in range(0, len(rows_a), chunk):
        part = slice(start, start + chunk)
        products = vectors[rows_a[part]].astype(np.float64)
        products *= vectors[rows_b[part]]
        parts.append(fold_sum(products))
    # NumPy hands arrays of a GPU on to CuPy; a new array it would make on the host.
    return np.concatenate(parts) if parts else vectors[:0].sum(axis=1, dtype=np.float64)
