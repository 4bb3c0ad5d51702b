"""Misplaced faces: those beside the core of their folder, and those inside that fit a foreign core much better."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facedb.core.finding import LIKELY
from facedb.core.lookup import places, run_lengths, run_starts
from facedb.core.records import Float64Array, Int64Array
from facedb.findings.cores.asides import find_asides
from facedb.findings.cores.folders import Folders
from facedb.findings.cores.peel import Peeled
from facedb.findings.cores.persons import mean_scores
from facedb.findings.duplicates import proven_across
from facedb.findings.finding_table import FindingTable
from facedb.findings.flagged import Flagged, by_face
from facedb.findings.folder_study import FolderStudy
from facedb.findings.strays import Suspects, find_mixed, find_strays
from facedb.join.gallery import Gallery

_SLACK = 0.05
"""A folder is looked at where a flagged pair with it scores at most this much less than a face does at home on average: chosen by
hand."""


def find_misplaced(
    gallery: Gallery,
    study: FolderStudy,
    flagged: Flagged,
    copies: FindingTable,
    spoiled: NDArray[np.bool_],
    sharpness: Float64Array | None,
) -> tuple[FindingTable, FindingTable]:
    """Strays and mixed folders: of the faces beside cores, and of the faces inside that fit another core much better.

    ``copies`` are reported already, and ``spoiled`` faces (n,) with them; ``sharpness`` (n,) is as `find_strays` takes it.
    """
    parts, peeled, who = study.parts, study.peeled, study.who
    asides = find_asides(gallery.vectors, parts, who, np.where(spoiled, 0, peeled.group))
    is_second = asides.is_second_person(study.rules, who)
    mixed = find_mixed(study, asides, np.flatnonzero(is_second))
    copied = _copies_across(gallery, peeled, copies)
    lone = ~is_second[asides.at] & ~copied[asides.rows]
    at = asides.at[lone]
    beside = Suspects(asides.rows[lone], asides.other.folder[at], asides.other.runner_up[at])
    suspects = Suspects.join([beside, _better_elsewhere(gallery, study, flagged, copied)])
    nearest = _nearest(parts, flagged, suspects)
    return find_strays(gallery.vectors, study, suspects, nearest, sharpness), mixed


def _better_elsewhere(gallery: Gallery, study: FolderStudy, flagged: Flagged, copied: NDArray[np.bool_]) -> Suspects:
    """Faces of cores that are likelier to a foreign core.

    Cores that are one person (merges) take no faces from each other. A core of one face is left to `likenesses`.
    """
    parts, peeled, who = study.parts, study.peeled, study.who
    core = (peeled.group == 0) & ~copied & (who.faces[parts.folder_of] >= 2)
    own = np.nan_to_num(peeled.own_mean, nan=-1.0)
    hopeful = np.zeros(len(gallery), bool)
    for part in flagged:
        for rows in (part.rows_a, part.rows_b):
            hopeful[rows[part.scores >= own[rows] - _SLACK]] = True
    found = []
    for face, folder, _ in by_face(flagged, parts, hopeful & core):
        same = who.sameness(mean_scores(who, gallery.vectors, face, folder), who.cohesion[folder], who.cohesion[folder])
        home = parts.folder_of[face]
        mine = who.sameness(peeled.own_mean[face], who.cohesion[home], who.cohesion[home])
        better = np.flatnonzero(~(same < mine) & (who.faces[folder] > 0))
        better = better[study.odds.of_cores(who, home[better], folder[better]) < LIKELY]
        found.append((face[better], folder[better], same[better]))
    face, folder, same = (np.concatenate(column) for column in zip(*found, strict=True))
    order = np.lexsort((folder, -same, face))
    face, folder, same = face[order], folder[order], same[order]
    first = run_starts(face)
    several = run_lengths(first, len(face)) > 1
    following = np.zeros(len(first))
    following[several] = same[first[several] + 1]
    return Suspects(face[first], folder[first], following)


def _nearest(parts: Folders, flagged: Flagged, suspects: Suspects) -> Int64Array:
    """The row (m,) of its other folder that scores highest with each of the ``suspects``, among its flagged pairs; -1: none."""
    rows, other = suspects.rows, suspects.other
    chosen = np.zeros(len(parts.folder_of), bool)
    chosen[rows] = True
    count = len(parts.labels) + 1
    nearest = np.full(len(rows), -1, np.int64)
    for face, folder, across in by_face(flagged, parts, chosen):
        at = places(rows * count + other, face * count + folder)
        there = np.flatnonzero((at >= 0) & (other >= 0))
        nearest[there] = across[at[there]]
    return nearest


def _copies_across(gallery: Gallery, peeled: Peeled, copies: FindingTable) -> NDArray[np.bool_]:
    """Faces beside a core whose file is in another folder too: reported as a duplicate, not as a stray as well."""
    copied = whole_images(gallery, copies.members.row[proven_across(copies)[copies.members.finding]])
    copied &= peeled.group != 0
    return copied


def whole_images(gallery: Gallery, rows: Int64Array) -> NDArray[np.bool_]:
    """Every face (n,) of the images of ``rows``: a copy is a copy with all that it shows."""
    whole: NDArray[np.bool_] = np.isin(gallery.image_ids, gallery.image_ids[rows])
    return whole
