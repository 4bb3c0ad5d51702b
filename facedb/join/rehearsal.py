"""The rehearsal: before an engine works, planted pairs must come back through its `search`.

Every value of a planted vector is +-1 / sqrt(d), so that every int8 code is +-127: the largest sums there are, which a kernel that adds
in 16 bits gets wrong. Copies and near copies of rows are planted on both sides of the borders of tiles, and pairs that lie exactly
on the threshold are among them. An engine that loses one of them, or finds one too many, does not start.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from facedb.core.errors import EngineError
from facedb.join.blocks import plan_blocks
from facedb.join.gallery import Gallery
from facedb.join.score import pair_scores
from facedb.join.searcher import Searcher
from facedb.join.sieve import Hits, Sieve

ROWS = 520
_PLANTED = 24
_BLOCK_ROWS = 300
_LEAST = 0.75


@functools.lru_cache(maxsize=1)
def planted_gallery(dim: int) -> tuple[Gallery, float]:
    """`ROWS` rows of signs over sqrt(dim), copies and near copies among them, and a threshold on which some pairs lie exactly."""
    rng = np.random.default_rng(dim)
    signs = 1.0 - 2.0 * rng.integers(0, 2, (ROWS, dim), dtype=np.int8)
    flips = int((1 - _LEAST) / 2 * dim)
    originals = rng.choice(ROWS // 2, _PLANTED, replace=False)
    copies = ROWS - 1 - rng.choice(ROWS // 2, _PLANTED, replace=False)
    for number, (original, copy) in enumerate(zip(originals.tolist(), copies.tolist(), strict=True)):
        signs[copy] = signs[original]
        # A third are copies, a third lie on the threshold, a third one flipped value below it.
        flipped = rng.choice(dim, min(dim, (0, flips, flips + 1)[number % 3]), replace=False)
        signs[copy, flipped] *= -1
    vectors = (signs / np.sqrt(dim)).astype(np.float32)
    threshold = float(pair_scores(vectors, originals[1:2], copies[1:2])[0])
    return Gallery(vectors, np.arange(ROWS) // 2, np.arange(ROWS)), threshold


def rehearse(name: str, open_planted: Callable[[Gallery, Sieve], Searcher], dim: int) -> None:
    """Search the planted gallery of ``dim`` values with what ``open_planted`` opens; raises EngineError unless all pairs come back."""
    gallery, threshold = planted_gallery(dim)
    searcher = open_planted(gallery, Sieve(gallery, threshold))
    try:
        blocks = plan_blocks(gallery.identity_ids, target_rows=_BLOCK_ROWS)
        found = Hits.join([hits for block in blocks for hits in searcher.search(block)])
    finally:
        searcher.close()
    rows_a, rows_b = _flagged(dim)
    expected = set((rows_a * ROWS + rows_b).tolist())
    # NumPy's own operations on sets load a module of it, which takes ten times as long as the search.
    got = (found.rows_a * ROWS + found.rows_b).tolist()
    lost, invented = len(expected - set(got)), len(got) - len(expected & set(got))
    if lost or invented:
        raise EngineError(
            f"The engine {name} does not find what was planted on this machine: of {len(expected)} pairs it lost {lost}, "
            f"and it invented {invented}: use another --engine and report this."
        )


# An engine that chooses how it works is rehearsed twice: as any, and as it has chosen.
@functools.lru_cache(maxsize=1)
def _flagged(dim: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows a < b of the flagged pairs of the planted gallery by the definition; a float64 product leaves out those that cannot be."""
    gallery, threshold = planted_gallery(dim)
    wide = gallery.vectors.astype(np.float64)
    rows_a, rows_b = np.nonzero(np.triu(wide @ wide.T >= threshold - 1e-6, 1))
    apart = gallery.identity_ids[rows_a] != gallery.identity_ids[rows_b]
    rows_a, rows_b = rows_a[apart], rows_b[apart]
    reached = pair_scores(gallery.vectors, rows_a, rows_b) >= threshold
    return rows_a[reached], rows_b[reached]
