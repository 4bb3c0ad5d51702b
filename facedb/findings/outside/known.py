"""Known: which of the people with a folder a face without a label is, if any of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facedb.core.finding import SUREST
from facedb.core.records import Float32Array, Float64Array, Int64Array
from facedb.findings.cores.persons import Persons
from facedb.findings.odds.two_groups import RELATIVES, UNSEEN, TwoGroups

_CANDIDATES = 8
_ROWS = 1024
_ROUNDS = 100
_SETTLED = 1e-6
_JEFFREYS = 0.5
_LEAST = 1e-300


@dataclass(frozen=True, slots=True)
class Known:
    """Whom faces (u,) are most likely: the folder ``nearest`` int64 (-1: there is none) with the mean ``score`` to its core, its
    ``sameness`` and the probability ``sure``; ``second``, the next best folder that is not the same person by its core (-1: none), with
    its mean score ``second_score`` and ``second_sameness``."""

    nearest: Int64Array
    score: Float64Array
    sameness: Float64Array
    sure: Float64Array
    second: Int64Array
    second_score: Float64Array
    second_sameness: Float64Array


def known(who: Persons, odds: TwoGroups, vectors: Float32Array) -> Known:
    """Ask of each of ``vectors`` float32 (u, d) who it is.

    A face shows somebody with a folder with a probability r, each of the k people as likely before one has looked, or else a stranger.
    With f_j the density of its mean score to core j if it is that person, and g_j if it is not,

        P(person j) = (r / k) f_j/g_j / (1 - r + (r / k) sum_i (f_i + RELATIVES h_i)/g_i),

    h being the density of relatives, and r is found by expectation maximisation over all the faces, half a face taken for granted.
    Folders whose cores are one person count together, as far as they are. Only the eight likest folders are looked at: what the others
    add is nothing beside them. Source: Efron, Large-Scale Inference (2010), chapter 5; Dempster, Laird and Rubin 1977, JRSS B 39.
    """
    count = len(vectors)
    filled = np.flatnonzero(who.faces > 0)
    if not count or not len(filled):
        nothing = np.full(count, np.nan)
        nobody = np.full(count, -1, np.int64)
        return Known(nobody, nothing, nothing, np.zeros(count), nobody, nothing, nothing)
    folder, score, same = _likest(who, filled, vectors)
    size, cohesion = who.faces[folder], who.cohesion[folder]
    unit = np.maximum(cohesion - who.ends.impostor, 1e-3)
    one = np.ones_like(score)
    # Well above the middle of its distribution, more counts as that much does: the confidence never falls as the score grows.
    seen = np.clip(same, 0.0, odds.faces.most(one, size))
    as_person = odds.faces.density(seen, one, size) / unit
    as_relative = odds.faces.relatives(seen, one, size) / unit
    chance = odds.strangers.density(np.maximum(score, odds.strangers.mean), one, size)
    as_stranger = np.log(np.maximum(chance, _LEAST)) + np.log(len(filled))
    person, relative = np.log(as_person) - as_stranger, np.log(RELATIVES) + np.log(as_relative) - as_stranger
    # Chance can be unlikely beyond what a float holds, so the likeliest story of each face is the unit.
    top = np.maximum(np.maximum(person, relative).max(axis=1), 0.0)
    likely, related = np.exp(person - top[:, None]), np.exp(relative - top[:, None])
    share, stranger = 0.5, np.exp(-top)
    for _ in range(_ROUNDS):
        parts = share * likely / ((1.0 - share) * stranger + share * (likely + related).sum(axis=1))[:, None]
        before, share = share, (float(parts.sum()) + _JEFFREYS) / (count + 2 * _JEFFREYS)
        if abs(share - before) < _SETTLED:
            break
    parts *= 1.0 if odds.faces.folders else UNSEEN
    first = parts.argmax(axis=1)
    at = np.arange(count)
    head = folder[at, first]
    one_person = _one_person(who, odds, head, folder)
    sure = np.minimum((parts * one_person).sum(axis=1), SUREST)
    others = np.where(one_person >= 0.5, -np.inf, same)
    second = others.argmax(axis=1)
    there = np.isfinite(others[at, second])
    return Known(
        head,
        score[at, first],
        same[at, first],
        sure,
        np.where(there, folder[at, second], -1),
        np.where(there, score[at, second], np.nan),
        np.where(there, same[at, second], np.nan),
    )


def _likest(who: Persons, filled: Int64Array, vectors: Float32Array) -> tuple[Int64Array, Float64Array, Float64Array]:
    """The folders with the likest cores (u, c), the mean scores to them, and the sameness, the likest first."""
    kept = min(_CANDIDATES, len(filled))
    folder = np.empty((len(vectors), kept), np.int64)
    score, same = np.empty((len(vectors), kept)), np.empty((len(vectors), kept))
    cohesion, middles = who.cohesion[filled], who.centres[filled]
    for start in range(0, len(vectors), _ROWS):
        part = slice(start, start + _ROWS)
        scores = (vectors[part] @ middles.T).astype(np.float64)
        alike = who.sameness(scores, cohesion[None, :], cohesion[None, :])
        best = np.argpartition(-alike, kept - 1, axis=1)[:, :kept]
        order = np.lexsort((best, -np.take_along_axis(alike, best, axis=1)), axis=1)
        best = np.take_along_axis(best, order, axis=1)
        folder[part] = filled[best]
        score[part] = np.take_along_axis(scores, best, axis=1)
        same[part] = np.take_along_axis(alike, best, axis=1)
    return folder, score, same


def _one_person(who: Persons, odds: TwoGroups, head: Int64Array, folder: Int64Array) -> Float64Array:
    """The probability (u, c) that the core of each ``folder`` is the person of ``head`` (u,); 1 for itself."""
    wide = np.broadcast_to(head[:, None], folder.shape)
    found = odds.of_cores(who, wide.ravel(), folder.ravel()).reshape(folder.shape)
    return np.where(folder == wide, 1.0, found)
