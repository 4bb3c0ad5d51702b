"""What changes around facedb: a model under its old name, a clock that was set back, a dataset that cannot be written to.

Renamed roots, roots that are gone and folders that cannot be listed are in `tests/db/dataset/places/`.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from facedb.db.connection import Database
from facedb.review.verdicts import Statement, say
from tests.acceptance import trees
from tests.acceptance.world import Command, Inside, block_model, people


@pytest.fixture
def facedb(database: Database, tmp_path: Path) -> Inside:
    return Inside(tmp_path, database.dsn)


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A folder of people on a file system that is mounted to be read only; skips where this user may not mount."""
    place = people(tmp_path / "photos", 3, 3)
    for options in (["--bind", str(place), str(place)], ["-o", "remount,ro,bind", str(place)]):
        if subprocess.run(["/bin/mount", *options], check=False, capture_output=True).returncode:
            pytest.skip("mounting takes root")
    yield place
    subprocess.run(["/bin/umount", "-l", str(place)], check=True)


def test_a_model_file_that_changed_under_its_old_name_time_and_size_is_another_contract(
    database: Database, facedb: Inside, tmp_path: Path
) -> None:
    folder, model = people(tmp_path / "photos", 4, 3), block_model(tmp_path / "blocks.onnx", seed=1)
    check = ("check", folder, "--model", model, "--threshold", 0.3)
    facedb(*check)
    times, size = (model.stat().st_atime_ns, model.stat().st_mtime_ns), model.stat().st_size
    block_model(model, seed=2)
    os.utime(model, ns=times)
    assert model.stat().st_size == size
    said = facedb(*check)
    assert "blocks" in said.out
    with database.connection() as conn:
        counts = conn.execute("select count(*) from facedb.embedding group by model_id").fetchall()
        scans = conn.execute("select count(distinct model_id) from facedb.scan").fetchone()
    assert counts == [(12,), (12,)], "no vector of the one is compared with one of the other"
    assert scans == (2,)
    verified = facedb("model", "list", "--format", "csv").csv
    assert len([row for row in verified if row["kind"] == "contract"]) == 2


def test_a_clock_that_was_set_back_changes_nothing_about_what_is_newest(
    database: Database, facedb: Inside, tmp_path: Path
) -> None:
    folder, model = people(tmp_path / "photos", 4, 3), block_model(tmp_path / "blocks.onnx")
    facedb("check", folder, "--model", model, "--threshold", 0.3)
    say(database, [Statement("link", "person000", "different", "person001", by="ann")])
    with database.connection() as conn:
        # As if all of it had been done while the clock was a year ahead.
        conn.execute(
            "update facedb.scan set started_at = started_at + interval '1 year', finished_at = finished_at + interval '1 year'"
        )
        conn.execute("alter table facedb.verdict disable trigger all")
        conn.execute("update facedb.verdict set said_at = said_at + interval '1 year'")
        conn.execute("alter table facedb.verdict enable trigger all")
    people(folder, 1, 1, first=9)
    facedb("check", folder, "--model", model, "--threshold", 0.3)
    say(database, [Statement("link", "person000", "same", "person001", by="ann")])
    with database.connection() as conn:
        assert conn.execute("select scan_id from bi.scans where is_latest").fetchall() == [(2,)]
        assert conn.execute("select distinct scan_id from bi.latest_links").fetchall() in ([(2,)], [])
        assert conn.execute("select verdict from bi.verdicts").fetchall() == [("same",)]
    # A file that became older by its time is another file all the same.
    changed = folder / "person002" / "1.png"
    changed.write_bytes((folder / "person003" / "1.png").read_bytes())
    os.utime(changed, (1, 1))
    facedb("ingest", folder)
    with database.connection() as conn:
        assert conn.execute("select mtime_ns from facedb.image where path = 'person002/1.png'").fetchone() == (10**9,)


def test_a_dataset_that_cannot_be_written_to_is_checked_and_not_half_changed(
    database: Database, read_only: Path, tmp_path: Path
) -> None:
    facedb, model = Command(tmp_path, dsn=database.dsn), block_model(tmp_path / "blocks.onnx")
    facedb("check", read_only, "--model", model, "--threshold", 0.3)
    say(database, [Statement("link", "person000", "same", "person001", by="eve")])
    before = trees.look(read_only)
    plan = facedb("plan", "--format", "csv").csv
    assert plan
    said = facedb("apply", 1, "--yes", code=10).err
    assert "may not be changed" in said or "Read-only" in said
    assert trees.look(read_only) == before
    facedb("plans")
