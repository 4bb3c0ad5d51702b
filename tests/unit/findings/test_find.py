"""Findings on vectors whose persons are known: each class, each false alarm, and each mistake told once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from facedb.core.finding import CERTAIN, LIKELY, Kind
from facedb.embedding.pictures.thumbnail import from_bytes, thumbnail, to_bytes
from facedb.findings.duplicates import EQUAL, Hashes
from facedb.findings.photos import PhotoFacts
from facedb.findings.pictures.candidates import VIEWS
from facedb.findings.pictures.registration import Grey
from facedb.findings.pictures.same_photo import Pictures
from facedb.join.gallery import Gallery
from tests.unit.findings.people import DIM, Crowd, folders, hashes_of, rows, scan, told
from tests.unit.findings.pictures.drawn import altered, photo
from tests.vectors import unit

PERSONS = 12


@pytest.fixture
def crowd() -> Crowd:
    return Crowd(PERSONS, seed=5)


def clean(crowd: Crowd, skip: tuple[int, ...] = (), count: int = 8) -> list[tuple[int, np.ndarray]]:
    return [(p + 1, crowd.faces(p, count)) for p in range(PERSONS) if p not in skip]


def test_a_clean_gallery_has_nothing_to_tell(crowd: Crowd) -> None:
    assert told(scan(folders(clean(crowd)), threshold=0.2), least=0.25) == []


def test_two_folders_of_one_person_are_one_merge_and_no_strays(crowd: Crowd) -> None:
    found = scan(folders([*clean(crowd), (50, crowd.faces(3, 6))]))
    assert told(found, least=0.25) == [("merge", 4, 50)]
    assert (found.faces_a[0], found.size_a[0], found.faces_b[0], found.size_b[0]) == (8, 8, 6, 6)
    assert found.sameness[0] == pytest.approx(1.0, abs=0.1)
    assert len(rows(found, 0, examples=True)) == 2


def test_a_photo_in_the_wrong_folder_is_one_stray_and_no_merge(crowd: Crowd) -> None:
    gallery = folders([*clean(crowd), (2, crowd.faces(6, 1))])
    found = scan(gallery)
    assert told(found, least=0.25) == [("stray", 2, 7)]
    stray = rows(found, 0)
    assert stray == [int(np.flatnonzero(gallery.identity_ids == 2)[-1])]
    home = gallery.vectors[(gallery.identity_ids == 2) & (np.arange(len(gallery)) != stray[0])].astype(float)
    away = gallery.vectors[gallery.identity_ids == 7].astype(float)
    face = gallery.vectors[stray[0]].astype(float)
    assert found.own_score[0] == pytest.approx((home @ face).mean(), abs=1e-5)
    assert found.own_best[0] == pytest.approx((home @ face).max(), abs=1e-5)
    assert found.mean_score[0] == pytest.approx((away @ face).mean(), abs=1e-5)
    assert found.max_score[0] == pytest.approx((away @ face).max(), abs=1e-5)
    pairs = (home @ home.T)[~np.eye(len(home), dtype=bool)].reshape(len(home), -1).mean(axis=1)
    assert (found.usual[0], found.spread[0]) == pytest.approx((pairs.mean(), pairs.std(ddof=1)), abs=1e-5)
    assert gallery.identity_ids[rows(found, 0, examples=True)].tolist() == [7]


def test_several_strays_of_one_person_are_told_one_by_one(crowd: Crowd) -> None:
    found = scan(folders([*clean(crowd), (2, crowd.faces(6, 3))]))
    assert told(found, least=0.25) == [("stray", 2, 7)] * 3


def test_a_stray_that_looks_like_nobody_here_has_no_other_identity(crowd: Crowd) -> None:
    stranger = Crowd(1, seed=99).faces(0, 1)
    assert told(scan(folders([*clean(crowd), (2, stranger)]))) == [("stray", 2, -1)]


@pytest.mark.parametrize("sharpness", [0.0, 0.02, 0.6, 5.0, float("nan")])
def test_a_blurred_face_that_looks_like_nobody_is_a_bad_photo_and_no_stray(crowd: Crowd, sharpness: float) -> None:
    gallery = folders([*clean(crowd), (2, Crowd(1, seed=99).faces(0, 1))])
    odd, plain = np.flatnonzero(gallery.identity_ids == 2)[-1], np.full(len(gallery), 90.0)
    facts = PhotoFacts(np.ones(len(gallery), np.int64), plain * 0, np.full(len(gallery), 6.0), plain)
    facts.sharpness[odd] = sharpness
    expected = [] if sharpness < 0.1 else [("stray", 2, -1)]
    assert told(scan(gallery, photos=facts)) == expected + [("photo", 2, -1)] * (sharpness < 1)


def test_a_blurred_face_that_is_at_home_elsewhere_is_a_stray_all_the_same(crowd: Crowd) -> None:
    gallery = folders([*clean(crowd), (2, crowd.faces(6, 1))])
    plain = np.full(len(gallery), 90.0)
    facts = PhotoFacts(np.ones(len(gallery), np.int64), plain * 0, np.zeros(len(gallery)), plain)
    assert told(scan(gallery, photos=facts))[0] == ("stray", 2, 7)


def test_two_swapped_photos_are_two_strays_that_point_at_each_other(crowd: Crowd) -> None:
    found = scan(folders([*clean(crowd), (2, crowd.faces(6, 1)), (7, crowd.faces(1, 1))]))
    assert sorted(told(found, least=0.25)) == [("stray", 2, 7), ("stray", 7, 2)]
    assert found.partner[:2].tolist() == [1, 0]


def test_a_folder_of_one_image_can_be_a_stray(crowd: Crowd) -> None:
    found = scan(folders([*clean(crowd), (50, crowd.faces(3, 1))]))
    assert told(found, least=0.25) == [("stray", 50, 4)]
    assert found.size_a[0] == 1
    assert np.isnan(found.own_score[0])


def test_of_two_faces_that_differ_the_one_that_is_at_home_elsewhere_is_the_stray(crowd: Crowd) -> None:
    for order in (0, 1):
        pair = [crowd.faces(3, 1), crowd.faces(11, 1)][:: 1 if order else -1]
        gallery = folders([*clean(crowd, skip=(11,)), (50, np.concatenate(pair))])
        found = scan(gallery)
        assert told(found, least=0.25) == [("stray", 50, 4)]
        assert rows(found, 0) == [int(np.flatnonzero(gallery.identity_ids == 50)[1 - order])]


def test_a_folder_of_two_persons_is_mixed_with_the_faces_of_the_second(crowd: Crowd) -> None:
    gallery = folders([*clean(crowd, skip=(6,)), (2, crowd.faces(6, 5))])
    found = scan(gallery)
    assert told(found, least=0.25) == [("mixed", 2, -1)]
    own = np.flatnonzero(gallery.identity_ids == 2)
    assert rows(found, 0) == own[-5:].tolist()
    wide = gallery.vectors[own].astype(float)
    assert found.mean_score[0] == pytest.approx((wide[:8] @ wide[8:].T).mean(), abs=1e-5)
    inside = wide[8:] @ wide[8:].T
    assert found.own_score[0] == pytest.approx(inside[~np.eye(5, dtype=bool)].mean(), abs=1e-5)


def test_a_second_person_with_a_folder_elsewhere_is_named(crowd: Crowd) -> None:
    assert told(scan(folders([*clean(crowd), (2, crowd.faces(6, 6))])), least=0.25) == [("mixed", 2, 7)]


@pytest.mark.parametrize("likeness", [0.5, 0.6])
def test_siblings_stay_look_alikes_below_any_merge(crowd: Crowd, likeness: float) -> None:
    sibling = crowd.around(crowd.between(0, 1, likeness), 8)
    found = scan(folders([*clean(crowd, skip=(1,)), (60, sibling), (50, crowd.faces(3, 6))]), threshold=0.3)
    assert told(found) == [("merge", 4, 50)]
    alike = (found.identity_a == 1) & (found.identity_b == 60)
    assert found.kind[alike].tolist() == [Kind.LOOK_ALIKE]
    assert found.confidence[alike][0] < 0.1


def test_a_second_person_is_not_surely_that_of_a_folder_whose_two_faces_differ(crowd: Crowd) -> None:
    torn = (50, np.concatenate([crowd.faces(6, 1), crowd.faces(7, 1)]))
    found = scan(folders([*clean(crowd, skip=(6,)), (2, crowd.faces(6, 6)), torn]))
    about = [k for k in range(len(found)) if found.kind[k] == Kind.MIXED and found.identity_a[k] == 2]
    assert len(about) == 1
    assert LIKELY <= found.confidence[about[0]] < CERTAIN


def test_a_person_in_two_moods_is_neither_mixed_nor_full_of_strays(crowd: Crowd) -> None:
    moods = [crowd.faces(0, 6), crowd.around(crowd.between(0, 1, 0.7), 4)]
    assert told(scan(folders([*clean(crowd, skip=(0, 1)), (60, np.concatenate(moods))]))) == []


def test_two_photos_in_profile_make_no_folder_mixed(crowd: Crowd) -> None:
    # They show a good third of their person, and each other as much as a person shows.
    side = unit(0.35 * crowd.centres[:1] + 0.75 * unit(crowd.rng.standard_normal((1, 128))))[0]
    profiles = crowd.around(side, 2)
    found = scan(folders([*clean(crowd, skip=(0,)), (1, crowd.faces(0, 30)), (1, profiles)]))
    assert [row for row in told(found) if row[0] == "mixed"] == []
    stranger = crowd.around(unit(crowd.rng.standard_normal((1, 128)))[0], 2)
    again = scan(folders([*clean(crowd, skip=(0,)), (1, crowd.faces(0, 30)), (1, stranger)]))
    assert told(again) == [("mixed", 1, -1)]


def test_a_stray_in_the_folder_of_a_split_identity_is_told_besides_the_merge(crowd: Crowd) -> None:
    found = scan(folders([*clean(crowd), (50, crowd.faces(3, 6)), (50, crowd.faces(6, 1)), (4, crowd.faces(9, 1))]))
    assert sorted(told(found, least=0.25)) == [("merge", 4, 50), ("stray", 4, 10), ("stray", 50, 7)]


def test_the_same_bytes_twice_are_certain_in_one_folder_and_across(crowd: Crowd) -> None:
    parts = clean(crowd)
    copy = parts[2][1][:1]
    gallery = folders([*parts, (3, copy), (9, copy)])
    content = np.arange(len(gallery)) + 100
    same = np.flatnonzero((gallery.vectors == copy[0]).all(axis=1))
    content[same] = 7
    found = scan(gallery, hashes_of(content, [0] * len(gallery)))
    assert told(found, least=0.25) == [("duplicate", 3, 9)]
    assert sorted(rows(found, 0)) == same.tolist()
    assert found.confidence[0] == EQUAL
    assert (found.faces_a[0], found.faces_b[0], found.equal[0]) == (2, 1, 1)


def test_a_photo_saved_again_needs_the_hash_and_the_score(crowd: Crowd) -> None:
    parts = clean(crowd)
    original = parts[2][1][0].astype(float)
    again = unit((original + 0.13 * unit(crowd.rng.standard_normal((1, 128)))[0])[None, :])
    gallery = folders([*parts, (3, again)])
    look = np.array([int(v) for v in crowd.rng.integers(-(2**62), 2**62, len(gallery))])
    content = np.arange(len(gallery))
    own = np.flatnonzero(gallery.identity_ids == 3)
    look[own[-1]] = look[own[0]] ^ 0b101
    found = scan(gallery, hashes_of(content, look))
    assert told(found, least=0.25) == [("duplicate", 3, -1)]
    assert found.distance[0] == 2
    look[own[-1]] ^= 0b1111111100000
    assert told(scan(gallery, hashes_of(content, look)), least=0.25) == []
    assert told(scan(gallery), least=0.25) == []


def test_a_copy_that_scores_with_nobody_is_a_copy_and_no_stray(crowd: Crowd) -> None:
    # An upside-down copy: its picture is the folder's own, whatever the model makes of its face.
    gallery = folders([*clean(crowd, skip=(3,)), (50, crowd.faces(3, 5)), (50, unit(np.eye(DIM)[:1]))])
    original, turned = (int(np.flatnonzero(gallery.identity_ids == 50)[k]) for k in (0, -1))
    assert ("stray", 50, -1) in told(scan(gallery))
    told_with = told(scan(gallery, pictures=turned_over(gallery, original, turned)))
    assert [row for row in told_with if 50 in row] == [("duplicate", 50, -1)]


def test_copies_turned_over_that_look_like_each_other_are_no_second_person(crowd: Crowd) -> None:
    bad = Crowd(1, seed=9).faces(0, 3)
    gallery = folders([*clean(crowd, skip=(3,)), (50, np.concatenate([crowd.faces(3, 5), bad]))])
    mine = np.flatnonzero(gallery.identity_ids == 50)
    assert ("mixed", 50, -1) in told(scan(gallery))
    told_with = told(scan(gallery, pictures=turned_over(gallery, int(mine[0]), *mine[-3:].tolist())))
    assert [row for row in told_with if 50 in row] == [("duplicate", 50, -1)]


def test_a_copy_turned_over_in_another_folder_is_a_copy_and_no_stranger(crowd: Crowd) -> None:
    gallery = folders([*clean(crowd, skip=(3,)), (50, crowd.faces(3, 5)), (2, unit(np.eye(DIM)[:1]))])
    original, turned = (int(np.flatnonzero(gallery.identity_ids == label)[k]) for label, k in ((50, 0), (2, -1)))
    assert ("stray", 2, -1) in told(scan(gallery))
    found = scan(gallery, pictures=turned_over(gallery, original, turned))
    assert [row for row in told(found) if 2 in row] == [("duplicate", 2, 50)]
    assert found.margin[0] < 0  # It is the second, 50, that the photo is at home in.


def test_an_altered_copy_in_another_folder_is_a_copy_and_no_stray_where_pictures_tell(crowd: Crowd) -> None:
    mine = crowd.faces(3, 5)
    gallery = folders([*clean(crowd, skip=(3,)), (50, mine), (2, mine[:1])])
    original, copy = (int(np.flatnonzero(gallery.identity_ids == label)[k]) for label, k in ((50, 0), (2, -1)))
    assert told(scan(gallery)) == [("stray", 2, 50)]
    found = scan(gallery, pictures=turned_over(gallery, original, copy))
    assert told(found) == [("duplicate", 2, 50)]
    assert found.margin[0] < 0  # The one in 2 goes.


def turned_over(gallery: Gallery, original: int, *turned: int) -> Pictures:
    """Pictures of which those of the rows ``turned`` are that of the row ``original`` upside down, and nothing is known of the others."""
    views = np.random.default_rng(0).integers(1, 1 << 62, (len(gallery), VIEWS))
    views[list(turned)] = views[original]
    drawn = photo(3)
    made = {original: drawn, **{row: altered(drawn, "upside down") for row in turned}}

    def load(wanted: Sequence[int]) -> dict[int, Grey]:
        return {key: from_bytes(to_bytes(thumbnail(made[key]))) for key in wanted if key in made}

    return Pictures(views, load)


def test_a_placeholder_in_many_folders_is_one_duplicate(crowd: Crowd) -> None:
    placeholder = Crowd(1, seed=77).faces(0, 1)
    gallery = folders([*clean(crowd), *((p, placeholder) for p in range(1, PERSONS + 1))])
    content = np.arange(len(gallery)) + 100
    same = (gallery.vectors == placeholder[0]).all(axis=1)
    content[same] = 7
    found = scan(gallery, hashes_of(content, [0] * len(gallery)))
    assert told(found) == [("duplicate", 1, 2)]
    assert len(rows(found, 0)) == PERSONS


@pytest.mark.parametrize(
    ("same_bytes", "faces", "home"),
    [(True, 2, [1, 1, 1]), (False, 2, [1, 1, 1]), (True, 5, [1, 1, 1]), (True, 2, [1, 2, 1]), (True, 5, [1, 2, 1])],
)
def test_copies_of_a_photo_with_several_faces_are_one_finding_about_photos(
    crowd: Crowd, same_bytes: bool, faces: int, home: list[int]
) -> None:
    """Three copies of one photo of ``faces`` people, in folders ``home``, beside other photos of the first of them."""
    shown = np.concatenate([crowd.faces(5 + k, 1) for k in range(faces)])
    vectors = np.concatenate([*[shown] * 3, crowd.faces(1, 6)])
    labels = np.r_[np.repeat(home, faces), np.full(6, 1)].astype(np.int64)
    images = np.r_[np.repeat(np.arange(3), faces), 3 + np.arange(6)]
    order = np.argsort(labels, kind="stable")
    content = np.where(images < 3, 0 if same_bytes else images, images)
    look = np.where(images < 3, 0, np.arange(len(images)) * 0x0123456789ABCDE + 1)
    gallery = Gallery(np.ascontiguousarray(vectors[order]), labels[order], images[order])
    found = scan(gallery, hashes_of(content[order].tolist(), look[order].astype(np.int64).tolist()))
    copies = np.flatnonzero(found.kind == Kind.DUPLICATE)
    assert len(copies) == 1, told(found)
    assert sorted(gallery.image_ids[rows(found, int(copies[0]))].tolist()) == [0, 1, 2]
    assert bool(found.equal[copies[0]]) == same_bytes


def test_two_faces_of_one_photo_are_no_mistake(crowd: Crowd) -> None:
    gallery = folders([*clean(crowd), (50, crowd.faces(3, 1)), (50, crowd.faces(6, 1))])
    photo = Gallery(
        gallery.vectors, gallery.identity_ids, np.where(gallery.identity_ids == 50, 10_000, gallery.image_ids)
    )
    assert all(50 not in row for row in told(scan(photo)) if row[0] in ("mixed", "duplicate"))


def test_a_chain_of_twelve_identities_is_never_one_person() -> None:
    rng = np.random.default_rng(3)
    plane = unit(rng.standard_normal((13, 128))).astype(float)
    chain = [plane[0]]
    for k in range(1, 12):
        side = plane[k] - (plane[k] @ chain[-1]) * chain[-1]
        chain.append(0.97 * chain[-1] + np.sqrt(1 - 0.97**2) * side / np.linalg.norm(side))
    crowd = Crowd(300, seed=8)
    parts = [(k + 1, crowd.around(centre, 6)) for k, centre in enumerate(chain)]
    parts += [(100 + p, crowd.faces(p, 6)) for p in range(300)]
    found = scan(folders(parts), threshold=0.4)
    merges = found.kind == Kind.MERGE
    linked = {(int(a), int(b)) for a, b in zip(found.identity_a[merges], found.identity_b[merges], strict=True)}
    assert {(k, k + 1) for k in range(1, 12)} <= linked
    assert max(b - a for a, b in linked) < 11
    for number in set(found.group[merges].tolist()) - {0}:
        of_group = merges & (found.group == number)
        members = sorted({*found.identity_a[of_group].tolist(), *found.identity_b[of_group].tolist()})
        assert {(a, b) for a in members for b in members if a < b} <= linked
        weakest = found.sameness[of_group].min()
        assert found.lowest[of_group] == pytest.approx(weakest)


def test_three_folders_of_one_person_are_proposed_together(crowd: Crowd) -> None:
    found = scan(folders([*clean(crowd), (50, crowd.faces(3, 5)), (51, crowd.faces(3, 5))]))
    assert sorted(told(found)) == [("merge", 4, 50), ("merge", 4, 51), ("merge", 50, 51)]
    assert found.group[:3].tolist() == [1, 1, 1]
    assert found.lowest[:3] == pytest.approx(found.sameness[:3].min())


def test_findings_do_not_depend_on_the_order_of_the_rows(crowd: Crowd) -> None:
    photos = [crowd.faces(person, 1) for person in range(4, 8)]
    parts = [
        *clean(crowd),
        (2, crowd.faces(6, 2)),
        (50, crowd.faces(3, 5)),
        (9, crowd.faces(0, 3)),
        (60, crowd.faces(8, 1)),
        *((label, same) for person, same in enumerate(photos, 4) for label in (person + 1, person + 9)),
    ]
    gallery = folders(parts)
    content = np.arange(len(gallery))
    for same in photos:
        content[(gallery.vectors @ same[0]) > 1 - 1e-6] = len(gallery) + int(1e6 * same[0, 0])
    order = crowd.rng.permutation(len(gallery))
    shuffled = Gallery(
        np.ascontiguousarray(gallery.vectors[order]), gallery.identity_ids[order], gallery.image_ids[order]
    )
    one, two = (
        scan(some, Hashes(known, np.zeros(len(some), np.int64), np.zeros(len(some), bool)))
        for some, known in ((gallery, content), (shuffled, content[order]))
    )
    assert np.count_nonzero(one.kind == Kind.DUPLICATE) == 4
    for name in ("kind", "identity_a", "identity_b", "partner", "faces_a", "faces_b", "group"):
        assert np.array_equal(getattr(one, name), getattr(two, name)), name
    assert one.confidence == pytest.approx(two.confidence, abs=1e-5)
    for k in range(len(one)):
        assert sorted(gallery.image_ids[rows(one, k)]) == sorted(shuffled.image_ids[rows(two, k)])


@pytest.mark.parametrize("faces", [0, 1, 2, 3])
def test_tiny_galleries_have_no_findings_and_no_warnings(faces: int) -> None:
    crowd = Crowd(3, seed=1)
    parts = [(k + 1, crowd.faces(k, 1)) for k in range(faces)]
    gallery = (
        folders(parts) if parts else Gallery(np.empty((0, 8), np.float32), np.empty(0, np.int64), np.empty(0, np.int64))
    )
    assert told(scan(gallery)) == []


def test_a_large_folder_is_taken_apart_by_its_references() -> None:
    crowd = Crowd(6, seed=4)
    parts = [(1, crowd.faces(0, 2300)), (1, crowd.faces(1, 2)), *((p + 1, crowd.faces(p, 8)) for p in range(1, 6))]
    found = scan(folders(parts))
    assert told(found, least=0.25) == [("stray", 1, 2)] * 2
