"""Photos outside of folders, made of vectors: who they are, new people among them, copies."""

from __future__ import annotations

import numpy as np
import pytest

from facedb.core.finding import Kind, Role
from facedb.findings.duplicates import Hashes
from facedb.findings.finding_table import FindingTable
from facedb.findings.folder_study import study_folders
from facedb.findings.outside.known import known
from facedb.findings.outside.photos import Outside, find_outside
from facedb.join.gallery import Gallery
from facedb.join.loop import join, plan_blocks
from tests.unit.findings.people import Crowd, folders
from tests.vectors import unit

PEOPLE = 20


def ask(
    gallery: Gallery, free: np.ndarray, images: np.ndarray | None = None, content: np.ndarray | None = None
) -> FindingTable:
    """What is told of faces ``free`` beside a gallery; ``images`` of them, and the ``content`` of all files."""
    first = len(gallery)
    vectors = np.ascontiguousarray(np.r_[gallery.vectors, free])
    groups = np.r_[gallery.image_ids, first + (np.arange(len(free)) if images is None else images)]
    labels = np.r_[gallery.identity_ids, -1 - np.arange(len(free))]
    results = list(
        join(
            Gallery(vectors, labels, groups),
            plan_blocks(labels, first_new=first, target_rows=4096),
            threshold=0.45,
            engine="exact",
        )
    )
    hashes = Hashes.none(len(vectors))
    if content is not None:
        hashes = Hashes(content, hashes.look, hashes.has_look)
    outside = Outside(
        first,
        vectors,
        gallery.identity_ids.astype(np.int64),
        groups,
        hashes,
        *(np.concatenate([getattr(r, name) for r in results]) for name in ("rows_a", "rows_b", "scores")),
    )
    return find_outside(outside, study_folders(gallery))


def told(found: FindingTable, least: float = 0.5) -> list[tuple[str, int, list[int]]]:
    """Class, identity and rows in question of the findings with at least this confidence."""
    return [
        (
            Kind(int(found.kind[k])).word,
            int(found.identity_a[k]),
            found.members.rows_of(k).tolist(),
        )
        for k in np.flatnonzero(found.confidence >= least)
    ]


@pytest.fixture
def crowd() -> Crowd:
    return Crowd(PEOPLE + 4, seed=5)


@pytest.fixture
def gallery(crowd: Crowd) -> Gallery:
    """Twenty people of five faces, labelled 1 to 20; four more have no folder."""
    return folders([(person + 1, crowd.faces(person, 5)) for person in range(PEOPLE)])


def test_a_photo_of_somebody_with_a_folder_is_told_with_whom_and_with_the_next_best(
    crowd: Crowd, gallery: Gallery
) -> None:
    free = np.concatenate([crowd.faces(person, 1) for person in (3, 7, 3)])
    found = ask(gallery, free)
    assert sorted(told(found, 0.95)) == [("unlabelled", 4, [100]), ("unlabelled", 4, [102]), ("unlabelled", 8, [101])]
    wide = free.astype(np.float64) @ gallery.vectors.astype(np.float64).T
    means = np.stack([wide[:, gallery.identity_ids == label].mean(axis=1) for label in range(1, PEOPLE + 1)], axis=1)
    for k in range(len(found)):
        row = found.members.row[(found.members.finding == k) & (found.members.role == Role.WRONG)][0] - 100
        best = np.argsort(-means[row])[:2]
        assert [found.identity_a[k] - 1, found.identity_b[k] - 1] == best.tolist()
        assert found.mean_score[k] == pytest.approx(means[row, best[0]], abs=1e-5)
        assert found.own_score[k] == pytest.approx(means[row, best[1]], abs=1e-5)
        assert found.max_score[k] == pytest.approx(wide[row].max(), abs=1e-6)


