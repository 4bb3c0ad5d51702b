"""Chance: the rules follow how alike strangers come to be, within bounds, and a handful of folders makes none."""

from __future__ import annotations

import numpy as np

from facedb.findings.cores.chance import Chance, Rules, measure_chance
from facedb.findings.folder_study import study_folders
from tests.unit.findings.odds.crowds import known


def test_the_rules_get_stricter_where_chance_reaches_further() -> None:
    quiet, noisy = Rules.of(Chance(cores=0.4, face=0.45)), Rules.of(Chance(cores=0.7, face=0.65))
    assert noisy.home > quiet.home
    assert noisy.alike > quiet.alike


def test_a_face_is_at_home_somewhere_between_the_two_bounds_whatever_chance_does() -> None:
    assert [Rules.of(Chance(cores=0.4, face=face)).home for face in (-1.0, 0.5, 2.0)] == [0.45, 0.5, 0.7]


def test_the_reach_of_chance_lies_beyond_most_pairs_of_strangers() -> None:
    gallery = known(3, persons=200, merges=0, strays=0).gallery
    study = study_folders(gallery)
    chance = measure_chance(gallery.vectors, study.parts, study.who, study.peeled.own_mean, study.peeled.group)
    one, other = np.triu_indices(len(study.parts.labels), 1)
    strangers = study.who.core_sameness(one, other)
    assert np.quantile(strangers, 0.999) < chance.cores < 1
    assert np.median(strangers) < chance.face < chance.cores
