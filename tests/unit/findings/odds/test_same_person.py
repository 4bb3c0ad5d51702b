"""The probabilities of findings against truth that is known: they are right as often as they say."""

from __future__ import annotations

import numpy as np
import pytest

from facedb.core.finding import CERTAIN, Kind
from facedb.findings.folder_study import study_folders
from facedb.findings.odds.mates import Mates
from facedb.findings.odds.same_person import two_groups
from facedb.findings.odds.spread import Spread, expected_spread, fit_spread
from facedb.findings.odds.tail import Tail, fit_tail
from facedb.join.gallery import Gallery
from tests.unit.findings.odds.crowds import known
from tests.unit.findings.people import Crowd, folders, rows, scan


def test_confidences_are_right_as_often_as_they_say() -> None:
    sure, true = [], []
    for seed in range(6):
        crowd = known(seed)
        found = scan(crowd.gallery, threshold=0.4, engine="int8")
        sure.append(found.confidence)
        true.append(crowd.true(found))
    confidence, holds = np.concatenate(sure), np.concatenate(true)
    tenths = np.minimum((confidence * 10).astype(int), 9)
    error = sum(abs(confidence[tenths == t].sum() - holds[tenths == t].sum()) for t in range(10)) / len(holds)
    assert error <= 0.05
    assert holds[confidence >= CERTAIN].mean() >= 0.95
    assert (confidence >= CERTAIN).sum() >= 0.7 * holds.sum()


def test_the_same_score_says_less_in_a_larger_gallery() -> None:
    chances = []
    for persons in (300, 2400):
        crowd = known(3, persons=persons, merges=8, strays=0)
        study = study_folders(crowd.gallery)
        chances.append(study.odds.alone(study.who.ends, np.array([0.62]))[0])
    assert chances[0] > chances[1]


def test_the_probability_of_one_person_never_falls_as_the_score_grows() -> None:
    study = study_folders(known(1).gallery)
    alone = study.odds.alone(study.who.ends, np.linspace(-1, 1, 401))
    assert (np.diff(alone) >= -1e-12).all()
    assert alone[0] < 1e-6
    assert alone[-1] > 0.9


def test_folders_of_one_photo_alone_leave_chance_and_one_person_undecided() -> None:
    rng = np.random.default_rng(2)
    vectors = Crowd(30, seed=2).faces(0, 1)
    vectors = np.concatenate([vectors, *(Crowd(1, seed=100 + k).faces(0, 1) for k in range(29))])
    near = vectors[0] + 0.9 * vectors[int(rng.integers(1, 30))]
    vectors = np.concatenate([vectors, (near / np.linalg.norm(near))[None].astype(np.float32)])
    gallery = Gallery(np.ascontiguousarray(vectors), np.arange(31), np.arange(31))
    found = scan(gallery, threshold=0.4)
    assert len(found)
    assert (found.confidence < CERTAIN).all()


def test_of_two_photos_in_a_folder_the_one_that_is_at_home_elsewhere_is_the_stray() -> None:
    right = wrong = 0
    for seed in range(2):
        crowd = known(seed, merges=0, strays=0)
        labels, counts = np.unique(crowd.gallery.identity_ids, return_counts=True)
        rng = np.random.default_rng(seed)
        single = rng.permutation(labels[counts == 1])[:40]
        spared = [
            np.flatnonzero(crowd.gallery.identity_ids == k)[-1] for k in rng.permutation(labels[counts >= 4])[:40]
        ]
        moved = crowd.gallery.identity_ids.copy()
        moved[spared] = single[: len(spared)]
        order = np.argsort(moved, kind="stable")
        spoilt = Gallery(np.ascontiguousarray(crowd.gallery.vectors[order]), moved[order], np.arange(len(order)))
        lost = set(np.flatnonzero(np.isin(order, spared)).tolist())
        found = scan(spoilt, threshold=0.4, engine="int8")
        certain = found.confidence >= CERTAIN
        assert not (certain & (found.kind == Kind.MERGE)).any(), "a folder and the stray in it are no merge"
        for k in np.flatnonzero(certain & (found.kind == Kind.STRAY)).tolist():
            (row,) = rows(found, k)
            right, wrong = right + (row in lost), wrong + (row not in lost)
    assert right >= 40
    assert wrong <= 0.05 * right


def test_a_measurement_that_begins_from_a_rough_one_ends_where_one_from_nothing_does() -> None:
    gallery = known(4, persons=500).gallery
    study = study_folders(gallery)
    measured = gallery.vectors, study.parts, study.who, study.peeled.own_mean, study.peeled.group
    rough = two_groups(*measured, most=20_000)
    again, direct = two_groups(*measured, start=rough, mates_hold=True), two_groups(*measured)
    assert rough.mated_by_size != direct.mated_by_size
    assert (again.cores, again.faces) == (direct.cores, direct.faces)
    scores = np.linspace(0.2, 0.8, 31)
    one, other = again.alone(study.who.ends, scores), direct.alone(study.who.ends, scores)
    assert np.abs(one - other).max() < 0.03


