"""Merges and look-alikes: what the pairs between two folders say once strays, copies and second persons are taken out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facedb.core.finding import LIKELY, Kind, Role
from facedb.core.lookup import run_starts
from facedb.core.records import Float32Array, Float64Array, Int64Array
from facedb.findings.cores.folders import Folders
from facedb.findings.cores.shown_together import Company
from facedb.findings.finding_table import FindingTable, Members, table
from facedb.findings.flagged import Pairs
from facedb.findings.folder_study import FolderStudy
from facedb.findings.linkage import complete_linkage
from facedb.findings.links import Links, between, roll_up
from facedb.findings.names.evidence import Names
from facedb.join.score import pair_scores

BELOW_AT_MOST = 0.9
"""A merge that no flagged pair speaks for is one to look at: names do not make it certain."""
REPORTED_FROM = 0.1
"""Pairs found by their names alone are reported from this confidence on."""
CHANCE_AT_MOST = 0.1
"""And only where at most this many of all pairs whose names agree are expected to score as high by chance."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """Links between folders ``a`` < ``b`` (indices of `Folders`, (m,)) with the sameness of their cores and the confidence
    that they are one person; ``by_faces`` and ``relatives`` are the probabilities of one person and of relatives without company and
    names."""

    links: Links
    a: Int64Array
    b: Int64Array
    sameness: Float64Array
    confidence: Float64Array
    by_faces: Float64Array
    relatives: Float64Array

    def merges(self) -> NDArray[np.bool_]:
        """Which links say *one person*."""
        return np.asarray(self.confidence >= LIKELY)


def compare_cores(study: FolderStudy, seen: Company, flagged: Iterable[Pairs]) -> Likeness:
    """Roll ``flagged`` pairs, those of a link in one part, up to links and compare the cores of their two folders."""
    parts, who, odds = study.parts, study.who, study.odds
    # The likeness of two cores does not rest on the mean vectors of whole folders.
    links = roll_up(None, parts, between(parts, flagged))
    a, b = np.searchsorted(parts.labels, links.identity_a), np.searchsorted(parts.labels, links.identity_b)
    sameness = who.core_sameness(a, b)
    sameness[(who.faces[a] == 0) | (who.faces[b] == 0)] = 0.0
    by_faces, relatives = odds.shares(who, who.core_scores(a, b), a, b)
    sure = seen.weigh(odds, by_faces, relatives, links.identity_a, links.identity_b)
    sure[(who.faces[a] == 0) | (who.faces[b] == 0)] = 0.0
    return Likeness(links, a, b, sameness, sure, by_faces, relatives)


def namesakes(
    vectors: Float32Array, study: FolderStudy, known: Names, linked: Likeness, hidden: NDArray[np.bool_]
) -> FindingTable:
    """Merges of identities whose names agree and that no flagged pair links, as ones to look at.

    Their confidence weighs the score against what chance gives among all pairs with such names, and none is reported that chance gives as
    readily among them, so names alone tell nothing.

    ``linked`` are the links, ``hidden`` bool (n,) rows whose pairs are explained already.
    """
    parts, who, odds, links = study.parts, study.who, study.odds, linked.links
    labels = np.array([(*pair, level) for pair, level in sorted(known.close.items())], np.int64).reshape(-1, 3)
    there = np.isin(labels[:, 0] << 32 | labels[:, 1], links.identity_a << 32 | links.identity_b)
    labels = labels[~there & np.isin(labels[:, :2], parts.labels).all(axis=1)]
    a, b = np.searchsorted(parts.labels, labels[:, 0]), np.searchsorted(parts.labels, labels[:, 1])
    full = (who.faces[a] > 0) & (who.faces[b] > 0)
    a, b, level = a[full], b[full], labels[full, 2]
    score = who.core_scores(a, b)
    one, relatives = odds.shares(who, score, a, b)
    weights = known.weights(
        np.r_[linked.by_faces, one],
        np.r_[linked.relatives, relatives],
        np.r_[known.levels(links.identity_a, links.identity_b), level],
    )
    sure = np.minimum(weights.weigh(one, relatives, level), BELOW_AT_MOST)
    by_chance = len(a) * odds.strangers.survival(score, who.faces[a], who.faces[b])
    shown = (sure >= REPORTED_FROM) & (by_chance <= CHANCE_AT_MOST)
    a, b, sure = a[shown], b[shown], sure[shown]
    best = [_best_between(vectors, parts, hidden, one, two) for one, two in zip(a.tolist(), b.tolist(), strict=True)]
    best_a, best_b = (np.array([pair[side] for pair in best], np.int64) for side in (0, 1))
    at = np.arange(len(a))
    return table(
        Kind.MERGE,
        sure,
        Members.of(np.r_[at, at], np.r_[best_a, best_b], Role.EXAMPLE),
        identity_a=parts.labels[a],
        identity_b=parts.labels[b],
        faces_a=1,
        faces_b=1,
        size_a=parts.sizes[a],
        size_b=parts.sizes[b],
        max_score=pair_scores(vectors, best_a, best_b),
        mean_score=who.core_scores(a, b),
        sameness=who.core_sameness(a, b),
    )


def _best_between(
    vectors: Float32Array, parts: Folders, hidden: NDArray[np.bool_], one: int, two: int
) -> tuple[int, int]:
    """The rows of the highest pair of two folders, without those that are explained already unless nothing else is left."""
    sides = []
    for folder in (one, two):
        rows = parts.rows(folder)
        sides.append(rows[~hidden[rows]] if not hidden[rows].all() else rows)
    score = vectors[sides[0]] @ vectors[sides[1]].T
    i, j = np.unravel_index(int(score.argmax()), score.shape)
    return int(sides[0][i]), int(sides[1][j])


def find_likenesses(likeness: Likeness, chosen: NDArray[np.bool_]) -> FindingTable:
    """Merges and look-alikes as findings, of the links that are ``chosen`` (m,).

    Merges get groups by complete linkage over their sameness: ``group`` is that of a merge whose two ends share one, so
    that a chain A - B - C without A - C stays two findings of which at most one has a group of its two ends.
    """
    links = likeness.links
    kept = np.flatnonzero(chosen)
    merge = likeness.merges()[kept]
    a, b = likeness.a[kept], likeness.b[kept]
    of_folder, lowest_of = complete_linkage(a[merge], b[merge], likeness.sameness[kept][merge])
    group, lowest = np.zeros(len(kept), np.int64), np.full(len(kept), np.nan)
    for k in np.flatnonzero(merge).tolist():
        one, two = of_folder.get(int(a[k]), 0), of_folder.get(int(b[k]), 0)
        if one and one == two:
            group[k], lowest[k] = one, lowest_of[one]
    at = np.arange(len(kept))
    members = Members.of(
        np.r_[at, at],
        np.r_[links.best_a[kept], links.best_b[kept]],
        Role.EXAMPLE,
    )
    found = table(
        Kind.LOOK_ALIKE,
        likeness.confidence[kept],
        members,
        identity_a=links.identity_a[kept],
        identity_b=links.identity_b[kept],
        faces_a=links.faces_a[kept],
        faces_b=links.faces_b[kept],
        size_a=links.size_a[kept],
        size_b=links.size_b[kept],
        max_score=links.max_score[kept],
        mean_score=links.mean_score[kept],
        sameness=likeness.sameness[kept],
        group=group,
        lowest=lowest,
    )
    found.kind[merge] = Kind.MERGE
    return found


def find_single_images(study: FolderStudy, likeness: Likeness) -> tuple[NDArray[np.bool_], FindingTable]:
    """A folder of one image that is another, larger identity is a stray of it: which links say so, and as findings.

    Of several such links of one image only the likest is a stray. Where the larger folder holds different faces, each is as likely as the
    others the one that the folder is of: what is like the single image is then likelier a stray of that.
    """
    parts, who = study.parts, study.who
    size_a, size_b = parts.sizes[likeness.a], parts.sizes[likeness.b]
    chosen = likeness.merges() & ((size_a == 1) != (size_b == 1))
    links = likeness.links
    image = np.where(size_a == 1, links.best_a, links.best_b)
    at = np.flatnonzero(chosen)
    at = at[np.lexsort((-likeness.sameness[at], image[at]))]
    at = np.sort(at[run_starts(image[at])])
    single = np.zeros(len(likeness.a), bool)
    single[at] = True
    larger = np.where(size_a[at] == 1, likeness.b[at], likeness.a[at])
    right = np.where(who.faces[larger] == 1, 1.0 / parts.sizes[larger], 1.0)
    is_a = (size_a[at] == 1) == (right >= LIKELY)
    home, other = np.where(is_a, likeness.a[at], likeness.b[at]), np.where(is_a, likeness.b[at], likeness.a[at])
    count = np.arange(len(at))
    wrong, nearest = np.where(is_a, [links.best_a[at], links.best_b[at]], [links.best_b[at], links.best_a[at]])
    return single, table(
        Kind.STRAY,
        likeness.confidence[at] * np.maximum(right, 1 - right),
        Members.of(np.r_[count, count], np.r_[wrong, nearest], np.repeat([Role.WRONG, Role.EXAMPLE], len(at))),
        identity_a=parts.labels[home],
        identity_b=parts.labels[other],
        faces_a=1,
        faces_b=np.where(is_a, links.faces_b[at], links.faces_a[at]),
        size_a=parts.sizes[home],
        size_b=parts.sizes[other],
        max_score=links.max_score[at],
        mean_score=links.mean_score[at],
        sameness=likeness.sameness[at],
    )
