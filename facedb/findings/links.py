"""From flagged pairs to links: all the evidence between two identities in one row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facedb.core.lookup import as_whole_numbers, best_of_runs, run_lengths, run_numbers, run_starts
from facedb.core.records import Float32Array, Float64Array, Int32Array, Int64Array
from facedb.findings.cores.folders import Folders
from facedb.findings.flagged import Pairs


@dataclass(frozen=True, slots=True)
class Links:
    """Links, strongest first: arrays of shape (m,), where ``identity_a`` < ``identity_b`` are labels.

    ``pairs`` flagged pairs between them; ``faces_a``/``faces_b`` faces of each side in such a pair; ``size_a``/``size_b``
    faces of each side in the gallery; scores of the flagged pairs (float64, from float32 scores); ``centroid_score`` the
    cosine of the two mean vectors; ``best_a``/``best_b`` the faces of the pair that scores highest, as the evidence has them.
    """

    identity_a: Int64Array
    identity_b: Int64Array
    pairs: Int64Array
    faces_a: Int64Array
    faces_b: Int64Array
    size_a: Int64Array
    size_b: Int64Array
    max_score: Float64Array
    mean_score: Float64Array
    median_score: Float64Array
    centroid_score: Float64Array
    best_a: Int64Array
    best_b: Int64Array

    def __len__(self) -> int:
        return len(self.identity_a)


@dataclass(frozen=True, slots=True)
class Runs:
    """A run of ``values`` (m,) for each of some links: that of link k begins at ``starts[k]``, int64 (k,), and is not empty."""

    starts: Int64Array
    values: NDArray[Any]

    @property
    def lengths(self) -> Int64Array:
        """How many values each link has, int64 (k,)."""
        return run_lengths(self.starts, len(self.values))


@dataclass(frozen=True, slots=True)
class Evidence:
    """All flagged pairs of some links: between the folders ``a`` < ``b`` (k,) the ``scores``, float32, the faces of both sides, int64,
    each at least once, and those of the pair that scores highest, ``best_a`` and ``best_b`` (k,)."""

    a: Int64Array
    b: Int64Array
    scores: Runs
    faces_a: Runs
    faces_b: Runs
    best_a: Int64Array
    best_b: Int64Array


def between(parts: Folders, pairs: Iterable[Pairs]) -> Iterator[Evidence]:
    """What ``pairs`` say of the links between folders: the faces are gallery rows. All pairs of a link must be in one part."""
    folders = len(parts.labels)
    for part in pairs:
        home_a, home_b = parts.folder_of[part.rows_a], parts.folder_of[part.rows_b]
        swap = home_a > home_b
        key = np.minimum(home_a, home_b) * folders + np.maximum(home_a, home_b)
        # Sorting plain numbers is several times as fast as sorting stably, or by two keys; nothing below asks for the order within a link.
        order = np.argsort(key)
        key, scores = key[order], part.scores[order]
        low, high = np.where(swap, part.rows_b, part.rows_a)[order], np.where(swap, part.rows_a, part.rows_b)[order]
        starts = run_starts(key)
        a, b = np.divmod(key[starts], max(folders, 1))
        yield Evidence(
            a,
            b,
            Runs(starts, scores),
            Runs(starts, low),
            Runs(starts, high),
            *best_of_runs(starts, scores, low, high),
        )


def roll_up(vectors: Float32Array | None, parts: Folders, evidence: Iterable[Evidence]) -> Links:
    """Roll ``evidence``, at least one part of it, up to links.

    ``vectors`` float32 (n, d) and their ``parts`` are the gallery (without vectors no centroid is asked for, and its score is NaN).
    Ranked by max_score, then the larger coverage, then mean_score, then labels.
    """
    rolled = [_roll_up(each) for each in evidence]
    whole, real = ([np.concatenate(column) for column in zip(*part, strict=True)] for part in zip(*rolled, strict=True))
    a, b, pairs, faces_a, faces_b, best_a, best_b = whole
    highest, mean, median = real
    return _ranked(
        Links(
            parts.labels[a],
            parts.labels[b],
            pairs,
            faces_a,
            faces_b,
            parts.sizes[a],
            parts.sizes[b],
            highest,
            mean,
            median,
            np.full(len(a), np.nan) if vectors is None else _centroid_scores(vectors, parts, a, b),
            best_a,
            best_b,
        )
    )


def _ranked(links: Links) -> Links:
    coverage = np.maximum(links.faces_a / links.size_a, links.faces_b / links.size_b)
    rank = np.lexsort((links.identity_b, links.identity_a, -links.mean_score, -coverage, -links.max_score))
    return Links(*(getattr(links, name)[rank] for name in Links.__slots__))


def _roll_up(links: Evidence) -> tuple[tuple[Int64Array, ...], tuple[Float64Array, ...]]:
    """Of each link its folders, pairs, distinct faces and best faces of both sides; highest, mean and median score."""
    starts, counts = links.scores.starts, links.scores.lengths
    ordered = _ascending(links.scores).astype(np.float64)
    mean = np.add.reduceat(ordered, starts) / counts if len(starts) else np.empty(0)
    median = (ordered[starts + (counts - 1) // 2] + ordered[starts + counts // 2]) / 2
    faces = _distinct(links.faces_a), _distinct(links.faces_b)
    whole = (links.a, links.b, counts, *faces, links.best_a, links.best_b)
    return whole, (ordered[starts + counts - 1], mean, median)


def _ascending(scores: Runs) -> Float32Array:
    """The values of ``scores``, float32 (m,), those of each run in ascending order."""
    bits = np.sort(run_numbers(scores.starts, len(scores.values)) << 32 | as_whole_numbers(scores.values))
    bits &= 0xFFFFFFFF
    return np.where(bits & 0x80000000, bits & 0x7FFFFFFF, ~bits & 0xFFFFFFFF).astype(np.uint32).view(np.float32)


def _distinct(faces: Runs) -> Int64Array:
    """How many different ``faces``, int64, none of them negative, each run has."""
    if not len(faces.starts):
        return np.empty(0, np.int64)
    run = run_numbers(faces.starts, len(faces.values))
    each = np.sort(run * (int(faces.values.max()) + 1) + faces.values)
    return np.add.reduceat(np.r_[True, each[1:] != each[:-1]].astype(np.int64), faces.starts)


def _centroid_scores(vectors: Float32Array, parts: Folders, a: Int64Array, b: Int64Array) -> Float64Array:
    """Cosine of the mean vectors of folders ``a`` and ``b`` (m,), in float64; only folders with a link are averaged."""
    wanted: Int32Array = np.unique(np.r_[a, b]).astype(np.int32)
    if not len(wanted):
        return np.empty(0)
    means = np.empty((len(wanted), vectors.shape[1]))
    for k, (start, size) in enumerate(zip(parts.starts[wanted].tolist(), parts.sizes[wanted].tolist(), strict=True)):
        means[k] = vectors[parts.order[start : start + size]].sum(axis=0, dtype=np.float64)
    norms = np.linalg.norm(means, axis=1, keepdims=True)
    means /= np.where(norms > 0, norms, 1)
    at_a, at_b = np.searchsorted(wanted, a), np.searchsorted(wanted, b)
    step = 65536
    centroids = [
        np.einsum("ij,ij->i", means[at_a[s : s + step]], means[at_b[s : s + step]]) for s in range(0, len(a), step)
    ]
    return np.concatenate(centroids)
