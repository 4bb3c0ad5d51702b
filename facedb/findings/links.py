"""From flagged pairs to links: all the evidence between two identities in one row."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facedb.core.lookup import run_starts
from facedb.core.records import Float32Array, Float64Array, Int32Array, Int64Array

_PART = 1 << 20


@dataclass(frozen=True, slots=True)
class Links:
    """Links, strongest first: arrays of shape (m,), where ``identity_a`` < ``identity_b`` are labels.

    ``pairs`` flagged pairs between them; ``faces_a``/``faces_b`` faces of each side in such a pair; ``size_a``/``size_b``
    faces of each side in the gallery; scores of the flagged pairs (float64, from float32 scores); ``centroid_score`` the
    cosine of the two mean vectors.
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

    def __len__(self) -> int:
        return len(self.identity_a)


def roll_up(
    vectors: Float32Array | None,
    labels: NDArray[np.integer],
    rows_a: Int64Array,
    rows_b: Int64Array,
    scores: Float32Array,
) -> Links:
    """Roll flagged pairs of gallery rows up to links.

    ``vectors`` float32 (n, d) and ``labels`` (n,) are the gallery (without vectors no centroid is asked for, and its score is NaN);
    ``rows_a``, ``rows_b`` (m,) row indices of pairs with different labels, ``scores`` (m,). Ranked by max_score, then the larger coverage,
    then mean_score, then labels.
    """
    names, codes = _coded(labels)
    key = _keys(codes, len(names), rows_a, rows_b)
    # Sorting plain numbers is several times as fast as sorting stably, or by two keys; nothing below asks for the order within a link.
    order = np.argsort(key)
    key = key[order]
    # Many pairs are rolled up some links at a time: what a part needs beside them is an array or ten of its own length.
    parts = [
        _roll_up(codes, key[part], rows_a[order[part]], rows_b[order[part]], scores[order[part]])
        for part in _whole_runs(key)
    ]
    a, b = np.divmod(np.concatenate([part[0] for part in parts]), max(len(names), 1))
    counts, faces_a, faces_b, highest, mean, median = (
        np.concatenate(each) for each in list(zip(*parts, strict=True))[1:]
    )
    return _links(vectors, names, codes, a, b, counts, faces_a, faces_b, highest, mean, median)


def put_together(
    vectors: Float32Array, labels: NDArray[np.integer], identities: Int64Array, faces: Int64Array, told: Float64Array
) -> Links:
    """Links as `roll_up` makes them, out of pairs that were rolled up before.

    ``identities`` (m, 2) are the labels of each link, the smaller one first, ``faces`` (m, 2) how many faces of each side are in a
    flagged pair, ``told`` (m, 4) what `statistics` says of its scores.
    """
    names, codes = _coded(labels)
    a, b = np.searchsorted(names, identities[:, 0]), np.searchsorted(names, identities[:, 1])
    counts, highest, mean, median = told.T
    return _links(vectors, names, codes, a, b, counts.astype(np.int64), faces[:, 0], faces[:, 1], highest, mean, median)


