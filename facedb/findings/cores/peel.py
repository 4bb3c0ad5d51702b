"""Peeling folders: which faces of an identity are one person (its core), and which belong together beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facedb.core.lookup import run_numbers, run_starts
from facedb.core.records import Float32Array, Int32Array, Int64Array
from facedb.findings.cores.folders import BoolArray, Folders, batches, large, scores_within, shared_images

FAR = 0.75
"""Altered copies that score below this are not found by their faces: mirrored, grey, brighter and framed ones scored 0.78 to 0.99."""
FEW = 3
_ROWS = 2048
_ROUNDS = 4
_PASSES = 4


@dataclass(frozen=True, slots=True)
class Peeled:
    """What `peel` saw in each row's own folder: arrays of shape (n,).

    ``group`` int32: 0 for the core of the folder, 1, 2, … for other groups of faces that fit together, -1 for a face that
    fits with none. ``own_mean`` and ``own_best`` float32: mean and highest score to the core without the face itself and
    faces of its image, NaN where there is none. ``near_a``, ``near_b`` int64 (m,): pairs of rows of one folder and two
    images whose score reaches the asked floor, with ``near_score`` float32 (m,), and the few likest others of each row.
    """

    group: Int32Array
    own_mean: Float32Array
    own_best: Float32Array
    near_a: Int64Array
    near_b: Int64Array
    near_score: Float32Array


def peel(
    vectors: Float32Array,
    groups: NDArray[np.integer],
    parts: Folders,
    *,
    cut: float,
    near: float = 2.0,
    count_scores: Callable[[Float32Array, BoolArray], None] | None = None,
) -> Peeled:
    """Take the folders apart, many at once, from float32 scores between the faces of each.

    The core grows from the face with the most neighbours at or above ``cut``: it is the set of faces whose mean score to
    the core reaches ``cut``, found by repetition. What is left is peeled in the same way, at most four times. ``groups``
    (n,) are the images of the rows. Pairs at or above ``near`` come back as well. A folder of more than 2,048 faces is
    compared with 2,048 of its faces, evenly spread; ``count_scores`` is called with the scores of all others, batch
    by batch, as `scores_within` gives them.
    """
    count = len(vectors)
    group = np.zeros(count, np.int32)
    own_mean, own_best = np.full(count, np.nan, np.float32), np.full(count, np.nan, np.float32)
    found: list[tuple[Int64Array, Int64Array, Float32Array]] = []
    shared = shared_images(groups)
    for rows, alive in batches(parts):
        scores, apart = scores_within(vectors, shared, rows, alive)
        if count_scores is not None:
            count_scores(scores, apart)
        masked = np.where(apart, scores, np.float32(0))
        batch_group = _peel_batch(scores, masked, apart, alive, cut)
        # Nothing can be said about a face without a face of another image beside it.
        batch_group[alive & ~apart.any(axis=2)] = 0
        core = batch_group[:, : scores.shape[2]] == 0
        weight = core.astype(np.float32)[:, :, None]
        others = (apart.astype(np.float32) @ weight)[:, :, 0]
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.where(others > 0, (masked @ weight)[:, :, 0] / others, np.nan)
        best = np.where(apart & core[:, None, :], scores, np.float32(-2)).max(axis=2)
        group[rows[alive]] = batch_group[alive]
        own_mean[rows[alive]] = mean[alive]
        own_best[rows[alive]] = np.where(best > -2, best, np.nan)[alive]
        if near < 1:
            found.append(_near_pairs(scores, apart, rows, near))
    for rows, members in large(parts):
        _peel_large(vectors, groups, rows, members, cut, group, own_mean, own_best)
    joined = [np.concatenate([part[k] for part in found]) if found else np.empty(0) for k in range(3)]
    return Peeled(
        group, own_mean, own_best, joined[0].astype(np.int64), joined[1].astype(np.int64), joined[2].astype(np.float32)
    )


def _peel_batch(
    scores: Float32Array, masked: Float32Array, apart: BoolArray, alive: BoolArray, cut: float
) -> Int32Array:
    """Group numbers int32 (b, m) as in `Peeled`."""
    group = np.full(alive.shape, -1, np.int32)
    which = np.arange(len(alive))
    left = alive.copy()
    for number in range(_ROUNDS):
        core = _core(scores, masked, apart, left, cut)
        # A lone face is no group, except as the core of a folder that has no other.
        found = core & (core.sum(axis=1, keepdims=True) >= (1 if number == 0 else 2))
        group[which] = np.where(found, number, group[which])
        left &= ~core
        on = np.flatnonzero(left.any(axis=1) & found.any(axis=1))
        if not len(on):
            break
        which, left, scores, masked, apart = which[on], left[on], scores[on], masked[on], apart[on]
    return group


def _core(scores: Float32Array, masked: Float32Array, apart: BoolArray, alive: BoolArray, cut: float) -> BoolArray:
    """The core bool (b, m) of the faces that are ``alive`` in each folder."""
    near = (scores >= cut) & apart & alive[:, None, :] & alive[:, :, None]
    votes = near.sum(axis=2) + np.where(alive, 0.5, -1.0)
    # Among faces with as many neighbours the one with the closest ones is the better seed.
    votes = votes + 0.25 * np.clip(np.where(near, masked, 0).sum(axis=2) / np.maximum(near.sum(axis=2), 1), 0, 1)
    at = np.arange(len(scores))
    seed = votes.argmax(axis=1)
    core = near[at, seed]
    core[at, seed] = True
    weights = apart.astype(np.float32)
    for _ in range(_PASSES):
        weight = core.astype(np.float32)[:, :, None]
        others = (weights @ weight)[:, :, 0]
        mean = (masked @ weight)[:, :, 0] / np.maximum(others, 1)
        grown = alive & (others > 0) & (mean >= cut)
        empty = ~grown.any(axis=1)
        grown[empty] = core[empty]
        if np.array_equal(grown, core):
            break
        core = grown
    return np.asarray(core)


def _near_pairs(
    scores: Float32Array, apart: BoolArray, rows: Int64Array, near: float
) -> tuple[Int64Array, Int64Array, Float32Array]:
    # Flat positions: `nonzero` of a mask with more dimensions takes several times as long.
    folder, first, second = np.unravel_index(np.flatnonzero((scores >= FAR) & apart), scores.shape)
    once = first < second
    folder, first, second = folder[once], first[once], second[once]
    score = scores[folder, first, second]
    a, b = rows[folder, first], rows[folder, second]
    kept = nearest_few(a, b, score, near)
    return a[kept], b[kept], score[kept]


def nearest_few(a: Int64Array, b: Int64Array, score: Float32Array, near: float) -> BoolArray:
    """Which pairs of rows (m,) reach ``near``, or are among the FEW likest of one of their rows and reach FAR.

    Of several that are equally like a row those with the smallest numbers count, in whatever order the pairs come.
    """
    kept: BoolArray = score >= near
    rest = np.flatnonzero(~kept & (score >= FAR))
    row, other, at = np.r_[a[rest], b[rest]], np.r_[b[rest], a[rest]], np.r_[rest, rest]
    order = np.lexsort((other, -score[at], row))
    row, at = row[order], at[order]
    start = run_starts(row)
    place = np.arange(len(row)) - start[run_numbers(start, len(row))]
    kept[at[place < FEW]] = True
    return kept


def _peel_large(
    vectors: Float32Array,
    groups: NDArray[np.integer],
    rows: Int64Array,
    references: Int64Array,
    cut: float,
    group: Int32Array,
    own_mean: Float32Array,
    own_best: Float32Array,
) -> None:
    """Peel the references, then ask every face of the folder which of their groups it fits best."""
    alive = np.ones((1, len(references)), bool)
    scores, apart = scores_within(vectors, groups, references[None, :], alive)
    found = _peel_batch(scores, np.where(apart, scores, np.float32(0)), apart, alive, cut)[0]
    core = references[found == 0]
    centres = np.stack([vectors[references[found == k]].mean(axis=0) for k in range(found.max() + 1)])
    for start in range(0, len(rows), _ROWS):
        part = rows[start : start + _ROWS]
        fit = vectors[part] @ centres.T
        nearest = np.where(fit[:, 0] >= cut, 0, fit.argmax(axis=1))
        group[part] = np.where(fit[np.arange(len(part)), nearest] >= cut, nearest, -1)
        own_mean[part], own_best[part] = own_scores(vectors, groups, part, core)


def own_scores(
    vectors: Float32Array, groups: NDArray[np.integer], rows: Int64Array, core: Int64Array
) -> tuple[Float32Array, Float32Array]:
    """Mean and highest score (m,) of ``rows`` (m,) to those rows of ``core`` (c,) that are of other images; NaN where there is none."""
    scores = vectors[rows] @ vectors[core].T
    apart = groups[rows][:, None] != groups[core][None, :]
    others = apart.sum(axis=1)
    mean = np.where(apart, scores, 0).sum(axis=1) / np.maximum(others, 1)
    return np.where(others > 0, mean, np.nan), np.where(others > 0, np.where(apart, scores, -2).max(axis=1), np.nan)
