"""The demo dataset on disk, against the list of what was planted."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facedb.core.errors import InputError, UsageError
from facedb.demo.dataset import MANIFEST, STRENGTH, write_dataset
from facedb.demo.drawing.face import draw_face
from facedb.demo.model.train import HELD_OUT_FROM
from facedb.demo.planted import Kind, Planted, plan_dataset

SEED, IDENTITIES = 3, 30


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / "faces"


@pytest.fixture(scope="module")
def planted(folder: Path) -> Planted:
    return write_dataset(folder, seed=SEED, identities=IDENTITIES, processes=1)


def files_below(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_files_on_disk_are_exactly_those_of_the_plan(folder: Path, planted: Planted) -> None:
    expected = [shot.path for shot in planted.shots] + [*planted.ignored, *planted.broken]
    assert sorted(files_below(folder)) == sorted(expected)
    assert len(set(expected)) == len(expected)
    assert sorted(path.name for path in folder.iterdir() if path.is_dir()) == sorted(planted.identities)


def test_the_default_dataset_has_about_1200_pictures_of_120_persons() -> None:
    plan = plan_dataset(11, 120)
    assert len(set(plan.person_of.values())) == 120
    assert 1100 <= len(plan.shots) <= 1300


def test_every_picture_can_be_read_and_every_broken_file_cannot(folder: Path, planted: Planted) -> None:
    for shot in planted.shots:
        with Image.open(folder / shot.path) as image:
            image.load()
            assert image.mode == "RGB"
            assert image.format == ("PNG" if shot.path.endswith(".png") else "JPEG")
    for path in planted.broken:
        with pytest.raises(OSError), Image.open(folder / path) as image:  # noqa: PT011 - Pillow has no narrower class
            image.load()


def test_equal_bytes_are_exactly_the_planted_copies(folder: Path, planted: Planted) -> None:
    by_hash = defaultdict(set)
    for path, content in files_below(folder).items():
        by_hash[hashlib.sha256(content).hexdigest()].add(path)
    copies = {frozenset(mistake.files) for mistake in planted.mistakes if mistake.kind is Kind.COPY}
    assert {frozenset(paths) for paths in by_hash.values() if len(paths) > 1} == copies
    assert len(copies) == 2


def test_a_resaved_picture_has_other_bytes_and_another_size_and_looks_alike(folder: Path, planted: Planted) -> None:
    resaved = [mistake.files for mistake in planted.mistakes if mistake.kind is Kind.RESAVED]
    assert len(resaved) == 2
    for original, again in resaved:
        with Image.open(folder / original) as one, Image.open(folder / again) as other:
            assert one.size != other.size
            difference = np.asarray(one, int) - np.asarray(other.resize(one.size), int)
            assert np.abs(difference).mean() < 8


def test_wrong_files_show_the_person_that_the_plan_names(folder: Path, planted: Planted) -> None:
    shots = {shot.path: shot for shot in planted.shots}
    for mistake in planted.mistakes:
        for path in mistake.files:
            drawn = draw_face(shots[path].person, shots[path].picture, strength=STRENGTH).astype(int)
            with Image.open(folder / path) as image:
                assert np.abs(drawn - np.asarray(image.resize((112, 112)), int)).mean() < 10
            if mistake.kind in (Kind.STRAY, Kind.SWAP, Kind.SPLIT):
                assert planted.person_of[path] != path.partition("/")[0]
                assert planted.person_of[path] in mistake.identities


def test_outside_the_planted_mistakes_every_picture_lies_in_the_folder_of_its_person(planted: Planted) -> None:
    wrong = {path for mistake in planted.mistakes for path in mistake.files}
    misfiled = {path for path, person in planted.person_of.items() if path.partition("/")[0] != person}
    assert misfiled <= wrong


def test_no_person_is_part_of_two_mistakes(planted: Planted) -> None:
    concerned = [name for mistake in planted.mistakes for name in mistake.identities]
    assert len(set(concerned)) == len(concerned)
    kinds = [mistake.kind for mistake in planted.mistakes]
    assert [kinds.count(kind) for kind in Kind] == [3, 6, 1, 2, 2]


def test_the_manifest_tells_what_was_planted(folder: Path, planted: Planted) -> None:
    said = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    assert [entry["what"] for entry in said["mistakes"]] == [mistake.what for mistake in planted.mistakes]


def test_a_complete_folder_is_used_as_it_is(folder: Path, planted: Planted) -> None:
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert write_dataset(folder, seed=SEED, identities=IDENTITIES) == planted
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_an_interrupted_dataset_is_completed_with_the_same_bytes(folder: Path, planted: Planted) -> None:
    before = files_below(folder)
    for shot in planted.shots[5:40]:
        (folder / shot.path).unlink()
    seen: list[tuple[int, int]] = []
    write_dataset(folder, seed=SEED, identities=IDENTITIES, progress=lambda done, all_: seen.append((done, all_)))
    assert files_below(folder) == before
    assert seen[0] == (0, 35)
    assert seen[-1] == (35, 35)


def test_drawing_in_two_processes_gives_the_same_bytes(folder: Path, planted: Planted, tmp_path: Path) -> None:
    write_dataset(tmp_path / "again", seed=SEED, identities=IDENTITIES, processes=2)
    assert len(planted.shots) > 200
    assert files_below(tmp_path / "again") == files_below(folder)


def test_a_folder_with_something_else_in_it_is_refused(folder: Path, planted: Planted, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="empty or new"):
        write_dataset(tmp_path, seed=SEED, identities=IDENTITIES)
    with pytest.raises(InputError, match="empty or new"):
        write_dataset(folder, seed=SEED + 1, identities=IDENTITIES)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.txt"]
    assert planted.seed == SEED


@pytest.mark.parametrize(("seed", "identities"), [(-1, 120), (900, 120), (1, 29), (1, 251)])
def test_impossible_seeds_and_sizes_are_refused(seed: int, identities: int) -> None:
    with pytest.raises(UsageError, match="30 to 250"):
        plan_dataset(seed, identities)


def test_no_demo_person_was_seen_in_training() -> None:
    assert max(shot.person for shot in plan_dataset(899, 250).shots) < HELD_OUT_FROM
