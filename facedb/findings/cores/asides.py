"""Asides: faces that do not fit the core of their folder, and whom they look like instead."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facedb.core.lookup import run_lengths, run_numbers, run_starts
from facedb.core.records import Float32Array, Float64Array, Int32Array, Int64Array
from facedb.findings.cores.chance import Rules
from facedb.findings.cores.folders import Folders
from facedb.findings.cores.persons import Nearest, Persons, best_other_of_sets
from facedb.findings.odds.same_person import TwoGroups

_THIRD = 3


@dataclass(frozen=True, slots=True)
class Asides:
    """Sets of faces beside a core, one entry per set: a lone face or a group that fits together.

    ``folder``; ``faces``, how many; ``own``, mean score inside (NaN for one face), ``cohesion``, the same pulled towards
    the genuine end; ``between``, sameness to the own core, and ``between_score``, the mean score to it; ``other``, the likest foreign
    core. ``rows`` in the order of ``at``, their set.
    """

    folder: Int64Array
    faces: Int64Array
    own: Float64Array
    cohesion: Float64Array
    between: Float64Array
    between_score: Float64Array
    other: Nearest
    rows: Int64Array
    at: Int64Array

    def is_second_person(self, rules: Rules, who: Persons) -> NDArray[np.bool_]:
        """Whether a set is the second half of a mixed folder and not strays: it has two faces or more, and is a third of the
        folder or looks like nobody else."""
        at_home = (self.other.sameness >= rules.home) & (self.other.sameness > self.between)
        core = who.faces[self.folder]
        return np.asarray((self.faces >= 2) & (~at_home | (_THIRD * self.faces >= core + self.faces)))


def find_asides(vectors: Float32Array, parts: Folders, who: Persons, group: Int32Array) -> Asides:
    """Every set of rows whose ``group`` (n,) is not 0, with its best foreign core."""
    rows = np.flatnonzero(group != 0)
    # A lone face (-1) is a set of its own.
    number = np.where(group[rows] > 0, group[rows].astype(np.int64), -1 - rows)
    order = np.lexsort((number, parts.folder_of[rows]))
    rows, number = rows[order], number[order]
    home = parts.folder_of[rows]
    first = run_starts(home, number)
    at = run_numbers(first, len(rows))
    folder, faces = home[first], run_lengths(first, len(rows))
    sums = np.add.reduceat(vectors[rows], first, axis=0) if len(rows) else np.empty((0, vectors.shape[1]))
    centres = np.asarray(sums / np.maximum(faces, 1)[:, None], np.float32)
    squares = np.einsum("ij,ij->i", sums, sums, dtype=np.float64)
    own = np.full(len(faces), np.nan)
    np.divide(squares - faces, faces * (faces - 1.0), out=own, where=faces > 1)
    cohesion = who.shrunk(own, faces)
    alone = faces == 1
    other = best_other_of_sets(who, centres, faces, cohesion, folder)
    between_score = np.einsum("ij,ij->i", centres, who.centres[folder]).astype(np.float64)
    mine = np.where(alone, who.cohesion[folder], cohesion)
    between = who.sameness(between_score, mine, who.cohesion[folder])
    between[who.faces[folder] == 0] = np.nan
    return Asides(folder, faces, own, cohesion, between, between_score, other, rows, at)


def find_ties(vectors: Float32Array, parts: Folders, who: Persons, group: Int32Array) -> Asides | None:
    """The sets that are as large as the core of their folder; None where there are none."""
    sets = find_asides(vectors, parts, who, group)
    return sets if (sets.faces == who.faces[sets.folder]).any() else None


def settle_ties(sets: Asides, parts: Folders, who: Persons, odds: TwoGroups, group: Int32Array) -> Int64Array:
    """Where one of the ``sets`` is as large as the core, let the one that looks like nobody else be the core; changes ``group`` (n,).

    Of two faces that differ, the peeling takes any as the core; only the other folders tell which one is at home: the one that is less
    likely to be the person of another folder. Returns the folders (m,) whose core was exchanged.
    """
    tied = np.flatnonzero(sets.faces == who.faces[sets.folder])
    home = np.unique(sets.folder[tied])
    core = elsewhere(who, odds, who.centres[home], who.faces[home], who.cohesion[home], home)
    rival = odds.of_sets(who, sets.other.score[tied], sets.faces[tied], sets.cohesion[tied], sets.other.folder[tied])
    changed: list[int] = []
    for folder, like in zip(home.tolist(), core.tolist(), strict=True):
        rivals = np.flatnonzero(sets.folder[tied] == folder)
        best = rivals[rival[rivals].argmin()]
        if rival[best] >= like:
            continue
        rows = parts.rows(folder)
        moved = sets.rows[sets.at == tied[best]]
        inside = rows[group[rows] == 0]
        number = group[moved[0]]
        group[inside] = number if number > 0 else -1
        group[moved] = 0
        changed.append(folder)
    return np.array(changed, np.int64)


def elsewhere(
    who: Persons, odds: TwoGroups, centres: Float32Array, faces: Int64Array, cohesion: Float64Array, home: Int64Array
) -> Float64Array:
    """The probability (m,) that sets of ``faces`` (m,) with ``centres`` float32 (m, d) are the person of the foreign core that they are
    likest to."""
    nearest = best_other_of_sets(who, centres, faces, cohesion, home)
    return odds.of_sets(who, nearest.score, faces, cohesion, nearest.folder)
