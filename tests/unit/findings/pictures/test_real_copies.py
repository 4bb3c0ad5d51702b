"""Altered copies of real photos are told, and real photos of one person are not called copies of each other."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest
from PIL import Image

from facedb.findings.pictures.agreement import FROM, agreement
from tests.unit.findings.pictures.drawn import ALTERED, altered, ready

pytestmark = pytest.mark.real_data


@pytest.mark.parametrize("name", ["lfw_dev", "deepface_celebs"])
def test_altered_copies_of_real_photos_are_told(real_data: Path, name: str) -> None:
    files = sorted((real_data / "faces" / name).glob("*/*.jpg"))
    told, asked = 0, 0
    for file in files[:: len(files) // 8][:8]:
        image = Image.open(file).convert("RGB")
        picture = ready(image)
        told += sum(agreement(picture, ready(altered(image, how))) >= FROM for how in ALTERED)
        asked += len(ALTERED)
    assert told >= 0.95 * asked


def test_photos_of_one_person_are_no_copies_of_each_other(real_data: Path) -> None:
    for folder in ("Abdullah_Gul", "Ana_Guevara", "Ali_Naimi", "Al_Sharpton"):
        pictures = [ready(Image.open(f)) for f in sorted((real_data / "faces" / "lfw_dev" / folder).glob("*.jpg"))]
        assert all(agreement(a, b) < FROM for a, b in combinations(pictures, 2)), folder


@pytest.mark.parametrize(("one", "two"), [("s28/1", "s28/6"), ("s17/3", "s17/4"), ("s22/3", "s22/8")])
@pytest.mark.parametrize("times", [1, 2, 3])
def test_photos_of_one_sitting_stay_two_photos_when_they_are_enlarged(
    real_data: Path, one: str, two: str, times: int
) -> None:
    first, second = (
        ready(
            Image.open(real_data / "faces" / "orl" / f"{name}.pgm").resize(
                (92 * times, 112 * times), Image.Resampling.BICUBIC
            )
        )
        for name in (one, two)
    )
    assert agreement(first, second) < FROM
