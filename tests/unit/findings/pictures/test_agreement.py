"""Two pictures are one photo when one can be laid over the other."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

from facedb.findings.pictures.agreement import FROM, agreement, sureness
from tests.unit.findings.pictures.drawn import ALTERED, altered, photo, ready


@pytest.mark.parametrize("how", ALTERED)
def test_an_altered_copy_agrees_with_its_photo(how: str) -> None:
    for seed, size in ((1, (250, 250)), (2, (320, 240)), (3, (180, 240))):
        image = photo(seed, *size)
        copy = altered(image, how)
        assert agreement(ready(image), ready(copy)) >= 0.95, (how, size)
        assert agreement(ready(copy), ready(image)) >= 0.95, (how, size)


def test_different_photos_do_not_agree() -> None:
    pictures = [ready(photo(seed)) for seed in range(8)]
    assert max(agreement(a, b) for a, b in combinations(pictures, 2)) < 0.6


@pytest.mark.parametrize("moved", [8, 16, -12])
def test_two_photos_of_one_sitting_stay_two_photos(moved: int) -> None:
    image = photo(5)
    later = ImageEnhance.Brightness(photo(5, moved=moved)).enhance(1.1)
    assert agreement(ready(image), ready(later)) < FROM - 0.1


@pytest.mark.parametrize("blur", [0, 1, 2, 3])
def test_eyes_that_moved_make_two_photos_however_blurred_they_are(blur: int) -> None:
    image, later = photo(5), photo(5)
    draw = ImageDraw.Draw(later)
    for x in (105, 145):
        draw.ellipse((x - 9, 105, x + 9, 115), fill=(205, 165, 140))
        draw.ellipse((x - 4, 105, x + 14, 115), fill=(40, 30, 30))
    first, second = (picture.filter(ImageFilter.GaussianBlur(0.8 + blur)) for picture in (image, later))
    assert agreement(ready(first), ready(second)) < FROM - 0.05
    assert agreement(ready(first), ready(altered(first, "jpeg 75"))) > FROM


def test_pictures_that_show_nothing_are_nobodys_copies() -> None:
    flat, other = Image.new("RGB", (200, 200), (90, 90, 90)), Image.new("RGB", (200, 200), (180, 20, 20))
    assert agreement(ready(flat), ready(other)) == 0
    assert agreement(ready(flat), ready(photo(1))) == 0


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (2000, 3), (24, 24)])
def test_pictures_of_any_shape_can_be_compared(size: tuple[int, int]) -> None:
    assert agreement(ready(photo(1).resize(size)), ready(photo(2))) < FROM


def test_more_agreement_never_makes_a_copy_less_sure() -> None:
    sure = sureness(np.linspace(-1, 1, 400))
    assert (np.diff(sure) >= 0).all()


def test_copies_among_photos_that_differ_are_sure_and_photos_of_a_studio_are_not() -> None:
    press = np.random.default_rng(0).normal(0.15, 0.1, 300).clip(0.01, 0.5)
    assert (sureness(np.r_[press, 0.975, 0.99])[-2:] > 0.99).all()
    # A camera and a head that stand still: the most alike of 300 pairs is where the rest of them lead one to expect it.
    studio = np.tanh(np.random.default_rng(0).normal(0.7, 0.5, 300).clip(0.01, 2.3))
    assert studio.max() > FROM
    assert sureness(studio).max() < 0.9
    assert sureness(np.r_[studio, 0.9995])[-1] > 0.9


def test_a_set_of_copies_alone_is_known_as_that() -> None:
    assert (sureness(np.random.default_rng(1).uniform(0.975, 0.998, 40)) > 0.99).all()
    assert sureness(np.array([0.99]))[0] > 0.9
