"""Newcomers: faces without a label that are one person, who has no folder yet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facedb.core.finding import LIKELY, SUREST
from facedb.core.lookup import run_starts
from facedb.core.records import Float32Array, Float64Array, Int64Array
from facedb.findings.cores.persons import Ends
from facedb.findings.odds.same_person import RELATIVES, UNSEEN, TwoGroups

_ROUNDS = 100
_SETTLED = 1e-6
_JEFFREYS = 0.5
_LEAST = 1e-300
_LARGEST = 4096
"""Faces that are joined in a chain are looked at together, up to this many: their scores take 64 MB."""


@dataclass(frozen=True, slots=True)
class Newcomer:
    """One person without a folder: the ``faces`` (rows of the vectors, ascending), the lowest and the highest score between two of them,
    and how ``sure`` it is that all are one person."""

    faces: Int64Array
    lowest: float
    highest: float
    sure: float


class OnePerson:
    """The probability that sets of faces without a label are one person, among ``total`` pairs of which some were seen to score high.

    The two groups of `facedb.findings.odds.same_person`, with shares of their own: how many of the pairs are one person is found by
    expectation maximisation over the pairs (``scores`` (m,), the highest of all), half a pair taken for granted.
    """

    def __init__(self, odds: TwoGroups, scale: Ends, scores: Float64Array, total: float) -> None:
        self._odds, self._scale = odds, scale
        self._mated = self._related = _JEFFREYS / max(total, 1.0)
        one = np.ones(len(scores))
        for _ in range(_ROUNDS):
            before = self._mated
            self._mated = (float(self(scores, one, one).sum()) + _JEFFREYS) / max(total, 1.0)
            self._mated = min(self._mated, 0.5)
            self._related = max(RELATIVES * self._mated, _JEFFREYS / max(total, 1.0))
            if abs(self._mated - before) < _SETTLED * before:
                break

    def __call__(self, score: Float64Array, a: NDArray[np.number], b: NDArray[np.number]) -> Float64Array:
        """The probability (m,) for sets of ``a`` and ``b`` faces with a mean ``score`` (m,); it never falls as that grows."""
        odds, scale = self._odds, self._scale
        unit = max(scale.genuine - scale.impostor, 1e-3)
        same = np.clip((score - scale.impostor) / unit, 0.0, odds.cores.most(a, b))
        chance = odds.strangers.density(np.maximum(score, odds.strangers.mean), a, b) * unit
        chance = np.log(np.maximum(chance, _LEAST))
        one = np.log(self._mated) + np.log(odds.cores.density(same, a, b)) - chance
        related = np.log(self._related) + np.log(odds.cores.relatives(same, a, b)) - chance
        # Chance can be unlikely beyond what a float holds, so the likeliest of the three stories is the unit.
        top = np.maximum(np.maximum(one, related), 0.0)
        either = np.exp(one - top) + np.exp(related - top) + (1.0 - self._mated) * np.exp(-top)
        known = 1.0 if odds.cores.folders else UNSEEN
        return np.asarray(np.minimum(known * np.exp(one - top) / either, SUREST))


def newcomers(
    vectors: Float32Array,
    images: NDArray[np.integer],
    one_person: OnePerson,
    a: Int64Array,
    b: Int64Array,
    scores: Float64Array,
) -> list[Newcomer]:
    """Group faces, the rows of ``vectors`` float32 (n, d), by average linkage; the largest groups first.

    ``images`` (n,): two faces of one image are two people. ``a``, ``b``, ``scores`` (m,) are the pairs that score high; no other pair
    begins a group. Two groups become one while the mean score between them is what makes two single faces likelier one person than not
    (agglomerative clustering, average linkage). How sure a group is, is how sure its face that fits the rest least.
    """
    single = np.ones(len(scores))
    likely = one_person(scores, single, single) >= LIKELY
    if not likely.any():
        return []
    cut = float(scores[likely].min())
    found = [
        _newcomer(vectors, one_person, group)
        for rows in _chains(len(vectors), a[likely], b[likely])
        for group in _linked(vectors, images, rows[:_LARGEST], cut)
    ]
    return sorted(found, key=lambda one: (-len(one.faces), int(one.faces[0])))


def _chains(count: int, a: Int64Array, b: Int64Array) -> list[Int64Array]:
    """The connected components of two or more rows, by their first row."""
    head = np.arange(count)
    for one, two in zip(a.tolist(), b.tolist(), strict=True):
        while head[one] != one:
            head[one] = head[head[one]]
            one = int(head[one])
        while head[two] != two:
            head[two] = head[head[two]]
            two = int(head[two])
        head[max(one, two)] = min(one, two)
    for row in range(count):
        head[row] = head[head[row]]
    rows = np.argsort(head, kind="stable")
    return [part for part in np.split(rows, run_starts(head[rows])[1:]) if len(part) > 1]


def _linked(vectors: Float32Array, images: NDArray[np.integer], rows: Int64Array, cut: float) -> list[Int64Array]:
    """Groups of two or more of ``rows`` whose mean scores with each other reach ``cut``: average linkage by nearest-neighbour chains.

    Source: Murtagh 1983, The Computer Journal 26 (4): average linkage is reducible, so mutual nearest neighbours may be joined at once.
    """
    count = len(rows)
    alike = (vectors[rows] @ vectors[rows].T).astype(np.float64)
    # Two people in one photo stay two, whatever joins them.
    alike[images[rows][:, None] == images[rows][None, :]] = -np.inf
    size = np.ones(count)
    members: list[list[int]] = [[k] for k in range(count)]
    alive = np.ones(count, bool)
    chain: list[int] = []
    while True:
        if not chain:
            best = np.where(alive[:, None] & alive[None, :], alike, -np.inf)
            at = int(best.argmax())
            if not count or best.flat[at] < cut:
                break
            chain = [at // count]
        here = chain[-1]
        row = np.where(alive, alike[here], -np.inf)
        row[here] = -np.inf
        nearest = int(row.argmax())
        if row[nearest] < cut:
            # Nothing is near enough to the end of the chain: that group is done.
            alike[here, :] = alike[:, here] = -np.inf
            chain.pop()
            continue
        if len(chain) > 1 and row[chain[-2]] >= row[nearest]:
            one, two = sorted((here, chain[-2]))
            del chain[-2:]
            mixed = (size[one] * alike[one] + size[two] * alike[two]) / (size[one] + size[two])
            alike[one], alike[:, one] = mixed, mixed
            size[one] += size[two]
            members[one] += members[two]
            alive[two] = False
        else:
            chain.append(nearest)
    return [np.sort(rows[group]) for k, group in enumerate(members) if alive[k] and len(group) > 1]


def _newcomer(vectors: Float32Array, one_person: OnePerson, faces: Int64Array) -> Newcomer:
    scores = (vectors[faces] @ vectors[faces].T).astype(np.float64)
    pairs = scores[np.triu_indices(len(faces), 1)]
    rest = (scores.sum(axis=1) - scores.diagonal()) / (len(faces) - 1)
    sure = one_person(rest, np.ones(len(faces)), np.full(len(faces), len(faces) - 1.0))
    return Newcomer(faces, float(pairs.min()), float(pairs.max()), float(sure.min()))
