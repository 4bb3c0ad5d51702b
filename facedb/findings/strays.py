"""Strays and mixed folders: single faces that belong elsewhere, and folders that hold a second person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from facedb.core.finding import LIKELY, SUREST, Kind, Role
from facedb.core.records import Float32Array, Float64Array, Int64Array
from facedb.findings.cores.asides import Asides
from facedb.findings.cores.folders import Folders
from facedb.findings.cores.peel import Peeled
from facedb.findings.cores.persons import best_other, mean_scores
from facedb.findings.finding_table import FindingTable, Members, table
from facedb.findings.folder_study import FolderStudy
from facedb.findings.odds.bad_photos import discounted
from facedb.join.score import pair_scores

_FROM = 0.25
"""Less likely strays and second persons are not reported: chosen by hand."""
_NAMED_FROM = 0.05
"""The same of strays whose own folder is named: they are ranked among look-alikes that are reported however unlikely they are."""
_ROUNDS = 20
_JEFFREYS = 0.5
_MOST_OF_STRANGER = 0.9
"""The most that is said of a face that looks like nobody here, as a bad photo does: an assumption, not measured."""
_MOST_OF_TWO = 0.5
"""The same where the folder has one other face, which may as well be the stranger."""


@dataclass(frozen=True, slots=True)
class Suspects:
    """Faces that may be strays: ``rows`` int64 (m,), the foreign folder ``other`` int64 (m,) that each is likest to, -1 where there is
    none, and the sameness of the ``runner_up`` float64 (m,) to it."""

    rows: Int64Array
    other: Int64Array
    runner_up: Float64Array

    @classmethod
    def join(cls, parts: Sequence[Suspects]) -> Self:
        """All ``parts`` as one."""
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in cls.__slots__))


@dataclass(frozen=True, slots=True)
class _Rivals:
    """The suspects ``at`` (m,) that have one other face alone to be measured against, and of that face the foreign ``folder`` (m,) that it
    is likest to (-1: none) with its mean ``score`` (m,) to that."""

    at: Int64Array
    folder: Int64Array
    score: Float64Array


def find_mixed(study: FolderStudy, asides: Asides, second: Int64Array) -> FindingTable:
    """Mixed folders: ``second`` are the sets (indices into ``asides``) that count as a second person of their folder.

    ``identity_b`` is the folder that the second person belongs to, if any; ``mean_score`` the mean score between the two
    groups, ``own_score`` the one inside the second group, ``faces_a`` its faces. The confidence is as that of strays, and the folder
    named as surely as its core is whom it is of (`_right`).
    """
    parts, peeled, who, odds = study.parts, study.peeled, study.who, study.odds
    folder, size = asides.folder[second], asides.faces[second]
    own, score, other = asides.between_score[second], asides.other.score[second], asides.other.folder[second]
    to_other, to_nobody = odds.of_strays(
        who, folder, own, who.faces[folder], other, np.nan_to_num(score), np.maximum(size, 1)
    )
    none = np.zeros(len(second))
    elsewhere, nobody = _shares(to_other / max(odds.folders - 1, 1), to_nobody, (none, none), len(peeled.group))
    right = _right(study, other)
    elsewhere, nobody = elsewhere * right, nobody + elsewhere * (1 - right)
    known = (other >= 0) & (elsewhere >= nobody)
    # One person in profile looks like a second one too, unless that one is known from elsewhere.
    sure = np.maximum(np.where(known, elsewhere, 0.0), np.minimum(elsewhere + nobody, _MOST_OF_STRANGER))
    kept = sure >= _FROM
    second, sure, known, folder = second[kept], sure[kept], known[kept], folder[kept]
    other = np.where(known, asides.other.folder[second], -1)
    place = np.full(len(asides.faces), -1, np.int64)
    place[second] = np.arange(len(second))
    mine = place[asides.at] >= 0
    rows, at = asides.rows[mine], place[asides.at[mine]]
    return table(
        Kind.MIXED,
        sure,
        Members.of(at, rows, Role.WRONG),
        identity_a=parts.labels[folder],
        identity_b=np.where(known, parts.labels[other], -1),
        faces_a=asides.faces[second],
        size_a=parts.sizes[folder],
        size_b=np.where(known, parts.sizes[other], 0),
        max_score=_best_to_core(peeled, rows, at, len(second)),
        mean_score=asides.between_score[second],
        own_score=asides.own[second],
        sameness=asides.between[second],
        margin=np.where(known, asides.other.sameness[second] - asides.between[second], np.nan),
    )


def _best_to_core(peeled: Peeled, rows: Int64Array, at: Int64Array, count: int) -> Float64Array:
    highest = np.full(count, -2.0)
    np.maximum.at(highest, at, np.nan_to_num(peeled.own_best[rows], nan=-2.0))
    return np.where(highest > -2.0, highest, np.nan)


def find_strays(
    vectors: Float32Array,
    study: FolderStudy,
    suspects: Suspects,
    nearest: Int64Array,
    sharpness: Float64Array | None = None,
) -> FindingTable:
    """Strays among the ``suspects``.

    ``nearest`` (m,) is the row of the other folder with a flagged pair to each, -1 where there is none. The confidence is the
    probability that the face belongs to the other folder, or that it belongs to none, whichever says more (`_stories`).
    ``own_best`` and ``spread`` say how the rest of the folder scores. ``sharpness`` (n,) of all faces: a blurred one looks like nobody.
    """
    parts, peeled, who = study.parts, study.peeled, study.who
    rows, other = suspects.rows, suspects.other
    folder = parts.folder_of[rows]
    own_score = peeled.own_mean[rows].astype(np.float64)
    own = who.sameness(own_score, who.cohesion[folder], who.cohesion[folder])
    there = np.maximum(other, 0)
    score = np.where(other >= 0, mean_scores(who, vectors, rows, there), np.nan)
    like = np.where(other >= 0, who.sameness(score, who.cohesion[there], who.cohesion[there]), -1.0)
    rivals = _rivals(vectors, study, rows)
    sharp = np.full(len(rows), np.nan) if sharpness is None else sharpness[rows]
    elsewhere, stranger = _stories(study, suspects, own_score, score, rivals, sharp)
    named = (other >= 0) & (elsewhere >= stranger) & (like > np.nan_to_num(own, nan=-1.0))
    # A bad photo looks like a stranger. And of two faces that differ nobody can say which one is the stranger.
    most = np.where(who.faces[folder] >= 2, _MOST_OF_STRANGER, _MOST_OF_TWO)
    sure = np.where(named, elsewhere, np.minimum(elsewhere + stranger, most))
    kept = np.flatnonzero(sure >= np.where(named, _NAMED_FROM, _FROM))
    best = np.full(len(rows), np.nan)
    with_pair = np.flatnonzero(nearest >= 0)
    best[with_pair] = pair_scores(vectors, rows[with_pair], nearest[with_pair])
    usual, spread = core_scores(parts, peeled)
    target = np.where(named, there, -1)[kept]
    has_example = named[kept] & (nearest[kept] >= 0)
    members = Members.of(
        np.r_[np.arange(len(kept)), np.flatnonzero(has_example)],
        np.r_[rows[kept], nearest[kept][has_example]],
        np.r_[np.full(len(kept), Role.WRONG), np.full(int(has_example.sum()), Role.EXAMPLE)],
    )
    return table(
        Kind.STRAY,
        sure[kept],
        members,
        identity_a=parts.labels[folder[kept]],
        identity_b=np.where(target >= 0, parts.labels[target], -1),
        faces_a=1,
        size_a=parts.sizes[folder[kept]],
        size_b=np.where(target >= 0, parts.sizes[target], 0),
        max_score=best[kept],
        mean_score=score[kept],
        own_score=own_score[kept],
        own_best=peeled.own_best[rows[kept]],
        usual=usual[folder[kept]],
        spread=spread[folder[kept]],
        sameness=like[kept],
        margin=like[kept] - np.nan_to_num(own[kept]),
        runner_up=np.where(target >= 0, like[kept] - suspects.runner_up[kept], np.nan),
    )


def _stories(
    study: FolderStudy,
    suspects: Suspects,
    own: Float64Array,
    score: Float64Array,
    rivals: _Rivals,
    sharpness: Float64Array,
) -> tuple[Float64Array, Float64Array]:
    """The probabilities (m,) that a face belongs to its ``other`` folder, and that it is nobody's here or nobody knows whose.

    Where two faces of a folder differ, the one may as well be the stray as the other: so the same two stories about the other face, one
    of the ``rivals``, stand against those about this one. And a face that is like one of several different faces of the ``other`` folder
    belongs there only if that one does.

    A face that belongs elsewhere may belong to any of the other folders, so each of them has its part of the share: that is what pays for
    having looked at all of them. ``own`` and ``score`` (m,) are the mean scores to the own and the other core.
    """
    parts, peeled, who, odds = study.parts, study.peeled, study.who, study.odds
    rows, other = suspects.rows, suspects.other
    folder = parts.folder_of[rows]
    at_home = peeled.group[rows] == 0
    rest = np.maximum(who.faces[folder] - at_home, 0)
    to_other, to_nobody = odds.of_strays(who, folder, np.nan_to_num(own), rest, other, np.nan_to_num(score))
    to_other = np.where(np.isnan(own), 0.0, to_other) / max(odds.folders - 1, 1)
    to_nobody = np.where(np.isnan(own), 0.0, discounted(to_nobody, sharpness))
    at = rivals.at
    theirs = odds.against_chance(who, np.nan_to_num(rivals.score), rivals.folder)
    rival_other, rival_nobody = np.zeros(len(rows)), np.zeros(len(rows))
    rival_nobody[at] = to_nobody[at]
    rival_other[at] = np.where(rivals.folder >= 0, theirs, 0.0) * to_nobody[at] / max(odds.folders - 1, 1)
    right = _right(study, other)
    rival_other[at] += (to_other * (1 - right))[at]
    to_other[at] *= right[at]
    elsewhere, stranger = _shares(to_other, to_nobody, (rival_other, rival_nobody), len(peeled.group))
    right[at] = 1.0
    return elsewhere * right, stranger + elsewhere * (1 - right)


def _right(study: FolderStudy, folder: Int64Array) -> Float64Array:
    """How likely (m,) the core of each ``folder`` (m,; -1: none) is whom it is of: of several different faces each is as likely as the
    others."""
    there = np.maximum(folder, 0)
    return np.asarray(1.0 / np.where(study.who.faces[there] == 1, np.maximum(study.parts.sizes[there], 1), 1))


def _shares(
    to_other: Float64Array, to_nobody: Float64Array, rivals: tuple[Float64Array, Float64Array], faces: int
) -> tuple[Float64Array, Float64Array]:
    """The probabilities (m,) of the two stories, out of how much likelier each makes the scores (m,), and those of the ``rivals``.

    The shares of such sets among ``faces`` are found by expectation maximisation over the candidates, since no other face counts
    noticeably: half a face each is taken for granted (Jeffreys).
    """
    share_other = share_nobody = _JEFFREYS / max(faces, 1)
    elsewhere = stranger = np.zeros(len(to_other))
    for _ in range(_ROUNDS):
        one, two = share_other * to_other, share_nobody * to_nobody
        rest_share = max(1.0 - share_other - share_nobody, 0.5)
        every = one + two + share_other * rivals[0] + share_nobody * rivals[1] + rest_share
        elsewhere, stranger = one / every, two / every
        share_other = (float(elsewhere.sum()) + _JEFFREYS) / max(faces, 1)
        share_nobody = (float(stranger.sum()) + _JEFFREYS) / max(faces, 1)
    return np.minimum(elsewhere, SUREST), np.minimum(stranger, SUREST)


def _rivals(vectors: Float32Array, study: FolderStudy, rows: Int64Array) -> _Rivals:
    """Those of the suspects ``rows`` (m,)."""
    who, core = study.who, study.peeled.group == 0
    folder = study.parts.folder_of[rows]
    at = np.flatnonzero(who.faces[folder] - core[rows] == 1)
    home = folder[at]
    # The centre of a core is the mean of its faces, and a face in it has its own part in that.
    centre = who.centres[home] * who.faces[home][:, None] - np.where(core[rows[at]][:, None], vectors[rows[at]], 0.0)
    nearest = best_other(who, np.asarray(centre, np.float32), None, home)
    return _Rivals(at, nearest.folder, nearest.score)


def core_scores(parts: Folders, peeled: Peeled) -> tuple[Float64Array, Float64Array]:
    """Mean and standard deviation (k,) of the mean own scores over the core of each folder; NaN for too few faces."""
    core = np.flatnonzero((peeled.group == 0) & ~np.isnan(peeled.own_mean))
    folder = parts.folder_of[core]
    count = np.bincount(folder, minlength=len(parts.labels))
    values = peeled.own_mean[core].astype(np.float64)
    mean = np.bincount(folder, values, minlength=len(count)) / np.maximum(count, 1)
    squares = np.bincount(folder, (values - mean[folder]) ** 2, minlength=len(count))
    spread = np.sqrt(squares / np.maximum(count - 1, 1))
    return np.where(count > 0, mean, np.nan), np.where(count > 1, spread, np.nan)


def swaps(found: FindingTable) -> Int64Array:
    """For each stray the stray that points back, -1 where there is none: together they are a swap (m,)."""
    partner = np.full(len(found), -1, np.int64)
    waiting: dict[tuple[int, int], list[int]] = {}
    sure = (found.kind == Kind.STRAY) & (found.identity_b >= 0) & (found.confidence >= LIKELY)
    for k in np.flatnonzero(sure).tolist():
        a, b = int(found.identity_a[k]), int(found.identity_b[k])
        back = waiting.get((b, a))
        if back:
            other = back.pop(0)
            partner[k], partner[other] = other, k
        else:
            waiting.setdefault((a, b), []).append(k)
    return partner
