"""Sharpness and the perceptual hash."""

from __future__ import annotations

import math
from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageFilter

from facedb.embedding.pictures.quality import perceptual_hash, sharpness
from tests.unit.embedding.conftest import picture


def distance(one: int, other: int) -> int:
    return ((one ^ other) & (2**64 - 1)).bit_count()


def test_sharpness_is_the_share_of_local_contrast_that_is_fine_detail() -> None:
    crop = picture(112, 112, seed=2)
    grey = np.asarray(crop.convert("L")).astype(float)
    fine, local = [], []
    for y in range(7, 105):
        for x in range(7, 105):
            fine.append(grey[y, x] - grey[y - 1 : y + 2, x - 1 : x + 2].mean())
            local.append(grey[y, x] - grey[y - 7 : y + 8, x - 7 : x + 8].mean())
    expected = 100 * (np.mean(np.square(fine)) - 0.25) / np.mean(np.square(local))
    assert sharpness(crop) == pytest.approx(expected)


def test_a_blurred_face_is_less_sharp_and_a_flat_one_not_at_all() -> None:
    noisy = Image.fromarray(np.random.default_rng(0).integers(0, 256, (112, 112, 3), dtype=np.uint8))
    assert sharpness(noisy.filter(ImageFilter.GaussianBlur(2))) < sharpness(noisy) / 10
    assert sharpness(Image.new("RGB", (64, 64))) == 0


def test_neither_the_border_of_an_alignment_nor_brightness_and_contrast_change_sharpness() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (56, 56, 3), dtype=np.uint8)
    crop = Image.fromarray(noise).resize((112, 112), Image.Resampling.BICUBIC).filter(ImageFilter.GaussianBlur(2))
    pixels = np.asarray(crop).copy()
    there = np.ones((112, 112), bool)
    there[:30] = there[:, 80:] = False
    pixels[~there] = 0
    cut = Image.fromarray(pixels)
    assert sharpness(cut) == pytest.approx(sharpness(cut, there), rel=0.1)
    other = np.asarray(picture(112, 112, seed=9)).copy()
    other[there] = pixels[there]
    assert sharpness(cut, there) == pytest.approx(sharpness(Image.fromarray(other), there), rel=0.01)
    whole = Image.fromarray((np.asarray(crop) * 0.5 + 60).astype(np.uint8))
    assert sharpness(whole) == pytest.approx(sharpness(crop), rel=0.3)
    assert math.isnan(sharpness(cut, np.zeros((112, 112), bool)))


@pytest.mark.parametrize("quality", [None, 75])
def test_the_black_that_an_earlier_alignment_left_in_a_chip_is_no_detail(quality: int | None) -> None:
    noise = np.random.default_rng(3).integers(60, 256, (56, 56, 3), dtype=np.uint8)
    sharp = Image.fromarray(noise).resize((112, 112), Image.Resampling.BICUBIC)
    corner = Image.new("L", (112, 112), 255)
    corner.paste(0, (0, 0, 112, 25))
    corner = corner.rotate(12, Image.Resampling.BILINEAR, fillcolor=0)
    found = []
    for radius in (0, 1, 3):
        chip = sharp.filter(ImageFilter.GaussianBlur(radius))
        aligned = Image.composite(chip, Image.new("RGB", chip.size), corner)
        if quality:
            stream = BytesIO()
            aligned.save(stream, "JPEG", quality=quality)
            aligned = Image.open(stream).convert("RGB")
        found.append((sharpness(aligned), sharpness(chip)))
    assert found[0][0] > 2 * found[1][0] > 8 * found[2][0]
    for cut, whole in found[:2]:
        assert cut == pytest.approx(whole, rel=0.35)


@pytest.mark.parametrize("seed", range(6))
def test_the_hash_survives_recompression_and_resizing(seed: int) -> None:
    image = picture(320, 240, seed)
    stream = BytesIO()
    image.save(stream, "JPEG", quality=40)
    original = perceptual_hash(image)
    assert distance(original, perceptual_hash(Image.open(stream).convert("RGB"))) <= 4
    assert distance(original, perceptual_hash(image.resize((97, 75)))) <= 6
    assert -(2**63) <= original < 2**63


def test_different_pictures_differ_in_many_bits() -> None:
    hashes = [perceptual_hash(picture(200, 200, seed)) for seed in range(12)]
    assert min(distance(a, b) for i, a in enumerate(hashes) for b in hashes[:i]) >= 14


def test_a_flat_picture_has_the_hash_zero() -> None:
    assert perceptual_hash(Image.new("RGB", (50, 80), (90, 120, 30))) == 0


def test_the_bits_follow_the_dct_definition() -> None:
    image = picture(32, 32, seed=9)
    grey = np.asarray(image.convert("L")).astype(float)
    low = [
        sum(
            grey[y, x] * np.cos(np.pi * (2 * y + 1) * v / 64) * np.cos(np.pi * (2 * x + 1) * u / 64)
            for y in range(32)
            for x in range(32)
        )
        * (np.sqrt(0.5) if u == 0 else 1)
        * (np.sqrt(0.5) if v == 0 else 1)
        for v in range(8)
        for u in range(8)
    ]
    expected = [0] + [int(value > np.median(low[1:])) for value in low[1:]]
    found = perceptual_hash(image) & (2**64 - 1)
    assert [found >> (63 - bit) & 1 for bit in range(64)] == expected