def test_photos_of_one_person_without_a_folder_are_a_newcomer_and_a_lone_one_is_asked_about(
    crowd: Crowd, gallery: Gallery
) -> None:
    free = np.concatenate([crowd.faces(20, 3), crowd.faces(21, 2), crowd.faces(22, 1)])
    found = ask(gallery, free)
    assert sorted(told(found)) == [("newcomer", -1, [100, 101, 102]), ("newcomer", -1, [103, 104])]
    (lone,) = [entry for entry in told(found, 0) if entry[0] == "unlabelled"]
    assert lone[2] == [105]
    assert found.confidence[found.kind == Kind.UNLABELLED].max() < 0.05


def test_every_photo_is_told_once(crowd: Crowd, gallery: Gallery) -> None:
    free = np.concatenate([crowd.faces(1, 2), crowd.faces(20, 3), crowd.faces(22, 1), crowd.faces(23, 1)])
    rows = [row for _, _, members in told(ask(gallery, free), 0) for row in members]
    assert sorted(rows) == list(range(100, 107))


def test_two_faces_of_one_photo_are_no_newcomer_and_the_known_one_is_the_one_that_is_told(
    crowd: Crowd, gallery: Gallery
) -> None:
    free = np.concatenate([crowd.faces(20, 2), crowd.faces(4, 1)])
    assert told(ask(gallery, free[:2], np.zeros(2, np.int64))) == []
    assert told(ask(gallery, free[1:], np.zeros(2, np.int64))) == [("unlabelled", 5, [101])]


def test_copies_of_one_photo_are_a_duplicate_and_no_newcomer(crowd: Crowd, gallery: Gallery) -> None:
    free = np.repeat(crowd.faces(20, 1), 2, axis=0)
    content = np.r_[np.arange(100), 500, 500]
    assert told(ask(gallery, free, content=content)) == [("duplicate", -1, [100, 101])]


def test_a_copy_of_a_photo_in_a_folder_is_told_as_that_alone(gallery: Gallery) -> None:
    content = np.r_[np.arange(100), 33]
    found = ask(gallery, gallery.vectors[33:34].copy(), content=content)
    assert told(found, 0) == [("duplicate", int(gallery.identity_ids[33]), [33, 100])]
    assert found.outside.tolist() == [1]


def test_somebody_with_two_folders_is_known_by_both_together(crowd: Crowd) -> None:
    parts = [(person + 1, crowd.faces(person, 5)) for person in range(PEOPLE)] + [(50, crowd.faces(3, 5))]
    gallery = folders(parts)
    ((kind, label, _),) = told(ask(gallery, crowd.faces(3, 1)), 0.95)
    assert kind == "unlabelled"
    assert label in (4, 50)


def test_the_probability_never_falls_as_a_face_comes_nearer(crowd: Crowd, gallery: Gallery) -> None:
    study = study_folders(gallery)
    target = crowd.centres[2].astype(np.float64)
    away = unit(crowd.rng.standard_normal((1, len(target))))[0].astype(np.float64)
    away -= (away @ target) * target
    away /= np.linalg.norm(away)
    steps = np.linspace(0.15, 0.95, 40)
    faces = unit(steps[:, None] * target + np.sqrt(1 - steps[:, None] ** 2) * away)
    # One at a time: together they would tell how often somebody is known.
    sure = [float(known(study.who, study.odds, face[None]).sure[0]) for face in faces]
    # On its way the face comes nearer to those who are like the target, too, which may cost a ten-thousandth.
    assert (np.diff(sure) >= -1e-4).all()
    assert sure[0] < 0.25
    assert sure[-1] > 0.95


def test_strangers_beside_a_gallery_of_single_photos_are_never_certain(crowd: Crowd) -> None:
    gallery = folders([(person + 1, crowd.faces(person, 1)) for person in range(PEOPLE)])
    found = ask(gallery, np.concatenate([crowd.faces(person, 1) for person in (20, 21, 22, 23)]))
    assert (found.confidence < 0.5).all()
