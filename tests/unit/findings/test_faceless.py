"""Copies of photos in which no face was found: told by their pictures, beside the one photo that has a face."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image

from facedb.core.finding import CERTAIN
from facedb.core.records import Float64Array
from facedb.embedding.pictures.thumbnail import from_bytes, thumbnail, to_bytes, view_hashes
from facedb.findings.cores.folders import folders
from facedb.findings.duplicates import Copies, Hashes, find_copies
from facedb.findings.faceless import Faceless, find_faceless_copies
from facedb.findings.finding_table import FindingTable
from facedb.findings.flagged import Pairs
from facedb.findings.pictures.candidates import VIEWS, alike_by_hash
from facedb.findings.pictures.registration import Grey
from facedb.findings.pictures.same_photo import Pictures
from tests.unit.findings.pictures.drawn import altered, photo, saved

Shown = tuple[Image.Image, int]
"""A photo and its label."""
NONE = np.empty(0)


def found(
    faced: Sequence[Shown], bare: Sequence[Shown], content: Sequence[int] = (), known: Float64Array = NONE
) -> FindingTable:
    """What is told of photos with faces, keys 1 and on, and those without, keys 101 and on; ``known``: how far other pairs agreed."""
    shown = [image for image, _ in (*faced, *bare)]
    keys = np.r_[1 + np.arange(len(faced)), 101 + np.arange(len(bare))].astype(np.int64)
    greys = dict(zip(keys.tolist(), map(thumbnail, shown), strict=True))

    def load(images: Sequence[int]) -> dict[int, Grey]:
        return {key: from_bytes(to_bytes(greys[key])) for key in images}

    return find_faceless_copies(
        Faceless(
            len(faced),
            keys,
            np.array([label for _, label in (*faced, *bare)], np.int64),
            np.array(content or [-1] * len(keys), np.int64),
        ),
        Pictures(np.array([view_hashes(grey) for grey in greys.values()], np.int64).reshape(-1, VIEWS), load),
        Copies(NOTHING, known, np.ones(len(known))),
    )


NOBODY = np.empty(0, np.int64)
NOTHING = find_copies(np.empty((0, 4), np.float32), NOBODY, folders(NOBODY, NOBODY), Hashes.none(0), Pairs.of([])).table


def groups(table: FindingTable) -> list[list[int]]:
    return sorted(sorted(table.members.rows_of(k).tolist()) for k in range(len(table)))


TURNS = ("quarter turn", "upside down", "mirror and turn")


@pytest.mark.parametrize("how", TURNS)
def test_a_turned_copy_without_a_face_is_told_beside_the_photo_it_is_of(how: str) -> None:
    faced = [(photo(seed), 7) for seed in (1, 2, 3)]
    told = found(faced, [(altered(photo(2), how), 7), (photo(40), 7)])
    assert groups(told) == [[1, 3]]
    assert told.confidence[0] >= CERTAIN
    assert (told.identity_a[0], told.identity_b[0], told.faces_a[0], told.size_a[0]) == (7, -1, 2, 5)
    assert np.isnan(told.mean_score[0])


def test_of_two_folders_that_of_the_photo_with_a_face_is_the_first() -> None:
    told = found([(photo(1), 9), (photo(2), 7)], [(altered(photo(1), "quarter turn"), 7)])
    assert groups(told) == [[0, 2]]
    assert (told.identity_a[0], told.identity_b[0]) == (9, 7)
    assert (told.faces_a[0], told.size_a[0], told.faces_b[0], told.size_b[0]) == (1, 1, 1, 2)


def test_two_turned_copies_of_a_photo_that_nobody_has_are_told_of_each_other() -> None:
    told = found([(photo(1), 7)], [(altered(photo(5), "quarter turn"), 7), (altered(photo(5), "upside down"), 8)])
    assert groups(told) == [[1, 2]]
    assert (told.identity_a[0], told.identity_b[0]) == (7, 8)


def test_the_same_file_twice_without_a_face_is_certain_whatever_it_shows() -> None:
    blank = Image.new("RGB", (200, 200), (9, 9, 9))
    told = found([(photo(1), 7)], [(blank, 7), (blank, 7), (blank, 7)], content=[1, 2, 2, 3])
    assert groups(told) == [[1, 2]]
    assert told.equal[0] == 1


def test_a_copy_joins_one_photo_with_a_face_the_one_of_its_own_folder_where_two_are_alike() -> None:
    same = altered(photo(1), "jpeg 75")
    told = found([(photo(1), 7), (same, 8)], [(altered(photo(1), "quarter turn"), 8)])
    assert groups(told) == [[1, 2]]


def test_how_far_photos_of_the_set_agree_that_are_no_copies_counts() -> None:
    poor = saved(altered(photo(1), "quarter turn"), 10)
    assert found([(photo(1), 7)], [(poor, 7)]).confidence[0] >= CERTAIN
    # A camera and a head that stand still.
    studio = np.tanh(np.random.default_rng(0).normal(0.7, 0.5, 300).clip(0.01, 2.3))
    assert found([(photo(1), 7)], [(poor, 7)], known=studio).confidence.max(initial=0) < CERTAIN


def test_photos_that_differ_are_no_copies_and_nothing_is_told_of_nothing() -> None:
    assert len(found([(photo(seed), 7) for seed in range(4)], [(photo(seed), 7) for seed in range(10, 14)])) == 0
    assert len(found([(photo(1), 7), (altered(photo(1), "quarter turn"), 7)], [(photo(2), 7)])) == 0
    assert len(found([], [(photo(2), 7)])) == 0


def test_pairs_by_hash_among_some_pictures_are_those_of_all_that_have_one_of_them() -> None:
    rng = np.random.default_rng(5)
    views = rng.integers(-(2**63), 2**63 - 1, (900, VIEWS), np.int64)
    views[300:600] = views[:300] ^ (np.int64(1) << rng.integers(0, 63, (300, VIEWS)))
    views[600:, 0] = views[:300, 3]
    among = rng.random(900) < 0.2
    one, two = alike_by_hash(views)
    either = among[one] | among[two]
    assert 50 < either.sum() < len(one)
    some = alike_by_hash(views, among)
    assert np.array_equal(some[0], one[either])
    assert np.array_equal(some[1], two[either])
    assert len(alike_by_hash(views, np.zeros(900, bool))[0]) == 0


def test_a_copy_cropped_until_no_face_is_left_is_told_beside_the_photo_of_its_own_folder() -> None:
    half = photo(1).crop((0, 125, 250, 250))
    assert groups(found([(photo(seed), 7) for seed in (1, 2, 3)], [(half, 7)])) == [[0, 3]]
    turned = half.transpose(Image.Transpose.ROTATE_90)
    assert groups(found([(photo(seed), 7) for seed in (1, 2, 3)], [(turned, 7)])) == [[0, 3]]
