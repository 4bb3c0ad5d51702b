"""Duplicates: the same photo twice, by the bytes of the files, or because one picture can be laid over the other.

Where pictures are missing, perceptual hash and score together must do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facedb.core.finding import CERTAIN, SUREST, Kind, Role
from facedb.core.lookup import run_numbers, run_starts
from facedb.core.records import Float32Array, Float64Array, Int64Array
from facedb.findings.confidence import of_copy
from facedb.findings.cores.folders import Folders
from facedb.findings.finding_table import FindingTable, Members, table
from facedb.findings.flagged import Pairs
from facedb.findings.linkage import complete_linkage
from facedb.findings.pictures.agreement import FROM, sureness
from facedb.findings.pictures.candidates import FAR_BITS, FAR_LEAST, FAR_SHARE, alike_by_hash, nearest_bits
from facedb.findings.pictures.same_photo import Pictures, look
from facedb.join.score import pair_scores

NEAR = 0.93
"""Without their pictures, pairs below this score are never copies."""
_SAME_BYTES = 0.9
_FROM = 0.5
EQUAL = SUREST
"""The confidence of copies with equal bytes."""
NEAR_EQUAL = 0.999


@dataclass(frozen=True, slots=True)
class Hashes:
    """What is known of the files of the rows (n,): ``content`` int64, equal for files with equal bytes, -1 unknown;
    ``look`` int64, the 64-bit perceptual hash, meaningless where ``has_look`` is False."""

    content: Int64Array
    look: Int64Array
    has_look: NDArray[np.bool_]

    @classmethod
    def none(cls, count: int) -> Hashes:
        """For vectors that came without images."""
        return cls(np.full(count, -1, np.int64), np.zeros(count, np.int64), np.zeros(count, bool))

    def distance(self, rows_a: Int64Array, rows_b: Int64Array) -> Int64Array:
        """Hamming distance of the perceptual hashes (m,), -1 where one is unknown."""
        bits = np.bitwise_count(self.look[rows_a] ^ self.look[rows_b]).astype(np.int64)
        return np.where(self.has_look[rows_a] & self.has_look[rows_b], bits, -1)


@dataclass(frozen=True, slots=True)
class Copies:
    """The groups of copies as a ``table``, and the pairs of pictures that were looked at for them: their ``agreements`` (m,) and as how
    much each counts in ``parts`` (m,), as `sureness` takes them."""

    table: FindingTable
    agreements: Float64Array
    parts: Float64Array


def find_copies(
    vectors: Float32Array,
    images: NDArray[np.integer],
    parts: Folders,
    hashes: Hashes,
    candidates: Pairs,
    pictures: Pictures | None = None,
) -> Copies:
    """Groups of copies out of ``candidates`` (m,), those within folders and across, equal files, and pairs with like hashes.

    Equal bytes are certain; of other pairs the ``pictures`` decide, where both are there. A group holds only images that are copies
    of each other, every one of every other (by their pictures: directly or through others of the group); each is there with one
    face, however many it shows. Confidence and scores of a group are those of its weakest pair, and of two images those of their
    most alike faces. ``max_score`` is the highest score, ``mean_score`` the lowest.
    """
    image = _first_row_of_image(images)
    same_a, same_b = equal_files(hashes.content, image)
    rows_a, rows_b, scores = candidates.rows_a, candidates.rows_b, candidates.scores
    if pictures is None:
        kept = of_copy(scores.astype(np.float64), hashes.distance(rows_a, rows_b)) >= _FROM
        rows_a, rows_b = rows_a[kept], rows_b[kept]
    else:
        heads = np.unique(image)
        one, two = alike_by_hash(pictures.views[heads])
        rows_a, rows_b = np.r_[rows_a, heads[one]], np.r_[rows_b, heads[two]]
    a, b = np.r_[same_a, rows_a], np.r_[same_b, rows_b]
    a, b = np.minimum(a, b), np.maximum(a, b)
    _, first = np.unique(a * max(len(vectors), 1) + b, return_index=True)
    a, b = a[first], b[first]
    apart = images[a] != images[b]
    a, b = a[apart], b[apart]
    score = pair_scores(vectors, a, b)
    distance = hashes.distance(a, b)
    content = (hashes.content[a] >= 0) & (hashes.content[a] == hashes.content[b])
    equal = content & (score >= _SAME_BYTES)
    by_score = np.where(score >= NEAR, np.minimum(of_copy(score, distance), NEAR_EQUAL), 0.0)
    seen = np.full(len(a), np.nan)
    if pictures is not None:
        far = nearest_bits(pictures.views, a, b) > FAR_BITS
        near = ~content & ~far
        near[far] = _likest(image[a[far]], image[b[far]], score[far], max(FAR_LEAST, len(heads) // FAR_SHARE))
        seen[~content] = 0.0
        seen[near] = _looked_at(pictures, images, a[near], b[near], score[near], far[near])
    looked, counts = np.nan_to_num(seen), pair_shares(image[a], image[b], seen)
    by_look = np.minimum(sureness(looked, counts), NEAR_EQUAL)
    sure = np.where(equal, EQUAL, np.where(np.isnan(seen), by_score, by_look))
    kept = sure >= _FROM
    a, b, score, distance, sure, seen = a[kept], b[kept], score[kept], distance[kept], sure[kept], seen[kept]
    a, b, best = _pairs_of_images(image[a], image[b], sure, score)
    score, distance, sure, seen = score[best], distance[best], sure[best], seen[best]
    return Copies(_grouped(parts, hashes, a, b, score, distance, sure, seen), looked, counts)


def proven_across(copies: FindingTable) -> NDArray[np.bool_]:
    """Which ``copies`` (m,) in two folders are told as that and not as strays: equal files, and pictures that one can be laid over."""
    seen = (copies.agreement >= FROM) & (copies.confidence >= CERTAIN)
    return (copies.identity_b >= 0) & ((copies.confidence >= EQUAL) | seen)


def _likest(a: Int64Array, b: Int64Array, score: Float64Array, most: int) -> NDArray[np.bool_]:
    """Which pairs of images (m,) have the highest score of all that one of the two is in, ``most`` of them."""
    order = np.lexsort((b, a, -score))
    _, first = np.unique(np.stack([a[order], b[order]], axis=1), return_index=True)
    found = np.zeros(len(a), bool)
    found[order[np.unique(first // 2)[:most]]] = True
    return found


def pair_shares(a: Int64Array, b: Int64Array, seen: Float64Array) -> Float64Array:
    """How much each pair of images (m,) counts, by what was ``seen`` of it: all pairs between the copies of one photo and those of another
    count as one, since they say the same thing."""
    copies = seen >= FROM
    images = int(max(a.max(initial=0), b.max(initial=0))) + 1
    head = _heads(images, a[copies], b[copies])
    one, two = np.minimum(head[a], head[b]), np.maximum(head[a], head[b])
    _, of_pair, count = np.unique(one * images + two, return_inverse=True, return_counts=True)
    return np.asarray(1.0 / count[of_pair])


def _looked_at(
    pictures: Pictures,
    images: NDArray[np.integer],
    a: Int64Array,
    b: Int64Array,
    score: Float64Array,
    far: NDArray[np.bool_],
) -> Float64Array:
    """The agreement of the pictures of pairs of rows (m,), NaN where one is missing; each pair of images is looked at once."""
    one = np.minimum(images[a], images[b]).astype(np.int64)
    two = np.maximum(images[a], images[b]).astype(np.int64)
    order = np.lexsort((-score, two, one))
    starts = run_starts(one[order], two[order])
    first = order[starts]
    found = look(pictures, one[first], two[first], score[first], far[first])
    seen = np.empty(len(a))
    seen[order] = found[run_numbers(starts, len(order))]
    return seen


def _first_row_of_image(images: NDArray[np.integer]) -> Int64Array:
    """For every row (n,) the first row of the same image, which stands for it."""
    _, first, of_image = np.unique(images, return_index=True, return_inverse=True)
    rows: Int64Array = first[of_image].astype(np.int64)
    return rows


def _pairs_of_images(
    a: Int64Array, b: Int64Array, sure: Float64Array, score: Float64Array
) -> tuple[Int64Array, Int64Array, Int64Array]:
    """Each pair of images once, the smaller row first, and which of the given pairs is the most alike one."""
    a, b = np.minimum(a, b), np.maximum(a, b)
    order = np.lexsort((-score, -sure, b, a))
    best = order[run_starts(a[order], b[order])]
    return a[best], b[best], best


def equal_files(content: Int64Array, image: Int64Array) -> tuple[Int64Array, Int64Array]:
    """The first face of every image with that of the first image of the same content: k - 1 pairs for k copies.

    ``image`` int64 (n,) is the first row of each row's image: a model finds in equal bytes the same face first.
    """
    rows = np.flatnonzero((content >= 0) & (image == np.arange(len(image))))
    rows = rows[np.argsort(content[rows], kind="stable")]
    starts = run_starts(content[rows])
    head = rows[starts[run_numbers(starts, len(rows))]]
    return np.delete(head, starts), np.delete(rows, starts)


def _heads(count: int, a: Int64Array, b: Int64Array) -> Int64Array:
    """For each of ``count`` rows the first row that pairs (m,) join it to, itself where none does."""
    head = np.arange(count)
    for one, two in zip(a.tolist(), b.tolist(), strict=True):
        while head[one] != one:
            one = int(head[one])
        while head[two] != two:
            two = int(head[two])
        head[max(one, two)] = min(one, two)
    for row in np.flatnonzero(head != np.arange(count)).tolist():
        head[row] = head[head[row]]
    return head


def _grouped(
    parts: Folders,
    hashes: Hashes,
    a: Int64Array,
    b: Int64Array,
    score: Float64Array,
    distance: Int64Array,
    sure: Float64Array,
    seen: Float64Array,
) -> FindingTable:
    # Copies byte for byte, and those whose pictures agree, count as one node, so that a thousand of them need no million pairs.
    equal = (hashes.content[a] >= 0) & (hashes.content[a] == hashes.content[b]) | (seen >= FROM)
    node = _heads(len(hashes.content), a[equal], b[equal])
    group, _ = complete_linkage(node[a[~equal]], node[b[~equal]], sure[~equal])
    rows = np.unique(np.r_[a, b])
    key = np.array([group.get(int(node[r]), -int(node[r]) - 1) for r in rows], np.int64)
    of_row = dict(zip(rows.tolist(), key.tolist(), strict=True))
    inside = np.array([of_row[int(x)] == of_row[int(y)] for x, y in zip(a, b, strict=True)], bool)
    keys, at = np.unique(key, return_inverse=True)
    pair_at = np.searchsorted(keys, [of_row[int(x)] for x in a[inside]]) if len(a) else np.empty(0, np.int64)
    several = np.bincount(pair_at, minlength=len(keys)) > 0
    low, high, weakest = np.full(len(keys), 2.0), np.full(len(keys), -2.0), np.full(len(keys), 1.0)
    bits = np.full(len(keys), -1, np.int64)
    agreed = np.full(len(keys), np.inf)
    np.minimum.at(low, pair_at, score[inside])
    np.maximum.at(high, pair_at, score[inside])
    np.minimum.at(weakest, pair_at, sure[inside])
    np.maximum.at(bits, pair_at, distance[inside])
    np.fmin.at(agreed, pair_at, seen[inside])
    agreed[np.isinf(agreed)] = np.nan
    place = np.cumsum(several) - 1
    members = several[at]
    rows, at = rows[members], place[at[members]]
    # By folder, as the rows of an incremental scan are in another order than those of a full one.
    order = np.lexsort((rows, parts.folder_of[rows], at))
    rows, at = rows[order], at[order]
    starts = np.searchsorted(at, np.arange(several.sum()))
    folder = parts.folder_of[rows]
    home = folder[starts] if len(rows) else np.empty(0, np.int64)
    away = np.full(len(home), -1, np.int64)
    foreign = np.flatnonzero(folder != home[at]) if len(rows) else np.empty(0, np.int64)
    away[at[foreign[::-1]]] = folder[foreign[::-1]]
    at_home = np.bincount(at[folder == home[at]], minlength=len(home)) if len(rows) else np.empty(0, np.int64)
    there = np.bincount(at[folder == away[at]], minlength=len(home)) if len(rows) else np.empty(0, np.int64)
    return table(
        Kind.DUPLICATE,
        weakest[several],
        Members.of(at, rows, Role.COPY),
        identity_a=parts.labels[home] if len(home) else np.empty(0),
        identity_b=np.where(away >= 0, parts.labels[away], -1),
        faces_a=at_home,
        faces_b=there,
        size_a=parts.sizes[home],
        size_b=np.where(away >= 0, parts.sizes[away], 0),
        max_score=high[several],
        mean_score=low[several],
        distance=bits[several],
        equal=weakest[several] >= EQUAL,
        agreement=agreed[several],
    )
