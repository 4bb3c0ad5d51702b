"""The score distributions of a few thousand faces, before any scan: whole identities, every pair among them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facedb.core.lookup import run_numbers, run_starts
from facedb.core.records import Int64Array
from facedb.findings.rates.error_rates import Observed, observed
from facedb.findings.rates.histogram import BINS
from facedb.join.gallery import Gallery

FACES = 4096
_PER_IDENTITY = 64
_ROWS = 512


def sample_rows(labels: NDArray[np.integer], *, faces: int = FACES) -> Int64Array:
    """Rows of random whole identities (at most 64 faces of each) until there are ``faces``; all rows where there are fewer."""
    if len(labels) <= faces:
        return np.arange(len(labels))
    rng = np.random.default_rng(0)
    key = rng.random(len(labels))
    names, code = np.unique(labels, return_inverse=True)
    turn = rng.permutation(len(names))[code]
    order = np.lexsort((key, turn))
    starts = run_starts(turn[order])
    within = np.arange(len(order)) - starts[run_numbers(starts, len(order))]
    return np.sort(order[within < _PER_IDENTITY][:faces])


def score_pairs(gallery: Gallery, genuine_total: int, impostor_total: int) -> tuple[Observed, Observed]:
    """The scores of every pair of ``gallery`` (a sample), genuine and impostor, from float32 products.

    The totals are those of the whole gallery that it stands for. Two faces of one image are no pair.
    """
    counts = np.zeros((2, BINS), np.int64)
    for start in range(0, len(gallery), _ROWS):
        stop = min(start + _ROWS, len(gallery))
        scores = gallery.vectors[start:stop] @ gallery.vectors[start:].T
        later = np.arange(stop - start)[:, None] < np.arange(len(gallery) - start)[None, :]
        later &= gallery.image_ids[start:stop, None] != gallery.image_ids[None, start:]
        same = gallery.identity_ids[start:stop, None] == gallery.identity_ids[None, start:]
        bins = np.clip(np.floor((scores + 1) * (BINS // 2)), 0, BINS - 1).astype(np.int16)
        counts[0] += np.bincount(bins[later & same], minlength=BINS)
        counts[1] += np.bincount(bins[later & ~same], minlength=BINS)
    none = np.zeros(BINS, np.int64)
    return observed(none, counts[0], genuine_total, None), observed(none, counts[1], impostor_total, None)
