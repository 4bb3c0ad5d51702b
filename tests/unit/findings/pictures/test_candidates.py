"""Hashes of turns and crops find copies without any face, and without comparing all with all."""

from __future__ import annotations

import numpy as np
import pytest

from facedb.embedding.pictures.thumbnail import thumbnail, view_hashes
from facedb.findings.pictures.candidates import VIEWS, alike_by_hash
from facedb.findings.pictures.registration import Grey
from facedb.findings.pictures.same_photo import Pictures, look
from tests.unit.findings.pictures.drawn import altered, photo


@pytest.mark.parametrize(
    "how", ["jpeg 30", "half", "crop 5", "crop 10", "border", "mirror", "quarter turn", "upside down"]
)
def test_copies_are_candidates_by_their_hashes(how: str) -> None:
    photos = [photo(seed) for seed in range(20)]
    views = [view_hashes(thumbnail(image)) for image in [*photos, *(altered(image, how) for image in photos)]]
    one, two = alike_by_hash(np.array(views, np.int64))
    found = set(zip(one.tolist(), two.tolist(), strict=True))
    assert {len(hashes) for hashes in views} == {VIEWS}
    assert sum((k, k + 20) in found for k in range(20)) >= 17
    assert len(found) <= 25


def test_the_candidates_are_those_of_comparing_all_with_all_up_to_two_bits() -> None:
    rng = np.random.default_rng(4)
    views = rng.integers(-(2**63), 2**63, (60, VIEWS), dtype=np.int64)
    views[30:, 5] = views[:30, 0] ^ (np.int64(1) << rng.integers(0, 63, 30)) ^ (np.int64(1) << rng.integers(0, 63, 30))
    one, two = alike_by_hash(views)
    assert {(k, k + 30) for k in range(30)} <= set(zip(one.tolist(), two.tolist(), strict=True))
    assert (one < two).all()


def test_pictures_without_hashes_have_no_candidates() -> None:
    assert len(alike_by_hash(np.zeros((5, VIEWS), np.int64))[0]) == 0
    assert len(alike_by_hash(np.empty((0, VIEWS), np.int64))[0]) == 0


def test_a_hundred_copies_are_not_all_compared_with_each_other_and_what_is_missing_is_not_known() -> None:
    greys: dict[int, Grey] = {k: np.asarray(thumbnail(altered(photo(1), "jpeg 75"))) for k in range(30)}
    greys[40] = np.asarray(thumbnail(photo(2)))
    calls: list[int] = []

    def load(images: object) -> dict[int, Grey]:
        calls.append(1)
        return {k: greys[k] for k in images if k in greys}  # type: ignore[attr-defined]

    a, b = np.triu_indices(30, 1)
    a, b = np.r_[a, 0, 0], np.r_[b, 40, 99]
    found = look(Pictures(np.zeros((0, VIEWS), np.int64), load), a, b, np.linspace(1, 0, len(a)))
    assert (found[:-2] >= 0.99).all()
    assert found[-2] < 0.5
    assert np.isnan(found[-1])
