"""Alignment: the least-squares similarity, and the picture seen through it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from facedb.core import rejects
from facedb.core.rejects import Rejected
from facedb.embedding.pictures import align
from facedb.embedding.pictures.align import ARCFACE_112, Similarity, similarity, template_for, warp
from tests.unit.embedding.conftest import picture

TEMPLATE = np.asarray(ARCFACE_112)


def apply(forward: Similarity, points: np.ndarray) -> np.ndarray:
    moved = forward.a * (points[:, 0] + 1j * points[:, 1]) + forward.b
    return np.stack([moved.real, moved.imag], axis=1)


def sampled(image: Image.Image, x: float, y: float) -> np.ndarray:
    """Bilinear value at pixel-centre coordinates, float64: the oracle of ``warp``."""
    values = np.asarray(image).astype(float)
    x0, y0 = int(np.floor(x)), int(np.floor(y))
    fx, fy = x - x0, y - y0
    upper = values[y0, x0] * (1 - fx) + values[y0, x0 + 1] * fx
    lower = values[y0 + 1, x0] * (1 - fx) + values[y0 + 1, x0 + 1] * fx
    between: np.ndarray = upper * (1 - fy) + lower * fy
    return between


@settings(max_examples=50)
@given(seed=st.integers(0, 10_000))
def test_the_similarity_is_the_least_squares_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    source = rng.normal(size=(5, 2)) * 40 + 100
    found = similarity(source, TEMPLATE)
    # Oracle: linear least squares in (p, q, tx, ty) of u = p x - q y + tx, v = q x + p y + ty.
    rows = np.zeros((10, 4))
    rows[0::2] = np.c_[source[:, 0], -source[:, 1], np.ones(5), np.zeros(5)]
    rows[1::2] = np.c_[source[:, 1], source[:, 0], np.zeros(5), np.ones(5)]
    p, q, tx, ty = np.linalg.lstsq(rows, TEMPLATE.ravel(), rcond=None)[0]
    assert found.a == pytest.approx(complex(p, q), rel=1e-6, abs=1e-9)
    assert found.b == pytest.approx(complex(tx, ty), rel=1e-6, abs=1e-6)


def test_a_rotated_scaled_shifted_template_comes_back_exactly() -> None:
    away = Similarity(2.5 * np.exp(0.7j), 40 - 12j)
    back = similarity(apply(away, TEMPLATE), TEMPLATE)
    assert np.allclose(apply(back, apply(away, TEMPLATE)), TEMPLATE)
    assert back.scale == pytest.approx(1 / 2.5)
    assert np.allclose(apply(away.inverse(), apply(away, TEMPLATE)), TEMPLATE)


@pytest.mark.parametrize(
    "points", [np.full((5, 2), 7.0), np.full((5, 2), np.nan), np.array([[np.inf, 0], [1, 1], [2, 2], [3, 3], [4, 4]])]
)
def test_landmarks_without_extent_or_value_are_bad(points: np.ndarray) -> None:
    with pytest.raises(Rejected) as caught:
        similarity(points, TEMPLATE)
    assert caught.value.problem.code == rejects.BAD_LANDMARKS


def test_the_template_grows_with_the_input_and_stays_in_the_middle() -> None:
    assert np.allclose(template_for(112, 112), TEMPLATE)
    assert np.allclose(template_for(224, 224), (TEMPLATE + 0.5) * 2 - 0.5)
    assert np.allclose(template_for(112, 96), template_for(96, 96) + np.array([0, 8]))


def test_the_identity_returns_the_image_itself() -> None:
    image = picture(64, 64)
    assert warp(image, Similarity(1 + 0j, 0j), 64, 64).tobytes() == image.tobytes()


@pytest.mark.parametrize("angle", [0.0, 0.3, -1.2])
@pytest.mark.parametrize("scale", [0.6, 1.0, 1.7])
def test_every_pixel_is_the_bilinear_value_at_its_place(angle: float, scale: float) -> None:
    image = picture(200, 180, seed=4)
    back = Similarity(scale * np.exp(1j * angle), 100 + 90j - scale * np.exp(1j * angle) * (16 + 16j))
    seen = np.asarray(warp(image, back.inverse(), 33, 33)).astype(float)
    for x, y in ((0, 0), (32, 0), (5, 20), (16, 16), (31, 32)):
        place = back.a * complex(x, y) + back.b
        assert np.abs(seen[y, x] - sampled(image, place.real, place.imag)).max() <= 1.5


def test_outside_the_image_is_black() -> None:
    seen = np.asarray(warp(Image.new("RGB", (20, 20), (255, 255, 255)), Similarity(1 + 0j, 10 + 10j), 40, 40))
    assert (seen[:9, :9] == 0).all()
    assert (seen[12:28, 12:28] == 255).all()
    assert (seen[32:, 32:] == 0).all()


def test_fine_texture_does_not_alias_when_a_large_face_shrinks() -> None:
    checker = (np.indices((512, 512)).sum(axis=0) % 2 * 255).astype(np.uint8)
    image = Image.fromarray(np.repeat(checker[..., None], 3, axis=2))
    seen = np.asarray(warp(image, Similarity(0.25 + 0j, 0j), 128, 128)).astype(int)
    assert np.abs(seen[4:-4, 4:-4] - 127).max() <= 2


def test_reduction_shifts_nothing() -> None:
    # A linear ramp stays the same ramp through any scale, wherever the box filter is used.
    ramp = np.tile(np.arange(240, dtype=np.uint8)[None, :, None], (240, 1, 3))
    for scale in (1.5, 2.0, 3.3):
        back = Similarity(complex(scale), 30 + 30j)
        seen = np.asarray(warp(Image.fromarray(ramp), back.inverse(), 40, 40)).astype(float)
        assert np.abs(seen[20, :, 0] - (30 + scale * np.arange(40))).max() <= 1.0


def test_landmarks_outside_the_image_are_bad() -> None:
    with pytest.raises(Rejected) as caught:
        warp(picture(), Similarity(1 + 0j, -500 - 500j), 32, 32)
    assert caught.value.problem.code == rejects.BAD_LANDMARKS


def test_a_box_is_cut_square_around_its_middle() -> None:
    image = Image.new("RGB", (100, 100))
    image.paste((255, 255, 255), (40, 30, 60, 70))
    seen = np.asarray(align.crop_box(image, (40.0, 30.0, 20.0, 40.0), 0.0, 40, 40))[..., 0]
    assert (seen[2:38, 12:28] == 255).all()
    assert (seen[:, :8] == 0).all()
    assert (seen[:, 32:] == 0).all()


@pytest.mark.parametrize("box", [(0, 0, 0, 10), (0, 0, float("nan"), 10), (500, 0, 10, 10), (-50, 0, 10, 10)])
def test_a_box_without_area_or_outside_is_bad(box: tuple[float, float, float, float]) -> None:
    with pytest.raises(Rejected) as caught:
        align.crop_box(picture(), box, 0.0, 32, 32)
    assert caught.value.problem.code == rejects.BAD_LANDMARKS
