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
from facedb.scan.scan_rows import PairRows
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


def count_mated(conn: Connection, scan_id: int, likely: Float64Array) -> Float64Array:
    """Of the pairs in each bin those that are of one person, (BINS,), where every pair of link k is with the probability ``likely[k]``."""
    counter = _Counter()
    for link, each in zip(link_parts.links(conn, scan_id), likely.tolist(), strict=True):
        counter.add(link.scores, each)
    return counter.counts()


class _Counter:
    """Counts weighted scores by bin, many links at a time, as a histogram has a fixed price."""

    def __init__(self) -> None:
        self._counts = np.zeros(BINS)
        self._waiting: list[tuple[Float32Array, float]] = []
        self._held = 0

    def add(self, scores: Float32Array, weight: float) -> None:
        self._waiting.append((scores, weight))
        self._held += len(scores)
        if self._held > _AT_ONCE:
            self.counts()

    def counts(self) -> Float64Array:
        if self._waiting:
            scores = np.concatenate([scores for scores, _ in self._waiting])
            weights = np.repeat([weight for _, weight in self._waiting], [len(each) for each, _ in self._waiting])
            self._counts += np.bincount(bin_of(scores), weights, minlength=BINS)
            self._waiting, self._held = [], 0
        return self._counts
