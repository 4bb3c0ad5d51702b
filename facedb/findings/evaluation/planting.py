"""Planting mistakes into the labels of a gallery, so that finding them can be measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facedb.core.records import Float32Array, Int64Array
from facedb.findings.duplicates import Hashes
from facedb.join.gallery import Gallery

KINDS = ("merge", "stray", "swap", "duplicate", "resaved")

# A photo saved again: score to the original and flipped bits of the hash as measured (see `confidence.of_copy`).
_RESAVED_SCORE = (0.97, 0.997)
_RESAVED_BITS = 2
_SPLIT_FROM = 4
_LEFT_BEHIND = 2


@dataclass(frozen=True, slots=True)
class Counts:
    """How many mistakes to plant: split identities, stray faces, swaps (two faces each), photos copied byte for byte, photos
    saved again."""

    merge: int = 0
    stray: int = 0
    swap: int = 0
    duplicate: int = 0
    resaved: int = 0


@dataclass(frozen=True, slots=True)
class Item:
    """One mistake that findings should name: ``kind`` as in KINDS (a swap is two items), the labels it is about and its rows.

    merge: the two labels of one person. stray and swap: the label the face is under and the one it belongs to; its row.
    duplicate and resaved: the labels of original and copy, and their rows. mixed (never planted): its label.
    """

    kind: str
    label_a: int
    label_b: int
    rows: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Remade:
    """The face of a picture that was altered and embedded again: its unit ``vector`` float32 (d,), the hash of the picture, and ``how``
    it was altered."""

    vector: Float32Array
    look: int
    how: str


Remake = Callable[[Sequence[int]], Mapping[int, Remade]]
"""Alters the pictures of rows of a gallery and embeds them again; leaves out those that show no face any more."""


@dataclass(frozen=True, slots=True)
class Planted:
    """A gallery with mistakes: its rows come from ``source`` (n,) of the clean one; ``items`` name rows of this gallery.

    ``altered`` are the rows whose picture was altered, and how.
    """

    gallery: Gallery
    hashes: Hashes
    source: Int64Array
    items: tuple[Item, ...]
    altered: Mapping[int, str]


def plant(gallery: Gallery, hashes: Hashes, counts: Counts, seed: int, remake: Remake | None = None) -> Planted:
    """Plant mistakes, the same for the same ``seed``; no face takes part in two of them.

    Split identities had at least four faces, and the new label takes half of them; a folder that a face is taken from
    keeps two at least. Copies go by turns into their own and into another folder. Photos saved again are those that ``remake`` gives
    back; without it, as for vectors that have no pictures, they have a vector that scores 0.97 to 0.997 with the original, and a hash
    with two bits flipped. Plants fewer where the gallery is too small for all.
    """
    rng = np.random.default_rng(seed)
    plot = _Plot(gallery, rng)
    plot.split(counts.merge)
    plot.move(counts.stray)
    plot.swap(counts.swap)
    copied, homes = plot.copy(counts.duplicate)
    again, homes_again = plot.copy(counts.resaved)
    remade: Mapping[int, Remade] = {}
    if remake is not None:
        remade = remake(again) if again else {}
        kept = [k for k, row in enumerate(again) if row in remade]
        again, homes_again = [again[k] for k in kept], [homes_again[k] for k in kept]
    return _grown(gallery, hashes, plot, copied + again, homes + homes_again, len(copied), remade, rng)


class _Plot:
    """The labels while they are being spoilt."""

    def __init__(self, gallery: Gallery, rng: np.random.Generator) -> None:
        self.labels = gallery.identity_ids.astype(np.int64)
        self.person = self.labels.copy()
        self.items: list[Item] = []
        self._rng = rng
        self._free = np.ones(len(gallery), bool)
        self._next = int(self.labels.max(initial=0)) + 1

    def split(self, count: int) -> None:
        names, sizes = np.unique(self.labels, return_counts=True)
        for name in self._rng.permutation(names[sizes >= _SPLIT_FROM])[:count].tolist():
            rows = self._rng.permutation(np.flatnonzero(self.labels == name))
            self.labels[rows[: len(rows) // 2]] = self._next
            self.items.append(Item("merge", name, self._next, ()))
            self._next += 1

    def move(self, count: int) -> None:
        for row in self._take(count):
            home = int(self.labels[row])
            self.labels[row] = self._elsewhere(row)
            self.items.append(Item("stray", int(self.labels[row]), home, (row,)))

    def swap(self, count: int) -> None:
        rows = self._take(2 * count)
        while len(rows) >= 2:
            one = rows.pop()
            two = next((r for r in rows if self.person[r] != self.person[one]), None)
            if two is None:
                break
            rows.remove(two)
            a, b = int(self.labels[one]), int(self.labels[two])
            self.labels[one], self.labels[two] = b, a
            self.items += [Item("swap", b, a, (one,)), Item("swap", a, b, (two,))]

    def copy(self, count: int) -> tuple[list[int], list[int]]:
        rows = self._take(count)
        return rows, [int(self.labels[r]) if k % 2 == 0 else self._elsewhere(r) for k, r in enumerate(rows)]

    def _take(self, count: int) -> list[int]:
        """Faces that take part in nothing yet and whose folder can spare them."""
        left = dict(zip(*(v.tolist() for v in np.unique(self.labels, return_counts=True)), strict=True))
        chosen: list[int] = []
        for row in self._rng.permutation(np.flatnonzero(self._free)).tolist():
            if len(chosen) == count:
                break
            if left[int(self.labels[row])] > _LEFT_BEHIND:
                left[int(self.labels[row])] -= 1
                chosen.append(row)
        self._free[chosen] = False
        return chosen

    def _elsewhere(self, row: int) -> int:
        other = np.unique(self.labels[self.person != self.person[row]])
        own = np.unique(self.labels[self.person == self.person[row]])
        other = other[~np.isin(other, own)] if len(np.setdiff1d(other, own)) else other
        return int(self._rng.choice(other)) if len(other) else int(self.labels[row])


def _grown(
    gallery: Gallery,
    hashes: Hashes,
    plot: _Plot,
    copied: list[int],
    homes: list[int],
    exact: int,
    remade: Mapping[int, Remade],
    rng: np.random.Generator,
) -> Planted:
    """The spoilt gallery with its copies, sorted by label as a scan wants it."""
    count, new = len(gallery), np.arange(len(copied))
    source = np.r_[np.arange(count), np.array(copied, np.int64)].astype(np.int64)
    look, content = hashes.look[source], hashes.content[source]
    labels = np.r_[plot.labels, np.array(homes, np.int64)]
    order = np.argsort(labels, kind="stable")
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    # Put into order in one go: the vectors are the bulk of the memory.
    vectors = gallery.vectors[source[order]]
    again = count + new[new >= exact]
    if remade:
        vectors[place[again]] = np.stack([remade[row].vector for row in source[again].tolist()])
    else:
        vectors[place[again]] = _resaved(vectors[place[again]], rng)
    fresh = int(content.max(initial=0)) + 1
    for k in new.tolist():
        row = count + k
        if k >= exact:
            content[row] = fresh + k
            if remade:
                look[row] = remade[copied[k]].look
                continue
            look[row] ^= np.int64(sum(1 << int(bit) for bit in rng.choice(63, _RESAVED_BITS, replace=False)))
        elif content[copied[k]] < 0:
            content[copied[k]] = content[row] = fresh + k
    groups = np.r_[gallery.image_ids.astype(np.int64), int(gallery.image_ids.max(initial=0)) + 1 + new]
    items = [Item(i.kind, i.label_a, i.label_b, tuple(int(place[r]) for r in i.rows)) for i in plot.items]
    items += [
        Item("duplicate" if k < exact else "resaved", int(labels[row]), home, (int(place[row]), int(place[count + k])))
        for k, (row, home) in enumerate(zip(copied, homes, strict=True))
    ]
    has_look: NDArray[np.bool_] = hashes.has_look[source]
    return Planted(
        Gallery(vectors, labels[order], groups[order]),
        Hashes(content[order], look[order], has_look[order]),
        source[order],
        tuple(items),
        {int(place[row]): remade[int(source[row])].how for row in again.tolist()} if remade else {},
    )


def _resaved(vectors: Float32Array, rng: np.random.Generator) -> Float32Array:
    """Unit vectors that score between the two ends of _RESAVED_SCORE with ``vectors`` (m, d)."""
    wanted = rng.uniform(*_RESAVED_SCORE, len(vectors))[:, None]
    noise = rng.standard_normal(vectors.shape)
    noise -= np.einsum("ij,ij->i", noise, vectors)[:, None] * vectors
    noise /= np.maximum(np.linalg.norm(noise, axis=1, keepdims=True), 1e-12)
    mixed = wanted * vectors + np.sqrt(1 - wanted**2) * noise
    return np.asarray(mixed / np.linalg.norm(mixed, axis=1, keepdims=True), np.float32)
