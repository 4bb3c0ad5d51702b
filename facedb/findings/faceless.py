"""Faceless copies: photos in which no face was found, reported where they are copies of another photo, as by being turned or cropped.

They have no score with anything. Their hashes propose pairs, and the pictures decide, by what pictures of this dataset reach.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facedb.core.finding import LIKELY, Kind, Role
from facedb.core.records import Float64Array, Int64Array
from facedb.findings.duplicates import EQUAL, NEAR_EQUAL, Copies, equal_files, pair_shares
from facedb.findings.finding_table import FindingTable, Members, table
from facedb.findings.pictures.agreement import sureness
from facedb.findings.pictures.candidates import alike_by_hash, nearest_bits
from facedb.findings.pictures.same_photo import Pictures, look

_MATES = 8
_MOST = 1_000
"""Cropped until no face is left, a copy has another hash: so of those without a near one a thousand are laid over the likest of their own
folder, each over its first before any over its second, a thousand pairs in all, of which each takes 10 ms."""
_DIGITS = 2
"""Agreements that differ by less say nothing of which of several copies a photo was made from."""


@dataclass(frozen=True, slots=True)
class Faceless:
    """The photos behind all rows (n,), those from row ``first`` on without a face: ``images`` and ``labels`` (-1: none), keys, and
    ``content`` as in `Hashes`, int64 each."""

    first: int
    images: Int64Array
    labels: Int64Array
    content: Int64Array


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Pairs of rows (m,), ``a`` < ``b``, that are ``sure`` to be copies, by their ``agreement`` (1: equal bytes)."""

    a: Int64Array
    b: Int64Array
    sure: Float64Array
    agreement: Float64Array


def find_faceless_copies(photos: Faceless, pictures: Pictures, copies: Copies) -> FindingTable:
    """Groups of copies of one photo, each of photos without a face and at most one with a face, the likest of those that there are.

    ``pictures`` are those of all rows, ``copies`` what was found among the others: how far their pictures agreed is evidence here too.
    """
    found = _copied(photos, pictures, copies)
    joined = _joined(photos, found)
    group = np.array([row for row, _ in joined], np.int64)
    pair = np.array([k for _, k in joined], np.int64)
    heads, at = np.unique(group, return_inverse=True)
    weakest, agreed = np.full(len(heads), EQUAL), np.full(len(heads), 1.0)
    np.minimum.at(weakest, at, found.sure[pair])
    np.minimum.at(agreed, at, found.agreement[pair])
    # Each pair that joins two groups adds a photo: all but the head are there once as one of its ends.
    rows, finding = _members(heads, at, found.a[pair], found.b[pair])
    label = photos.labels[rows]
    order = np.lexsort((photos.images[rows], rows >= photos.first, label < 0, finding))
    starts = np.searchsorted(finding[order], np.arange(len(heads)))
    home = label[order[starts]] if len(heads) else np.empty(0, np.int64)
    away = np.full(len(heads), -1, np.int64)
    other = order[(label[order] >= 0) & (label[order] != home[finding[order]])][::-1]
    away[finding[other]] = label[other]
    sizes = _sizes(photos)
    loose = np.bincount(finding[label < 0], minlength=len(heads))
    return table(
        Kind.DUPLICATE,
        weakest,
        Members.of(finding, rows, Role.COPY),
        identity_a=home,
        identity_b=away,
        faces_a=np.bincount(finding[label == home[finding]], minlength=len(heads)),
        faces_b=np.bincount(finding[(label >= 0) & (label == away[finding])], minlength=len(heads)),
        size_a=[sizes.get(key, 0) for key in home.tolist()],
        size_b=[sizes.get(key, 0) if key >= 0 else 0 for key in away.tolist()],
        equal=weakest >= EQUAL,
        agreement=agreed,
        outside=loose,
    )


