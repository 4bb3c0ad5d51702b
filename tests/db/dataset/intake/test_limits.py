"""One input beyond what the table or the machine can hold is one reject, and the rest goes on."""

from __future__ import annotations

import os
import random
from pathlib import Path

import numpy as np
import pytest

from facedb.core.progress import Silent
from facedb.core.records import ImageRecord, VectorBatch
from facedb.dataset.ingest import ingest
from facedb.dataset.intake.limits import FILE_BYTES, admit, admit_vectors
from facedb.dataset.intake.storable import NAME_BYTES, storable_time
from facedb.db.connection import Database
from tests.acceptance.trees import grow, png

LONG = "".join(random.Random(4).choice("abcdefghijklmnopqrstuvwxyz0123456789") for _ in range(9000))


def found(db: Database) -> dict[str, tuple[str, str | None]]:
    with db.connection() as conn:
        return {row[0]: row[1:] for row in conn.execute("select path, status, reject_code from facedb.image")}


@pytest.mark.parametrize(
    ("line", "code"),
    [
        # The reader of tables stops at this path before the limits of the table here are asked.
        (f"{LONG}.png,ann", "bad_record"),
        (f"b.png,{LONG}", "bad_name"),
        ("b.png," + "é" * 1400, "bad_name"),
        (f"{'日/' * 900}x.png,ann", "bad_name"),
    ],
    ids=["path", "label", "accents", "deep"],
)
def test_a_path_or_label_beyond_a_b_tree_is_one_reject(
    database: Database, tmp_path: Path, line: str, code: str
) -> None:
    grow(tmp_path, {"a.png": png("a"), "b.png": png("b"), "c.png": png("c")})
    (tmp_path / "t.csv").write_text(f"path,identity\na.png,ann\n{line}\nc.png,cy\n")
    for again in range(2):
        done = ingest(database, tmp_path / "t.csv", reporter=Silent())
        assert (done.seen, done.ready, done.rejected, done.new) == (3, 2, 1, 0 if again else 3)
    assert {given for status, given in found(database).values() if status == "rejected"} == {code}


@pytest.mark.parametrize("seconds", [10_000_000_000, -10_000_000_000, 0, -1], ids=["2286", "1653", "1970", "before"])
def test_a_time_beyond_a_bigint_is_kept_at_its_end(database: Database, tmp_path: Path, seconds: int) -> None:
    grow(tmp_path / "set", {"ann/a.png": png("a"), "ann/b.png": png("b")})
    try:
        os.utime(tmp_path / "set" / "ann" / "a.png", (seconds, seconds))
    except (OSError, OverflowError):
        pytest.skip("this file system has no such time")
    assert ingest(database, tmp_path / "set", reporter=Silent()).ready == 2
    assert ingest(database, tmp_path / "set", reporter=Silent()).unchanged == 2


def test_a_file_of_many_gigabytes_is_not_read_to_be_hashed(database: Database, tmp_path: Path) -> None:
    grow(tmp_path / "set", {"ann/a.png": png("a"), "ann/huge.png": png("h")})
    with (tmp_path / "set" / "ann" / "huge.png").open("r+b") as file:
        file.truncate(20 << 30)
    done = ingest(database, tmp_path / "set", reporter=Silent())
    assert (done.ready, done.rejected) == (1, 1)
    assert found(database)["ann/huge.png"] == ("rejected", "too_large")


@pytest.mark.parametrize("name", ["half \ud800", "x" * 9000, "nul\0" * 900])
def test_a_vector_whose_name_cannot_be_stored_is_refused_and_the_others_are_kept(name: str) -> None:
    batch = VectorBatch(["a", name, "c"], [None, "x", name], np.ones((3, 4), np.float32))
    kept, refused = admit_vectors(batch)
    assert kept.paths == ["a"]
    assert [record.problem.code for record in refused if record.problem] == ["bad_name", "bad_name"]
    assert all(admit(record).problem for record in refused)


@pytest.mark.parametrize("box", [(1e308, 0.0, 1.0, 1.0), (float("nan"), 0.0, 1.0, 1.0), (10**400, 0, 1, 1)])
def test_a_box_that_no_float_holds_is_a_reject(box: tuple[float, float, float, float]) -> None:
    record = admit(ImageRecord("a.png", "ann", 10, box=box))
    assert record.problem is not None
    assert (record.problem.code, record.box) == ("bad_record", None)


def test_what_fits_is_left_as_it_is() -> None:
    record = ImageRecord("a" * NAME_BYTES, "ann\0", FILE_BYTES, 5, box=(0.0, 0.0, 1.0, 1.0))
    assert admit(record) == record
    assert storable_time(None) is None
    assert (storable_time(2**70), storable_time(-(2**70))) == (2**63 - 1, -(2**63))


def test_two_names_that_are_too_long_do_not_become_one() -> None:
    names = [LONG + "1", LONG + "2", "\ud800", "\ud801"]
    assert len({admit(ImageRecord(name, None, 0)).path for name in names}) == 4


def test_a_row_that_the_server_refuses_for_whatever_reason_is_one_reject(database: Database, tmp_path: Path) -> None:
    """A refusal that nobody thought of: a check of the server's own."""
    grow(tmp_path / "set", {f"ann/{n}.png": png(str(n)) for n in range(9)} | {"bob/7.png": png("b7")})
    with database.connection() as conn:
        conn.execute(
            "create function facedb.refuse() returns trigger language plpgsql as $$ begin"
            " if new.path = 'ann/7.png' and new.status = 'ready' then"
            " raise exception 'no sevens' using errcode = 'numeric_value_out_of_range'; end if; return new; end $$"
        )
        conn.execute(
            "create trigger refuse before insert or update on facedb.image for each row execute function facedb.refuse()"
        )
    for _ in range(2):
        done = ingest(database, tmp_path / "set", reporter=Silent())
        assert (done.seen, done.ready, done.rejected) == (10, 9, 1)
    assert found(database)["ann/7.png"] == ("rejected", "bad_record")
