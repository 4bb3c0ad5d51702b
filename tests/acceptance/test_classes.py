"""One album with a mistake of each class, checked from files: the composed one runs everywhere, the real one where real faces are."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFilter

from facedb.core.finding import CERTAIN, LIKELY, Kind
from tests.acceptance.world import Inside, block_model, copy_folder, people, portrait, save
from tests.conftest import Server

Row = dict[str, Any]


class Album:
    """What a check told of an album."""

    def __init__(self, place: Path, server: Server, *arguments: object) -> None:
        self.facedb = Inside(place, server.database(place.name))
        self.verdict = self.facedb("check", *arguments)
        self.rows: list[Row] = self.facedb("findings", "--all", "--format", "json").json

    def told(self, kind: Kind) -> list[Row]:
        """The findings of a class that are likelier than not (look-alikes: all)."""
        least = 0.0 if kind == Kind.LOOK_ALIKE else LIKELY
        return [row for row in self.rows if row["class"] == kind.word and row["confidence"] >= least]


@pytest.fixture(scope="module", params=["composed", pytest.param("real", marks=pytest.mark.real_data)])
def album(
    request: pytest.FixtureRequest, server: Server, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Album]:
    """Both albums have the same folders: ``known`` people, and a mistake of each class under the same names."""
    place = tmp_path_factory.mktemp(f"album_{request.param}_", numbered=True)
    server.administer("create database {} template {}", place.name, template)
    root = place / "album"
    arguments = composed(root) if request.param == "composed" else real(root, request.getfixturevalue("real_data"))
    yield Album(place, server, root, *arguments)
    server.administer("drop database {} with (force)", place.name)


def composed(root: Path) -> tuple[object, ...]:
    """Portraits of coloured blocks; the arguments of a check."""
    people(root, 16, 6)
    mistakes(root, [root / f"person{k:03d}" for k in range(16)], "png")
    for shot in range(4):
        save(portrait(200, shot), root / "mixed" / f"second{shot}.png")
    for shot in range(1, 4):
        save(portrait(100, shot), root / f"new_{shot}.png")
    for shot in range(6):
        pair = (np.asarray(portrait(300, shot), float), np.asarray(portrait(301, shot), float))
        for name, share in (("twin_a", 0.25), ("twin_b", 0.75)):
            blend = (1 - share) * pair[0] + share * pair[1]
            save(Image.fromarray(blend.astype(np.uint8)), root / name / f"{shot}.png")
    for path in root.rglob("*.png"):
        with Image.open(path) as picture:
            picture.resize((64, 64), Image.Resampling.NEAREST).save(path)
    with Image.open(root / "photo" / "0.png") as picture:
        picture.resize((24, 24), Image.Resampling.BOX).save(root / "photo" / "0.png")
    return "--model", block_model(root.parent / "blocks.onnx"), "--threshold", 0.5


def real(root: Path, data: Path) -> tuple[object, ...]:
    """Photos of ORL, whose 7 and 17 are alike; the arguments of a check."""
    orl, models = data / "faces" / "orl", data / "models"
    for person in range(1, 18):
        copy_folder(orl / f"s{person}", root / f"s{person}")
    mistakes(root, [root / f"s{person}" for person in range(1, 18) if person not in (7, 17)], "pgm")
    (root / "s7").rename(root / "twin_a")
    (root / "s17").rename(root / "twin_b")
    for shot in range(1, 5):
        shutil.copyfile(orl / "s38" / f"{shot}.pgm", root / "mixed" / f"second{shot}.pgm")
    for shot in range(1, 4):
        shutil.copyfile(orl / "s39" / f"{shot}.pgm", root / f"new_{shot}.pgm")
    with Image.open(root / "photo" / "0.pgm") as picture:
        picture.filter(ImageFilter.GaussianBlur(2)).save(root / "photo" / "0.pgm")
    return "--model", models / "mobileface_v2_mit.onnx", "--detector", models / "yunet_s_dynamic.onnx"


def mistakes(root: Path, folders: list[Path], suffix: str) -> None:
    """What both albums share, made of ``folders``: half a folder under a second name, a photo in a foreign folder, a copy, one in
    no folder; and the names under which the other mistakes are planted."""
    split, strayed, stranger, copied, outside, mixed, photo = folders[:7]
    (root / "second_name").mkdir()
    for path in sorted(split.iterdir())[::2]:
        path.rename(root / "second_name" / path.name)
    split.rename(root / "first_name")
    min(strayed.iterdir()).rename(stranger / f"stray.{suffix}")
    shutil.copy(min(copied.iterdir()), copied / f"copy.{suffix}")
    max(outside.iterdir()).rename(root / f"IMG.{suffix}")
    for folder, name in ((strayed, "at_home"), (stranger, "abroad"), (outside, "known")):
        folder.rename(root / name)
    mixed.rename(root / "mixed")
    photo.rename(root / "photo")
    first = min((root / "photo").iterdir())
    first.rename(first.with_name(f"0.{suffix}"))


def test_a_person_under_two_names_is_a_merge(album: Album) -> None:
    (row,) = album.told(Kind.MERGE)
    assert {row["identity_a"], row["identity_b"]} == {"first_name", "second_name"}
    assert row["confidence"] >= CERTAIN


def test_a_photo_in_a_foreign_folder_is_a_stray_with_its_home(album: Album) -> None:
    (row,) = album.told(Kind.STRAY)
    assert (row["identity_a"], row["identity_b"]) == ("abroad", "at_home")
    assert [Path(image).stem for image in row["images"]][:1] == ["stray"]
    assert row["confidence"] >= CERTAIN


def test_two_people_in_one_folder_are_a_mixed_folder_that_names_the_second(album: Album) -> None:
    (row,) = album.told(Kind.MIXED)
    assert row["identity_a"] == "mixed"
    assert row["images"]
    assert all(Path(image).stem.startswith("second") for image in row["images"])


def test_a_photo_twice_is_a_duplicate(album: Album) -> None:
    (row,) = [row for row in album.told(Kind.DUPLICATE) if any("copy" in image for image in row["images"])]
    assert len(row["images"]) == 2
    assert row["confidence"] >= CERTAIN


def test_two_people_who_are_alike_are_look_alikes_and_no_merge(album: Album) -> None:
    pairs = {frozenset((row["identity_a"], row["identity_b"])) for row in album.told(Kind.LOOK_ALIKE)}
    assert frozenset(("twin_a", "twin_b")) in pairs


def test_a_photo_outside_of_somebody_with_a_folder_is_told_with_the_name(album: Album) -> None:
    (row,) = album.told(Kind.UNLABELLED)
    assert row["identity_a"] == "known"
    assert Path(row["images"][0]).stem == "IMG"
    assert row["confidence"] >= CERTAIN


def test_photos_outside_of_one_stranger_are_a_newcomer(album: Album) -> None:
    (row,) = album.told(Kind.NEWCOMER)
    assert sorted(Path(image).stem for image in row["images"]) == ["new_1", "new_2", "new_3"]


def test_a_photo_that_shows_little_is_told_last_and_is_no_mistake(album: Album) -> None:
    (row,) = [row for row in album.told(Kind.PHOTO) if Path(row["images"][0]).with_suffix("") == Path("photo/0")]
    assert row["confidence"] < CERTAIN
    others = [other["rank"] for other in album.rows if other["class"] != "photo"]
    assert row["rank"] > max(others)


def test_every_class_of_findings_is_in_the_album_and_certain_means_one_number(album: Album) -> None:
    kinds = {row["class"] for row in album.rows}
    assert kinds == {kind.word for kind in Kind}
    certain = sum(row["confidence"] >= CERTAIN for row in album.rows)
    assert f"{certain} certain" in album.verdict.out
