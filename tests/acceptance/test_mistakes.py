"""What a person does wrong, and what facedb says before it has cost anything."""

from __future__ import annotations

from pathlib import Path

from facedb.db.connection import Database
from tests.acceptance.world import Command, Inside, people


def test_a_wrong_engine_is_refused_before_anything_is_embedded(facedb: Inside, model: Path, tmp_path: Path) -> None:
    folder = people(tmp_path / "photos", 2, 2)
    facedb("check", folder, "--model", model, "--engine", "foo", code=2)
    assert facedb("datasets", "--format", "json").out.split() == ["[", "]"]


def test_an_empty_folder_is_an_error_and_leaves_nothing(facedb: Inside, model: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    said = facedb("check", tmp_path / "empty", "--model", model, code=7)
    assert "There are no files in" in said.err
    facedb("links", code=8)
    assert facedb("datasets", "--format", "json").out.split() == ["[", "]"]


def test_a_threshold_and_a_rate_exclude_each_other(facedb: Inside, model: Path, tmp_path: Path) -> None:
    folder = people(tmp_path / "photos", 2, 2)
    facedb("check", folder, "--model", model, "--threshold", "0.5", "--fmr", "1e-3", code=2)


def test_nonsense_is_refused_by_name(facedb: Inside, model: Path, tmp_path: Path) -> None:
    facedb("check", people(tmp_path / "photos", 3, 2), "--model", model, "--threshold", "0.2")
    facedb("rejects", "--dataset", "nope", code=8)
    facedb("calibrate", "--fmr", "7", code=2)
    facedb("calibrate", "--plot", tmp_path / "scores.xyz", code=2)
    facedb("export", "links", tmp_path / "links.xlsx", code=2)


def test_a_contract_is_found_by_name_until_two_share_it(facedb: Inside, model: Path, tmp_path: Path) -> None:
    folder = people(tmp_path / "photos", 3, 2)
    facedb("check", folder, "--model", model, "--threshold", "0.2")
    assert "blocks" in facedb("model", "show", "blocks").out
    facedb("embed", "--model", model, "--set", "mean=1,1,1")
    said = facedb("model", "show", "blocks", code=10)
    assert "digest" in said.err


def test_an_added_model_can_be_shown_and_verified_by_its_name(facedb: Inside, model: Path) -> None:
    assert "mine" in facedb("model", "add", model, "--name", "mine").out
    assert "mine" in facedb("model", "show", "mine").out
    facedb("model", "verify", "mine")


def test_an_export_of_the_list_follows_the_newest_scan(facedb: Inside, model: Path, tmp_path: Path) -> None:
    for name, first in (("one", 0), ("two", 10)):
        facedb("check", people(tmp_path / name, 2, 2, first=first), "--model", model, "--threshold", "0.2")
    assert "two" in facedb("export", "list", tmp_path / "list.csv").err
    assert (tmp_path / "list.csv").read_text().count("person01") == 8


def test_a_full_disk_behind_stdout_is_one_sentence(tmp_path: Path, database: Database) -> None:
    command = Command(tmp_path, database.dsn)
    with Path("/dev/full").open("wb") as full:
        process = command.start("datasets", stdout=full)
        said = (process.communicate()[1] or b"").decode()
    assert process.returncode == 1
    assert "Traceback" not in said
    assert len(said.strip().splitlines()) == 1