def _copied(photos: Faceless, pictures: Pictures, copies: Copies) -> _Pairs:
    """The pairs of photos, of which one at least is without a face, that are likely to be copies."""
    _, heads, of_image = np.unique(photos.images, return_index=True, return_inverse=True)
    one, two = alike_by_hash(pictures.views[heads], heads >= photos.first)
    same_a, same_b = equal_files(photos.content, heads[of_image])
    a, b = np.r_[same_a, heads[one]], np.r_[same_b, heads[two]]
    mates_a, mates_b = _mates(photos, pictures, heads, np.r_[a, b])
    a, b = np.r_[a, mates_a], np.r_[b, mates_b]
    a, b = np.unique(np.stack([np.minimum(a, b), np.maximum(a, b)]), axis=1)
    a, b = a[b >= photos.first], b[b >= photos.first]
    same = (photos.content[a] >= 0) & (photos.content[a] == photos.content[b])
    agreement = np.ones(len(a))
    x, y = a[~same], b[~same]
    bits = nearest_bits(pictures.views, x, y)
    agreement[~same] = np.nan_to_num(look(pictures, photos.images[x], photos.images[y], -bits.astype(np.float64)))
    shares = pair_shares(a, b, agreement)
    every = sureness(np.r_[copies.agreements, agreement[~same]], np.r_[copies.parts, shares[~same]])
    sure = np.full(len(a), EQUAL)
    sure[~same] = np.minimum(every[len(copies.agreements) :], NEAR_EQUAL)
    kept = sure >= LIKELY
    return _Pairs(a[kept], b[kept], sure[kept], agreement[kept])


def _mates(photos: Faceless, pictures: Pictures, heads: Int64Array, known: Int64Array) -> tuple[Int64Array, Int64Array]:
    """Pairs of photos without a face that are none of ``known`` with those of their own folder whose hashes are nearest, some of each."""
    lone = np.setdiff1d(heads[heads >= photos.first], known)
    lone = lone[(photos.labels[lone] >= 0) & (pictures.views[lone, 0] != 0)]
    lone = lone[np.argsort(photos.images[lone])][:_MOST]
    by_label = heads[np.argsort(photos.labels[heads], kind="stable")]
    labels = photos.labels[by_label]
    first, end = (np.searchsorted(labels, photos.labels[lone], side=side) for side in ("left", "right"))
    a, b, turn, bits = (np.empty(0, np.int64) for _ in range(4))
    for row, start, stop in zip(lone.tolist(), first.tolist(), end.tolist(), strict=True):
        others = by_label[start:stop]
        others = others[(others != row) & (pictures.views[others, 0] != 0)]
        apart = nearest_bits(pictures.views, np.full(len(others), row), others)
        nearest = np.lexsort((photos.images[others], apart))[:_MATES]
        a, b = np.r_[a, np.full(len(nearest), row)], np.r_[b, others[nearest]]
        turn, bits = np.r_[turn, np.arange(len(nearest))], np.r_[bits, apart[nearest]]
    chosen = np.lexsort((photos.images[b], photos.images[a], bits, turn))[:_MOST]
    return a[chosen], b[chosen]


def _joined(photos: Faceless, found: _Pairs) -> list[tuple[int, int]]:
    """The pairs that make groups of copies, as the head of the group and the number of the pair: the likest join first (Kruskal 1956), and
    none of them two photos that both have a face. Of photos that agree alike one of the same folder is taken."""
    a, b = found.a, found.b
    order = np.lexsort(
        (photos.images[b], photos.images[a], photos.labels[a] != photos.labels[b], -np.round(found.agreement, _DIGITS))
    )
    above: dict[int, int] = {}

    def head(row: int) -> int:
        while row in above:
            row = above[row]
        return row

    joining = []
    for k in order.tolist():
        one, two = sorted((head(int(a[k])), head(int(b[k]))))
        # The head of a group that has a photo with a face is that, as those come first.
        if one != two and two >= photos.first:
            above[two] = one
            joining.append(k)
    return [(head(int(a[k])), k) for k in joining]


def _members(heads: Int64Array, group: Int64Array, a: Int64Array, b: Int64Array) -> tuple[Int64Array, Int64Array]:
    """Every row of each group once, and the group it is in."""
    both = np.stack([np.r_[group, group], np.r_[a, b]])
    at, rows = np.unique(both, axis=1) if len(heads) else (np.empty(0, np.int64), np.empty(0, np.int64))
    return rows.astype(np.int64), at.astype(np.int64)


def _sizes(photos: Faceless) -> dict[int, int]:
    """How many photos there are of each label."""
    _, heads = np.unique(photos.images, return_index=True)
    labels, counts = np.unique(photos.labels[heads], return_counts=True)
    return dict(zip(labels.tolist(), counts.tolist(), strict=True))
