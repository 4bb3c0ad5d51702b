"""The study of the folders: what they tell by themselves, whatever is flagged between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facedb.findings.cores.asides import find_ties, settle_ties
from facedb.findings.cores.chance import Rules, measure_chance
from facedb.findings.cores.folders import Folders, folders
from facedb.findings.cores.peel import Peeled, own_scores, peel
from facedb.findings.cores.persons import Persons, ends, ends_of_cores, folder_sums, persons
from facedb.findings.duplicates import NEAR
from facedb.findings.odds.same_person import TwoGroups, two_groups
from facedb.findings.rates.genuine_scores import GenuineScores
from facedb.join.gallery import Gallery

PEEL_SHARE = 0.45
"""A face is beside the core when its mean score to it is below this share of the way from impostor to genuine: chosen by hand."""
MISFILED = 0.05
"""Where the scores of the cores say that the genuine end lies so much higher, the folders are taken apart once more: chosen by hand."""
ROUGHLY = 1_000_000
"""This many pairs of cores tell which of two halves of a folder is at home; all are measured once that is settled."""


@dataclass(frozen=True, slots=True)
class FolderStudy:
    """What the folders of a gallery tell by themselves, whatever is flagged between them: needed by `find`.

    ``genuine`` has counted the scores inside the folders that were compared many at once, and can count the rest.
    """

    parts: Folders
    peeled: Peeled
    who: Persons
    rules: Rules
    odds: TwoGroups
    genuine: GenuineScores


def study_folders(gallery: Gallery) -> FolderStudy:
    """Take the folders apart; the time goes into the scores inside them (sum of squared folder sizes)."""
    parts = folders(gallery.identity_ids, gallery.image_ids)
    sums = folder_sums(gallery.vectors, parts)
    scale = ends(gallery.vectors, parts, sums)
    genuine = GenuineScores()
    peeled = peel(
        gallery.vectors, gallery.image_ids, parts, cut=scale.cut(PEEL_SHARE), near=NEAR, count_scores=genuine.add
    )
    clean = ends_of_cores(scale, peeled.own_mean, peeled.group)
    if clean.genuine > scale.genuine + MISFILED:
        scale = clean
        peeled = peel(gallery.vectors, gallery.image_ids, parts, cut=scale.cut(PEEL_SHARE), near=NEAR)
    who = persons(gallery.vectors, parts, scale, sums, peeled.group)
    rough, mates_hold = None, True
    if ties := find_ties(gallery.vectors, parts, who, peeled.group):
        rough = two_groups(gallery.vectors, parts, who, peeled.own_mean, peeled.group, most=ROUGHLY)
        changed = settle_ties(ties, parts, who, rough, peeled.group)
        mates_hold = bool((who.faces[changed] < 2).all())
        if len(changed):
            who = persons(gallery.vectors, parts, scale, sums, peeled.group)
            _measure_again(gallery, parts, peeled)
    odds = two_groups(gallery.vectors, parts, who, peeled.own_mean, peeled.group, start=rough, mates_hold=mates_hold)
    rules = Rules.of(measure_chance(gallery.vectors, parts, who, peeled.own_mean, peeled.group))
    return FolderStudy(parts, peeled, who, rules, odds, genuine)


def _measure_again(gallery: Gallery, parts: Folders, peeled: Peeled) -> None:
    """Own scores of the folders whose core was exchanged; they are small, so one by one."""
    core = peeled.group == 0
    for k in np.unique(parts.folder_of[np.flatnonzero(~core)]).tolist():
        rows = parts.rows(k)
        inside = rows[core[rows]]
        if len(inside) == 0 or len(inside) * 2 > len(rows):
            continue
        mean, best = own_scores(gallery.vectors, gallery.image_ids, rows, inside)
        peeled.own_mean[rows], peeled.own_best[rows] = mean, best