def statistics(scores: Float32Array) -> tuple[float, float, float, float]:
    """How many ``scores`` (m,) a link has, in ascending order, the highest, their mean and median, by the very additions of `roll_up`."""
    ordered, count = scores.astype(np.float64), len(scores)
    mean = float(np.add.reduceat(ordered, [0])[0]) / count
    return count, float(ordered[-1]), mean, float(ordered[(count - 1) // 2] + ordered[count // 2]) / 2


def _coded(labels: NDArray[np.integer]) -> tuple[NDArray[np.integer], Int32Array]:
    """The labels there are, sorted, and for each row the place int32 (n,) of its own among them."""
    names, codes = np.unique(labels, return_inverse=True)
    return names, codes.astype(np.int32)


def _links(
    vectors: Float32Array | None,
    names: NDArray[np.integer],
    codes: Int32Array,
    a: Int64Array,
    b: Int64Array,
    counts: Int64Array,
    faces_a: Int64Array,
    faces_b: Int64Array,
    highest: Float64Array,
    mean: Float64Array,
    median: Float64Array,
) -> Links:
    """The links between the identities ``names[a]`` and ``names[b]`` (m,), ranked, of a gallery whose rows have the ``codes`` (n,)."""
    sizes = np.bincount(codes, minlength=len(names)).astype(np.int64)
    centroid = np.full(len(a), np.nan) if vectors is None else _centroid_scores(vectors, codes, a, b)
    identity_a, identity_b = names[a].astype(np.int64), names[b].astype(np.int64)
    return _ranked(
        Links(identity_a, identity_b, counts, faces_a, faces_b, sizes[a], sizes[b], highest, mean, median, centroid)
    )


def _ranked(links: Links) -> Links:
    coverage = np.maximum(links.faces_a / links.size_a, links.faces_b / links.size_b)
    rank = np.lexsort((links.identity_b, links.identity_a, -links.mean_score, -coverage, -links.max_score))
    return Links(*(getattr(links, name)[rank] for name in Links.__slots__))


def _keys(codes: Int32Array, names: int, rows_a: Int64Array, rows_b: Int64Array) -> Int64Array:
    """One number int64 (m,) for the two identities of each pair."""
    code_a, code_b = codes[rows_a], codes[rows_b]
    key = np.minimum(code_a, code_b).astype(np.int64)
    key *= names
    key += np.maximum(code_a, code_b)
    return key


def _whole_runs(key: Int64Array) -> list[slice]:
    """``key`` (m,), sorted, cut into parts of about _PART pairs that end where a run of equal keys does; one if it is empty."""
    cuts = [0]
    while len(key) - cuts[-1] > _PART:
        cuts.append(int(np.searchsorted(key, key[cuts[-1] + _PART], side="right")))
    if len(cuts) == 1 or cuts[-1] < len(key):
        cuts.append(len(key))
    return [slice(start, stop) for start, stop in pairwise(cuts)]


def _roll_up(
    codes: Int32Array, key: Int64Array, rows_a: Int64Array, rows_b: Int64Array, scores: Float32Array
) -> tuple[NDArray[Any], ...]:
    """Key, pairs, distinct faces of both sides, highest, mean and median score of each run of equal ``key`` (m,)."""
    swap = codes[rows_a] > codes[rows_b]
    row_low, row_high = np.where(swap, rows_b, rows_a), np.where(swap, rows_a, rows_b)
    starts = run_starts(key)
    ordered = _ascending(starts, scores).astype(np.float64)
    ends = np.r_[starts[1:], len(key)].astype(np.int64) if len(key) else starts
    counts = ends - starts
    mean = np.add.reduceat(ordered, starts) / counts if len(starts) else np.empty(0)
    median = (ordered[starts + (counts - 1) // 2] + ordered[starts + counts // 2]) / 2
    faces_a, faces_b = _distinct(starts, row_low, len(codes)), _distinct(starts, row_high, len(codes))
    return key[starts], counts, faces_a, faces_b, ordered[ends - 1], mean, median


def _ascending(starts: Int64Array, scores: Float32Array) -> Float32Array:
    """``scores`` (m,) float32, those of each run, which begins at ``starts``, in ascending order."""
    bits = scores.view(np.int32).astype(np.int64)
    # As whole numbers the bits of negative floats descend.
    bits = np.sort(
        _number_of_run(starts, len(scores)) << 32 | np.where(bits < 0, ~bits & 0x7FFFFFFF, bits | 0x80000000)
    )
    bits &= 0xFFFFFFFF
    return np.where(bits & 0x80000000, bits & 0x7FFFFFFF, ~bits & 0xFFFFFFFF).astype(np.uint32).view(np.float32)


def _distinct(starts: Int64Array, rows: Int64Array, count: int) -> Int64Array:
    """How many different ``rows`` (m,), of ``count`` that there are, each run has."""
    if not len(starts):
        return np.empty(0, np.int64)
    each = np.sort(_number_of_run(starts, len(rows)) * count + rows)
    return np.add.reduceat(np.r_[True, each[1:] != each[:-1]].astype(np.int64), starts)


def _number_of_run(starts: Int64Array, count: int) -> Int64Array:
    return np.repeat(np.arange(len(starts)), np.diff(np.r_[starts, count]))


def _centroid_scores(vectors: Float32Array, codes: NDArray[np.integer], a: Int64Array, b: Int64Array) -> Float64Array:
    """Cosine of the mean vectors of identities ``a`` and ``b`` (m,), in float64; only identities with a link are averaged."""
    wanted: Int32Array = np.unique(np.r_[a, b]).astype(np.int32)
    if not len(wanted):
        return np.empty(0)
    order = np.argsort(codes, kind="stable")
    ordered = codes[order]
    first, last = np.searchsorted(ordered, wanted, "left"), np.searchsorted(ordered, wanted, "right")
    means = np.empty((len(wanted), vectors.shape[1]))
    for k, (i, j) in enumerate(zip(first, last, strict=True)):
        means[k] = vectors[order[i:j]].sum(axis=0, dtype=np.float64)
    norms = np.linalg.norm(means, axis=1, keepdims=True)
    means /= np.where(norms > 0, norms, 1)
    at_a, at_b = np.searchsorted(wanted, a), np.searchsorted(wanted, b)
    step = 65536
    parts = [
        np.einsum("ij,ij->i", means[at_a[s : s + step]], means[at_b[s : s + step]]) for s in range(0, len(a), step)
    ]
    return np.concatenate(parts)
