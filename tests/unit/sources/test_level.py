"""The level of a folder by its looks: what is no folder of people is named with the command that fits, what is one passes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from facedb.sources.level import wrong_level


def grow(root: Path, files: Iterable[str]) -> Path:
    """Empty files below ``root``."""
    for name in files:
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    return root


def people(prefix: str, count: int, photos: int = 3, name: str = "p") -> list[str]:
    return [f"{prefix}{name}{person:02d}/{photo}.jpg" for person in range(count) for photo in range(photos)]


HONEST = {
    "people": people("", 12),
    "one person": [f"ann/{n}.jpg" for n in range(300)],
    "two people": [f"{name}/{n}.jpg" for name in ("ann", "bob") for n in range(40)],
    "people and photos outside": [*people("", 6), *(f"IMG_{n}.jpg" for n in range(30))],
    "people with albums of years": [
        f"{p}/{y}/{n}.jpg" for p in ("ann", "bob", "cid") for y in range(2015, 2021) for n in range(3)
    ],
    "people with dated albums": [
        f"{p}/{2010 + k}-0{k}-1{k} party/1.jpg" for k, p in enumerate(("ann", "bob", "cid")) for k in range(1, 6)
    ],
    "people with albums called alike": [f"{p}/{a}/1.jpg" for p in ("ann", "bob") for a in ("wedding", "beach", "work")],
    "people with videos": [f"{p}/{v}/{n}.jpg" for p in ("ann", "bob", "cid") for v in range(4) for n in range(3)],
    "one person with albums": [f"ann/{year}/{n}.jpg" for year in range(2001, 2009) for n in range(2)],
    "people some of whom have albums": [*people("", 8), *(f"zoe/{album}/1.jpg" for album in ("a", "b", "c", "d"))],
    "very many people with albums": [f"p{p:03d}/{p}-{a}/1.jpg" for p in range(60) for a in range(3)],
    "people called like splits": [
        *people("", 3),
        *(f"{p}/{a}/1.jpg" for p in ("Val Kilmer", "Dev Patel") for a in "abc"),
    ],
    "a test person among people": [*people("", 4), "test/1.jpg", "train/1.jpg"],
    "no pictures": ["a/x.npz", "b/y.npz"],
    "nothing": [],
}


@pytest.mark.parametrize("files", HONEST.values(), ids=HONEST.keys())
def test_folders_of_people_pass(tmp_path: Path, files: list[str]) -> None:
    root = tmp_path / "root"
    root.mkdir()
    assert wrong_level(grow(root, files)) is None


def test_a_folder_of_datasets_is_named_with_a_dataset_to_check(tmp_path: Path) -> None:
    said = wrong_level(
        grow(tmp_path, [*people("one/", 6), *people("two/", 9, name="q"), *people("three/", 4, name="r")])
    )
    assert said is not None
    assert "two 9" in said
    assert f"facedb check {tmp_path}/one" in said
    assert "--identity-from parent" in said
    assert "--identity-from top" in said


@pytest.mark.parametrize("box", ["images", "Jane's photos", "lfw"])
def test_one_folder_around_everything_is_named(tmp_path: Path, box: str) -> None:
    said = wrong_level(grow(tmp_path, [*people(f"{box}/", 5), "README.md", ".DS_Store"]))
    assert said is not None
    assert str(tmp_path / box) in said


@pytest.mark.parametrize(
    "splits",
    [
        ("train", "test"),
        ("Train", "val", "TEST"),
        ("gallery", "probe"),
        ("data_train", "data_test"),
        ("split1", "split2", "split3"),
        ("train2017", "val2017"),
    ],
)
def test_splits_are_named_though_the_same_people_are_in_both(tmp_path: Path, splits: tuple[str, ...]) -> None:
    said = wrong_level(grow(tmp_path, [name for split in splits for name in people(f"{split}/", 5)]))
    assert said is not None
    assert f"facedb check {tmp_path} --identity-from parent" in said


def test_the_folder_of_one_person_among_others_is_named_with_that_of_all(tmp_path: Path) -> None:
    grow(tmp_path, people("", 5))
    said = wrong_level(tmp_path / "p03")
    assert said is not None
    assert f"facedb check {tmp_path}" in said
    assert "--identity-from none" in said


def test_a_bag_of_photos_that_stands_alone_passes(tmp_path: Path) -> None:
    assert wrong_level(grow(tmp_path / "bag", [f"{n}.jpg" for n in range(20)])) is None


def test_a_few_loose_pictures_hide_no_folder_of_datasets(tmp_path: Path) -> None:
    files = [*people("one/", 6), *people("two/", 6, name="q"), "overview.png"]
    assert wrong_level(grow(tmp_path, files)) is not None


@pytest.mark.real_data
def test_real_datasets_pass_and_the_folder_that_holds_them_does_not(real_data: Path) -> None:
    faces = real_data / "faces"
    for name in ("orl", "lfw_dev", "deepface_celebs", "dlib_johns"):
        assert wrong_level(faces / name) is None
    said = wrong_level(faces)
    assert said is not None
    assert "facedb check" in said
