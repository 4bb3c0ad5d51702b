"""Procedural faces."""

from __future__ import annotations

import numpy as np
import pytest

from facedb.demo.drawing.effects import photographed
from facedb.demo.drawing.face import draw, draw_face, picture_conditions
from facedb.demo.drawing.features import draw_features
from facedb.demo.names import invented_names


def test_the_same_seeds_give_the_same_picture() -> None:
    assert np.array_equal(draw_face(17, 3), draw_face(17, 3))


def test_two_pictures_of_a_person_and_two_persons_differ() -> None:
    first = draw_face(17, 3).astype(int)
    assert np.abs(first - draw_face(17, 4)).mean() > 5
    assert np.abs(first - draw_face(18, 3)).mean() > 5


def test_drawing_neither_uses_nor_disturbs_the_global_random_state() -> None:
    np.random.seed(1)  # noqa: NPY002 - the global state is what is tested here
    before = np.random.get_state(legacy=False)["state"]["key"].tolist()  # noqa: NPY002
    first = draw_face(17, 3)
    assert np.random.get_state(legacy=False)["state"]["key"].tolist() == before  # noqa: NPY002
    np.random.seed(2)  # noqa: NPY002
    assert np.array_equal(draw_face(17, 3), first)


@pytest.mark.parametrize("size", [64, 112, 160])
def test_a_picture_is_rgb_of_the_size_that_was_asked_for(size: int) -> None:
    picture = draw_face(5, 0, size=size)
    assert picture.shape == (size, size, 3)
    assert picture.dtype == np.uint8


def test_every_kind_of_person_can_be_drawn() -> None:
    people = [draw_features(seed) for seed in range(150)]
    assert {p.hairline for p in people} == {"round", "peak", "side", "centre", "fringe", "receding", "bald"}
    assert {p.back for p in people} == {"none", "bob", "long", "waves", "afro", "scarf"}
    assert {p.beard for p in people} == {"none", "moustache", "goatee", "full"}
    assert {p.nose for p in people} == {"button", "long", "wide", "shadow"}
    assert {p.top for p in people} == {"none", "bun", "quiff", "curls", "spikes"}
    for person in people:
        assert draw(person, picture_conditions(0, 0), size=32).std() > 10


def test_glasses_are_worn_always_never_or_now_and_then() -> None:
    habits = {draw_features(seed).glasses_habit for seed in range(100)}
    assert habits == {0.0, 0.5, 0.95}


def test_a_light_from_the_side_brightens_that_side() -> None:
    from dataclasses import replace

    plain = replace(
        picture_conditions(1, 1), light_angle=0.0, light_strength=0.3, blur=0.0, noise=0.0, contrast=1.0, warmth=0.0
    )
    grey = np.full((20, 20, 3), 100, np.uint8)
    seen = photographed(grey, plain, seed=0)
    assert np.array_equal(grey, np.full((20, 20, 3), 100, np.uint8))
    assert seen[:, -1].mean() > seen[:, 0].mean() + 40


def test_names_are_different_and_repeatable() -> None:
    names = invented_names(1000, seed=4)
    assert len(set(names)) == 1000
    assert names[:50] == invented_names(50, seed=4)
    assert names[2:20] != invented_names(20, seed=5)[2:]
