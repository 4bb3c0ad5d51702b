"""A scan that kept links alone, at its end: its links, the best pair of each, and its score histogram, out of the parts of its tiles."""

from __future__ import annotations

from array import array
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facedb.core.records import Float32Array, Float64Array, Int64Array
from facedb.db.connection import Connection
from facedb.findings.links import Links, put_together, statistics
from facedb.findings.rates.histogram import BINS, bin_of
from facedb.scan.pair_rows import PairRows
from facedb.scan.scores.histograms import Explained
from facedb.scan.tiles import link_parts

_AT_ONCE = 1 << 18


@dataclass(frozen=True, slots=True)
class RolledUp:
    """The ``links`` of a scan, ``best`` the pair that scores highest of each (in the order of their identities), and how many of its
    ``pairs`` lie in each bin of the histogram, int64 (BINS,)."""

    links: Links
    best: PairRows
    pairs: Int64Array


def roll_up(conn: Connection, scan_id: int, vectors: Float32Array, labels: NDArray[np.integer]) -> RolledUp:
    """Put the parts of links of a scan of ``vectors`` (n, d) under ``labels`` (n,) together; memory grows with links, not with pairs."""
    # By link: two identities, faces of both, the best pair; four statistics.
    keys, statistic = array("q"), array("d")
    counter = _Counter()
    for link in link_parts.links(conn, scan_id):
        faces = len(link.faces_a), len(link.faces_b)
        keys.extend((link.identity_a, link.identity_b, *faces, link.best_a, link.best_b))
        statistic.extend(statistics(link.scores))
        counter.add(link.scores, 1.0)
    key, told = np.array(keys, np.int64).reshape(-1, 6), np.array(statistic, np.float64).reshape(-1, 4)
    best = PairRows(key[:, 4].copy(), key[:, 5].copy(), told[:, 1].astype(np.float32))
    links = put_together(vectors, labels, key[:, :2], key[:, 2:4], told)
    return RolledUp(links, best, counter.counts().astype(np.int64))


def explained(conn: Connection, scan_id: int, likely: Float64Array) -> Explained:
    """What the findings say of the pairs in each bin, where every pair of link k is of one person with the probability ``likely[k]``.

    The pairs of a link stand or fall together, so the j-th of them from the highest score down adds p (1 - p) (2 j + 1) to the variance.
    """
    mated, doubt = _Counter(), _Counter()
    for link, each in zip(link_parts.links(conn, scan_id), likely.tolist(), strict=True):
        mated.add(link.scores, each)
        doubt.add(link.scores[::-1], each * (1 - each) * (2 * np.arange(len(link.scores)) + 1))
    return Explained(mated.counts(), doubt.counts())


class _Counter:
    """Counts weighted scores by bin, many links at a time, as a histogram has a fixed price."""

    def __init__(self) -> None:
        self._counts = np.zeros(BINS)
        self._waiting: list[tuple[Float32Array, Float64Array]] = []
        self._held = 0

    def add(self, scores: Float32Array, weights: float | Float64Array) -> None:
        self._waiting.append((scores, np.broadcast_to(weights, len(scores))))
        self._held += len(scores)
        if self._held > _AT_ONCE:
            self.counts()

    def counts(self) -> Float64Array:
        if self._waiting:
            scores = np.concatenate([scores for scores, _ in self._waiting])
            weights = np.concatenate([weights for _, weights in self._waiting])
            self._counts += np.bincount(bin_of(scores), weights, minlength=BINS)
            self._waiting, self._held = [], 0
        return self._counts
