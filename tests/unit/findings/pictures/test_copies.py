"""Copies of one photo are one finding, whatever was done to some of them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from facedb.embedding.pictures.thumbnail import from_bytes, thumbnail, to_bytes, view_hashes
from facedb.findings.cores.folders import folders
from facedb.findings.duplicates import Hashes, find_copies
from facedb.findings.flagged import Pairs
from facedb.findings.pictures.registration import Grey
from facedb.findings.pictures.same_photo import Pictures
from tests.unit.findings.pictures.drawn import ALTERED, altered, photo


def groups(seeds: Iterable[int], ways: Iterable[str]) -> list[set[int]]:
    """The groups that are told of photos and their copies, all in one folder and with faces that are nearly the same; a photo is
    ``100 * seed``, its copies follow."""
    ways, seeds = list(ways), list(seeds)
    keys = np.array([100 * seed + k for seed in seeds for k in range(len(ways) + 1)])
    shown = [
        photo(seed) if k == 0 else altered(photo(seed), ways[k - 1]) for seed, k in (divmod(key, 100) for key in keys)
    ]
    greys = {int(key): thumbnail(image) for key, image in zip(keys, shown, strict=True)}
    vectors = np.random.default_rng(1).normal(size=(len(keys), 64)) * 0.01
    vectors[np.arange(len(keys)), np.searchsorted(seeds, keys // 100)] += 1
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    a, b = np.triu_indices(len(keys), 1)
    score = (vectors @ vectors.T)[a, b]
    near = score >= 0.9

    def load(images: Iterable[int]) -> dict[int, Grey]:
        return {key: from_bytes(to_bytes(greys[key])) for key in images}

    found = find_copies(
        vectors,
        keys,
        folders(np.zeros(len(keys), np.int64), keys),
        Hashes.none(len(keys)),
        Pairs(a[near], b[near], score[near].astype(np.float32)),
        Pictures(np.array([view_hashes(greys[int(key)]) for key in keys], np.int64), load),
    ).table
    return [set(keys[found.members.rows_of(k)].tolist()) for k in range(len(found))]


def test_all_copies_of_a_photo_are_one_group_however_far_some_of_them_are_from_others() -> None:
    told = groups((3, 4), ALTERED)
    assert sorted(map(min, told)) == [300, 400]
    assert all(len(group) >= len(ALTERED) for group in told)
    assert all({key // 100 for key in group} == {min(group) // 100} for group in told)


def test_a_photo_cropped_on_one_side_is_told_though_its_hash_is_another() -> None:
    told = groups(range(1, 5), ["crop one side"])
    assert sorted(map(sorted, told)) == [[100 * seed, 100 * seed + 1] for seed in range(1, 5)]
