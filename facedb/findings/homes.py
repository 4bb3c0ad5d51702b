"""Homes: which of the two folders that a photo lies in its face fits.

Either folder may be the right one, or both, where they are one person, or neither. The face is compared with the other photos of both
folders, those that are copies across folders left out: where it fits, its score is what faces of one person have, else what chance gives
(`TwoGroups.against_chance`). A folder without other photos tells nothing.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from facedb.core.records import Float64Array, Int64Array
from facedb.findings.cores.folders import Folders
from facedb.findings.finding_table import FindingTable
from facedb.findings.folder_study import FolderStudy
from facedb.join.gallery import Gallery

_NEITHER = 0.05
"""How often a photo that was copied into a folder was in a wrong one before: an assumption, not measured."""


def with_homes(gallery: Gallery, study: FolderStudy, copies: FindingTable) -> FindingTable:
    """``copies`` with the ``own_score``, ``their_score``, ``margin`` and ``both`` of those in two folders."""
    across = np.flatnonzero(copies.identity_b >= 0)
    if not len(across):
        return copies
    parts, who, odds = study.parts, study.who, study.odds
    place = np.full(len(copies), -1, np.int64)
    place[across] = np.arange(len(across))
    members = place[copies.members.finding] >= 0
    rows, at = copies.members.row[members], place[copies.members.finding[members]]
    copied = np.isin(gallery.image_ids, gallery.image_ids[rows])
    folder = np.searchsorted(parts.labels, np.stack([copies.identity_a[across], copies.identity_b[across]]))
    # Of copies in a third folder nothing is said: two of three may be wrong.
    apart = (parts.folder_of[rows] != folder[0, at]) & (parts.folder_of[rows] != folder[1, at])
    only_two = np.bincount(at[apart], minlength=len(across)) == 0
    score, odds_of, rest = (np.full((2, len(across)), value) for value in (np.nan, 1.0, 0))
    for side in range(2):
        here = parts.folder_of[rows] == folder[side, at]
        first = np.unique(at[here], return_index=True)[1]
        row = rows[here][first]
        score[side], rest[side] = _to_others(gallery, parts, study.peeled.group == 0, copied, row, folder[side])
        known = rest[side] > 0
        found = odds.against_chance(who, score[side][known], folder[side][known], rest[side][known])
        odds_of[side][known] = found
    known = only_two & (rest > 0).any(axis=0)
    one_person = odds.mated
    both = one_person * odds_of[0] * odds_of[1]
    every = odds_of[0] + odds_of[1] + both + _NEITHER
    # Where one folder holds nothing else, a face that fits the other says nothing of this one.
    margin = np.where((rest > 0).all(axis=0), (odds_of[0] - odds_of[1]) / every, np.nan)
    margin[~known] = np.nan
    columns = {"own_score": score[0], "their_score": score[1], "margin": margin, "both": both / every}
    filled = {}
    for name, values in columns.items():
        filled[name] = getattr(copies, name).copy()
        filled[name][across] = values
    return replace(copies, **filled)


def _to_others(
    gallery: Gallery,
    parts: Folders,
    core: NDArray[np.bool_],
    copied: NDArray[np.bool_],
    rows: Int64Array,
    folders: Int64Array,
) -> tuple[Float64Array, Int64Array]:
    """The mean score (m,) of each of ``rows`` (m,) with the core of one of ``folders`` (m,), or else with all that it holds, but for what
    is ``copied`` (n,), and how many faces those are."""
    score, count = np.full(len(rows), np.nan), np.zeros(len(rows), np.int64)
    for k, (row, folder) in enumerate(zip(rows.tolist(), folders.tolist(), strict=True)):
        held = parts.rows(folder)
        others = held[~copied[held]]
        others = others[core[others]] if core[others].any() else others
        if len(others):
            score[k] = float((gallery.vectors[others] @ gallery.vectors[row]).mean())
            count[k] = len(others)
    return score, count