def test_large_folders_that_were_split_do_not_make_single_photos_more_alike() -> None:
    def sure(merges: int) -> tuple[float, float]:
        crowd = known(5, persons=1200, merges=0, strays=0)
        labels, counts = np.unique(crowd.gallery.identity_ids, return_counts=True)
        moved = crowd.gallery.identity_ids.copy()
        for k, label in enumerate(labels[counts >= 4][:merges].tolist()):
            mine = np.flatnonzero(moved == label)
            moved[mine[: len(mine) // 2]] = 10_000 + k
        order = np.argsort(moved, kind="stable")
        study = study_folders(
            Gallery(np.ascontiguousarray(crowd.gallery.vectors[order]), moved[order], np.arange(len(order)))
        )
        score, two = np.array([0.6]), np.full(1, 2)
        alone = study.odds.alone(study.who.ends, score)[0]
        usual = np.full(1, study.who.ends.genuine)
        of_several = study.odds.of_sets(study.who, score, two, usual, np.flatnonzero(study.who.faces == 2)[:1])[0]
        return float(alone / (1 - alone)), float(of_several / (1 - of_several))

    before, after = sure(0), sure(40)
    assert after[1] > 10 * before[1]
    assert after[0] < 4 * before[0]


def test_a_tail_is_found_again_and_never_gets_flatter() -> None:
    rng = np.random.default_rng(0)
    scores = rng.standard_normal(2_000_000)
    upper = scores[scores >= 2.0]
    tail = fit_tail(2.0, len(upper) / len(scores), upper, np.ones(len(upper)))
    for at, true in ((3.0, 1.35e-3), (4.0, 3.17e-5), (5.0, 2.87e-7)):
        assert tail.survival(np.array([at]))[0] == pytest.approx(true, rel=0.35)
    assert tail.bend >= 0


def test_a_tail_read_off_a_few_values_leaves_open_how_steep_it_is() -> None:
    rng = np.random.default_rng(3)
    far = np.array([7.0])
    plugged, foretold = [], []
    for _ in range(2000):
        values = rng.exponential(size=8)
        rate = 1 / values.mean()
        plugged.append(Tail(0.0, 1.0, rate, 0.0).survival(far)[0])
        foretold.append(Tail(0.0, 1.0, rate, 0.0, seen=8.0).survival(far)[0])
    median, true = np.median, np.exp(-7.0)
    assert median(plugged) < true < median(foretold)
    assert Tail(0.0, 1.0, 1.0, 0.3, seen=1e9).survival(far)[0] == pytest.approx(
        Tail(0.0, 1.0, 1.0, 0.3).survival(far)[0]
    )
    grid = np.linspace(1.0, 400.0, 400_001)
    few = Tail(1.0, 0.1, 1.5, 0.3, seen=12.0)
    assert np.trapezoid(few.density(grid), grid) == pytest.approx(0.1, rel=1e-3)


def test_the_components_of_strangers_scores_follow_from_what_one_person_scores() -> None:
    rng = np.random.default_rng(5)
    for genuine in (0.4, 0.8):
        centres = rng.standard_normal((200, 1, 64))
        faces = np.sqrt(genuine) * centres + np.sqrt(1 - genuine) * rng.standard_normal((200, 6, 64))
        first, second = faces[:100] / 8, faces[100:] / 8
        scores = np.einsum("piv,qjv->pqij", first, second)
        one = scores[:, :, 0, 0].var()
        expected = expected_spread(genuine)
        for a, b in ((1, 1), (1, 6), (6, 6)):
            seen = scores[:, :, :a, :b].mean(axis=(2, 3)).var()
            assert float(expected.variance(np.array(a), np.array(b))) == pytest.approx(seen / one, rel=0.1)


def test_folders_of_one_size_do_not_leave_what_single_faces_add_to_chance() -> None:
    study = study_folders(folders([(k, Crowd(5, seed=4).faces(k, 2)) for k in range(5)]))
    spread = study.odds.strangers.spread
    assert 0.3 < spread.persons / spread.variance(np.ones(1), np.ones(1))[0] < 0.7
    assert spread.faces > 0


def test_the_components_of_the_spread_are_found_again() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.integers(1, 12, 400), rng.integers(1, 12, 400)
    true = Spread(0.004, 0.002, 0.001)
    found = fit_spread(true.variance(a, b), 1 / a + 1 / b, 1 / (a * b), np.ones(400))
    assert (found.persons, found.faces, found.pairs) == pytest.approx((0.004, 0.002, 0.001), rel=1e-6)


def test_the_density_of_mates_integrates_to_one() -> None:
    spread = Spread(0.002, 0.01, 0.05)
    mates = Mates(1.0, spread, Spread(0.0, 0.005, 0.03), 100)
    grid = np.linspace(-20, 22, 420_001)
    assert np.trapezoid(mates.density(grid, np.ones(1), np.ones(1)), grid) == pytest.approx(1.0, abs=1e-3)
    assert np.trapezoid(mates.relatives(grid, np.ones(1), np.ones(1)), grid) == pytest.approx(1.0, abs=1e-3)


def test_a_gallery_without_two_folders_has_odds_too() -> None:
    crowd = Crowd(2)
    assert study_folders(folders([(1, crowd.faces(0, 3))])).odds.mated <= 0.5
