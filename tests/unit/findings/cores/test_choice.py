"""Which face of a photo takes part: the one that fits its folder, whatever lies beside it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from facedb.core.finding import Kind
from facedb.findings.cores.choice import Choice, Part, choose_faces
from facedb.findings.cores.doubts import Why
from facedb.findings.cores.shown_together import Company
from facedb.findings.duplicates import Hashes
from facedb.findings.find import Evidence, find
from facedb.findings.flagged import Pairs
from facedb.findings.folder_study import study_folders
from facedb.join.blocks import plan_blocks
from facedb.join.loop import join
from tests.unit.findings.people import Crowd, folders
from tests.vectors import unit


@dataclass
class Photos:
    """Photos of folders, face by face; ``person`` of each face is the truth."""

    crowd: Crowd
    vectors: list[np.ndarray] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    photos: list[int] = field(default_factory=list)
    areas: list[float] = field(default_factory=list)
    offsets: list[float] = field(default_factory=list)
    person: list[int] = field(default_factory=list)

    def add(self, label: int, *people: int, areas: tuple[float, ...] = (), offsets: tuple[float, ...] = ()) -> None:
        """A photo of some persons in folder ``label``."""
        photo = max(self.photos, default=-1) + 1
        for k, who in enumerate(people):
            self.vectors.append(self.crowd.faces(who, 1)[0])
            self.labels.append(label)
            self.photos.append(photo)
            self.areas.append(areas[k] if areas else 100.0)
            self.offsets.append(offsets[k] if offsets else 10.0 * k)
            self.person.append(who)

    def choose(self, order: np.ndarray | None = None) -> tuple[Choice, list[int]]:
        """The choice, and the person that each photo takes part with (by photo)."""
        rows = np.arange(len(self.labels)) if order is None else order
        found = choose_faces(
            np.stack(self.vectors)[rows],
            np.array(self.labels)[rows],
            np.array(self.photos)[rows],
            np.array(self.areas)[rows],
            np.array(self.offsets)[rows],
        )
        chosen = rows[found.chosen]
        by_photo = dict(
            zip(np.array(self.photos)[chosen].tolist(), np.array(self.person)[chosen].tolist(), strict=True)
        )
        return found, [by_photo[p] for p in sorted(by_photo)]


def album(persons: int = 6, each: int = 4) -> Photos:
    """One face a photo, ``each`` photos a person."""
    found = Photos(Crowd(20, seed=4))
    for who in range(persons):
        for _ in range(each):
            found.add(who, who)
    return found


def test_a_photo_of_two_takes_part_with_the_face_of_its_folder_whatever_is_larger_or_more_central() -> None:
    photos = album()
    for who in range(6):
        photos.add(who, (who + 1) % 6, who, areas=(900.0, 100.0), offsets=(0.0, 90.0))
    found, people = photos.choose()
    assert people == [who for who in range(6) for _ in range(4)] + list(range(6))
    assert [int(p) for p in found.part[-2:]] == [Part.BYSTANDER, Part.PART]
    assert len(people) == len(set(photos.photos))


def test_a_folder_without_a_photo_of_one_starts_from_the_face_that_recurs() -> None:
    photos = album()
    for k in range(4):
        photos.add(50, 12 + k, 11, areas=(900.0, 100.0))
    _, people = photos.choose()
    assert people[-4:] == [11] * 4


def test_a_folder_whose_photos_all_show_two_is_about_the_one_without_a_folder_of_his_own() -> None:
    photos = album()
    for _ in range(4):
        photos.add(50, 2, 11, areas=(900.0, 100.0))
    photos.add(50, 2, 12, areas=(900.0, 100.0))
    _, people = photos.choose()
    assert people[-5:-1] == [11] * 4
    alias = album()
    for k in range(4):
        alias.add(50, 2, 12 + k // 2, areas=(100.0, 900.0))
    assert alias.choose()[1][-4:] == [2] * 4, "nobody else is in most of its photos: it may be a second folder of his"


@pytest.mark.parametrize("first", [50, 60])
def test_two_folders_whose_photos_all_show_the_same_two_are_about_one_of_them_each(first: int) -> None:
    photos = album()
    second = 110 - first
    for k in range(4):
        photos.add(first, 11, 12, areas=(900.0, 100.0))
        photos.add(second, 11, 12, areas=(900.0, 100.0) if k else (100.0, 900.0))
    found, people = photos.choose()
    assert people[-8:] == [11, 12] * 4
    assert set(found.doubts.why[found.chosen][-8:].tolist()) == {Why.BOTH_RECUR}


def test_a_folder_of_one_who_is_hardly_ever_alone_may_be_about_the_other() -> None:
    photos = album()
    photos.add(50, 2)
    for _ in range(4):
        photos.add(50, 2, 11)
    for _ in range(3):
        photos.add(51, 3)
    photos.add(51, 3, 12)
    found, people = photos.choose()
    assert people[-9:] == [2] * 5 + [3] * 4
    rows = np.flatnonzero(found.chosen)
    assert found.torn[rows[-9:]].tolist() == [False] + [True] * 4 + [False] * 4


def test_one_who_stands_beside_the_people_of_several_folders_is_a_guest_in_each() -> None:
    photos = album()
    photos.add(3, 3, 19)
    for k in range(2):
        for _ in range(3):
            photos.add(50 + k, 10 + k, 19, areas=(100.0, 900.0))
    _, people = photos.choose()
    assert people[-6:] == [10] * 3 + [11] * 3
    photos.add(60, 12, 19, areas=(100.0, 900.0))
    photos.add(60, 12, 19, areas=(100.0, 900.0))
    assert photos.choose()[1][-2:] == [12] * 2


def test_who_is_settled_in_one_folder_is_left_to_it_by_the_next() -> None:
    photos = album()
    for k in range(5):
        for _ in range(2):
            photos.add(50 + k, 10 + k, 11 + k, areas=(100.0, 300.0 - 20.0 * k))
    for _ in range(2):
        photos.add(55, 15, areas=(100.0,))
    _, people = photos.choose()
    assert people[-12:] == [who for who in range(10, 16) for _ in range(2)]


def test_a_bad_picture_of_the_person_stands_for_the_photo_rather_than_a_large_stranger() -> None:
    photos = album()
    photos.add(0, 15, 0, areas=(400.0, 100.0))
    core, stranger = unit(np.mean(photos.vectors[:4], axis=0)[None])[0], photos.vectors[-2][::-1]
    photos.vectors[-1] = unit((0.28 * core + unit((stranger - (stranger @ core) * core)[None])[0])[None])[0]
    found, people = photos.choose()
    assert people[-1] == 0
    assert found.part[-1] == Part.NONE_FITS


def test_a_lone_photo_of_two_takes_the_face_that_the_others_teach_to_take() -> None:
    central = album()
    for who in range(6):
        central.add(who, who, 15, areas=(100.0, 900.0), offsets=(0.0, 90.0))
    central.add(50, 11, 12, areas=(100.0, 900.0), offsets=(0.0, 90.0))
    found, people = central.choose()
    assert people[-1] == 11
    assert found.guessed[-2:].all()
    assert found.right > 0.9
    large = album()
    for who in range(6):
        large.add(who, who, 15, areas=(900.0, 100.0), offsets=(90.0, 0.0))
    large.add(50, 11, 12, areas=(900.0, 100.0), offsets=(90.0, 0.0))
    assert large.choose()[1][-1] == 11


def test_no_face_that_fits_is_said_and_the_meant_one_takes_part() -> None:
    photos = album()
    photos.add(0, 15, 16, areas=(400.0, 100.0))
    found, people = photos.choose()
    assert people[-1] == 15
    assert [int(p) for p in found.part[-2:]] == [Part.NONE_FITS, Part.BYSTANDER]


def test_a_mirror_is_one_person_twice() -> None:
    photos = album()
    photos.add(2, 2, 2, areas=(100.0, 90.0))
    found, people = photos.choose()
    assert people[-1] == 2
    assert sorted(int(p) for p in found.part[-2:]) == [Part.PART, Part.AGAIN]


def test_the_choice_does_not_depend_on_the_order_of_the_rows() -> None:
    photos = album()
    for who in range(6):
        photos.add(who, (who + 1) % 6, who, 16)
    for k in range(3):
        photos.add(50, 12 + k, 11)
    photos.add(51, 13, 14, areas=(100.0, 90.0))
    order = np.random.default_rng(1).permutation(len(photos.labels))
    found, people = photos.choose()
    shuffled, again = photos.choose(order)
    assert people == again
    assert np.array_equal(found.part[order], shuffled.part)


def test_people_who_stand_in_one_photo_are_hardly_one_person() -> None:
    crowd = Crowd(12, seed=5)
    gallery = folders([*((p + 1, crowd.faces(p, 8)) for p in range(12)), (50, crowd.faces(3, 6))])
    blocks = plan_blocks(gallery.identity_ids, target_rows=4096)
    flagged = Pairs.of(join(gallery, blocks, threshold=0.45, engine="exact"))
    study = study_folders(gallery)
    none = Hashes.none(len(gallery))
    plain = find(gallery, study, flagged, Evidence(none)).table
    together = find(gallery, study, flagged, Evidence(none, Company(together={(4, 50): 0}))).table
    torn = find(gallery, study, flagged, Evidence(none, Company(torn=frozenset({50})))).table
    assert torn.confidence[0] == pytest.approx(plain.confidence[0] / 2, rel=1e-3)
    for found in (plain, together):
        assert found.identity_a[0] == 4
        assert found.identity_b[0] == 50
        assert found.kind[0] in (Kind.MERGE, Kind.LOOK_ALIKE)
    before, after = (t.confidence[0] / (1 - t.confidence[0]) for t in (plain, together))
    assert after == pytest.approx(0.01 * before, rel=1e-3)


def test_a_fifth_of_the_photos_with_a_bystander_beside_take_the_right_face() -> None:
    rng = np.random.default_rng(0)
    photos = Photos(Crowd(60, seed=6))
    truth = []
    for who in range(40):
        for _ in range(10):
            people = [who]
            if rng.random() < 0.2:
                people = [who, int(rng.integers(0, 60))] if rng.random() < 0.5 else [int(rng.integers(0, 60)), who]
            photos.add(who, *people)
            truth.append(who)
    _, people = photos.choose()
    assert np.mean([a == b for a, b in zip(people, truth, strict=True)]) >= 0.99


def test_the_face_that_a_person_took_stands_for_its_photo_whatever_fits() -> None:
    photos = album()
    photos.add(0, 0, 5)
    photos.add(9, 10, 11)
    photos.add(9, 11)
    photos.add(9, 11)
    found, by_photo = photos.choose()
    assert by_photo[-4:] == [0, 11, 11, 11]
    taken = np.zeros(len(photos.labels), bool)
    first, second = (np.flatnonzero(np.array(photos.photos) == photos.photos[-1] - k) for k in (3, 2))
    taken[[first[1], second[0]]] = True
    found = choose_faces(
        np.stack(photos.vectors),
        np.array(photos.labels),
        np.array(photos.photos),
        np.array(photos.areas),
        np.array(photos.offsets),
        taken,
    )
    assert found.chosen[taken].all()
    assert not found.chosen[[first[0], second[1]]].any()
    assert found.part[first[1]] == Part.NONE_FITS, "that it does not fit its folder is still said"
    assert np.bincount(np.array(photos.photos)[found.chosen]).tolist() == [1] * (photos.photos[-1] + 1)
    assert not found.guessed[taken].any()


def doubts_of(photos: Photos, count: int) -> list[tuple[Why, float]]:
    """Why, and how much, the choice of each of the last ``count`` photos is to be doubted."""
    found, _ = photos.choose()
    rows = np.flatnonzero(found.chosen)[-count:]
    return [(Why(int(found.doubts.why[row])), float(found.doubts.doubt[row])) for row in rows]


def test_a_face_that_fits_alone_is_sure_and_one_beside_its_like_is_not() -> None:
    photos = album()
    photos.add(0, 0, 7)
    photos.add(1, 8, 9)
    photos.add(2, 2)
    (fits, sure), (none, unsure), (alone, nothing) = doubts_of(photos, 3)
    assert (fits, none, alone) == (Why.FITS, Why.NONE_FITS, Why.ALONE)
    assert sure < 0.01
    assert unsure > 0.5
    assert nothing == 0


def test_a_face_taken_by_its_place_is_as_sure_as_places_are_in_the_photos_that_could_choose() -> None:
    photos = album()
    for who in range(6):
        photos.add(who, who, 7 + who, areas=(900.0, 100.0))
    photos.add(15, 15, 16, areas=(900.0, 100.0))
    found, _ = photos.choose()
    ((why, doubt),) = doubts_of(photos, 1)
    assert why == Why.PLACE
    assert doubt == pytest.approx(1 - found.right)
    assert found.doubts.right == pytest.approx(6.5 / 7)


def test_one_who_recurs_in_a_corner_is_doubted_where_no_photo_shows_one_alone() -> None:
    photos = album()
    for who in range(6):
        photos.add(who, who, 7 + who, areas=(900.0, 100.0))
    for other in (16, 17):
        photos.add(15, other, 15, areas=(900.0, 100.0), offsets=(0.0, 90.0))
    assert doubts_of(photos, 2) == [(Why.ELSEWHERE, 0.5)] * 2
