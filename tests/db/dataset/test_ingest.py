"""Ingest of real folders: what each file becomes, and that the counts add up every time."""

from __future__ import annotations

import csv
import hashlib
import os
from pathlib import Path

import pytest

from facedb.core.errors import ConflictError, InputError, UsageError
from facedb.db.connection import Database
from tests.db.dataset.folders import faces, identity_keys, picture, pretend_embedded, rows, take, touch


def test_every_file_becomes_a_row_with_its_hash(database: Database, tree: Path) -> None:
    done = take(database, tree)
    assert (done.dataset, done.seen, done.new, done.identities, done.vanished) == ("people", 9, 9, 3, 0)
    with database.connection() as conn:
        for path, size, digest, mtime in conn.execute("select path, bytes, sha256, mtime_ns from facedb.image"):
            data = (tree / path).read_bytes()
            assert (size, digest) == (len(data), hashlib.sha256(data).digest())
            assert mtime == (tree / path).stat().st_mtime_ns


def test_a_second_ingest_of_the_same_folder_changes_nothing(database: Database, tree: Path) -> None:
    take(database, tree)
    before = rows(database)
    done = take(database, tree)
    assert (done.new, done.changed, done.moved, done.unchanged, done.vanished) == (0, 0, 0, 9, 0)
    assert rows(database) == before


def test_a_new_file_is_new_and_nothing_else_is(database: Database, tree: Path) -> None:
    take(database, tree)
    picture(tree / "p3" / "0.png", 100)
    done = take(database, tree)
    assert (done.new, done.unchanged, done.identities) == (1, 9, 4)


def test_a_changed_file_loses_what_models_made_of_it(database: Database, tree: Path) -> None:
    take(database, tree)
    before = pretend_embedded(database)
    picture(tree / "p1" / "1.png", 100)
    touch(tree / "p1" / "1.png", 1_000)
    done = take(database, tree)
    assert (done.changed, done.unchanged, done.new) == (1, 8, 0)
    after = faces(database)
    assert "p1/1.png" not in after
    del before["p1/1.png"]
    assert after == before


def test_a_touched_file_with_the_same_bytes_keeps_everything(database: Database, tree: Path) -> None:
    take(database, tree)
    before = pretend_embedded(database)
    touch(tree / "p1" / "1.png", 1_000)
    done = take(database, tree)
    assert (done.changed, done.unchanged) == (0, 9)
    assert faces(database) == before
    with database.connection() as conn:
        found = conn.execute("select mtime_ns from facedb.image where path = 'p1/1.png'").fetchone()
    assert found == (1_000 * 10**9,)


def test_a_dataset_name_that_is_taken_is_a_conflict_with_advice(database: Database, tree: Path, tmp_path: Path) -> None:
    take(database, tree)
    other = tmp_path / "elsewhere" / "people"
    picture(other / "x" / "0.png", 60)
    with pytest.raises(ConflictError, match="--dataset"):
        take(database, other)
    assert take(database, other, dataset="other").dataset == "other"
    with pytest.raises(UsageError, match="name"):
        take(database, other, dataset=" ")


def test_a_place_that_is_missing_or_empty_says_so_and_leaves_no_dataset(database: Database, tmp_path: Path) -> None:
    (tmp_path / "empty" / "below").mkdir(parents=True)
    (tmp_path / "empty.csv").write_text("path,identity\n")
    (tmp_path / "empty.txt").write_text("")
    for name in ("missing", "empty", "empty.csv", "empty.txt"):
        with pytest.raises(InputError, match=rf"{name}\b"):
            take(database, tmp_path / name)
    with database.connection() as conn:
        assert conn.execute("select count(*) from facedb.dataset").fetchone() == (0,)


def test_names_that_are_not_utf8_and_names_with_newlines_keep_their_bytes(database: Database, tmp_path: Path) -> None:
    folder = tmp_path / "odd"
    names = [b"caf\xe9", "Ünïcödé 日本語".encode(), b"new\nline", b"tab\tand\\slash", b"bytes:x", b"%41", b"quote'\""]
    for k, name in enumerate(names):
        picture(folder / os.fsdecode(name) / os.fsdecode(name + b".png"), k)
    done = take(database, folder)
    assert (done.seen, done.ready, done.identities) == (len(names), len(names), len(names))
    from facedb.core.files.paths import from_text

    on_disk = {os.fsencode(p.relative_to(folder)) for p in folder.rglob("*.png")}
    assert {os.fsencode(from_text(path)) for path in rows(database)} == on_disk
    assert {os.fsencode(from_text(name)) for name in identity_keys(database)} == set(names)
    assert take(database, folder).unchanged == len(names)


def test_ignored_and_broken_files_are_rows_too_and_may_recover(database: Database, tree: Path) -> None:
    (tree / "p0" / "notes.txt").write_text("hello")
    (tree / "p0" / "empty.png").write_bytes(b"")
    (tree / "p0" / "dangling.png").symlink_to("nowhere")
    done = take(database, tree)
    assert (done.seen, done.ready, done.ignored, done.rejected) == (12, 9, 1, 2)
    found = rows(database)
    assert found["p0/empty.png"][2:] == ("rejected", "empty")
    picture(tree / "p0" / "empty.png", 70)
    done = take(database, tree)
    assert (done.ready, done.rejected) == (10, 1)
    assert rows(database)["p0/empty.png"][0] == found["p0/empty.png"][0]
    (tree / "p0" / "empty.png").write_bytes(b"")
    pretend_embedded(database)
    done = take(database, tree)
    assert (done.ready, done.rejected) == (9, 2)
    assert "p0/empty.png" not in faces(database)


def test_boxes_labels_and_columns_of_a_table_are_taken_over_when_they_change(database: Database, tree: Path) -> None:
    table = tree / "faces.csv"

    def write(box: str, identity: str, note: str) -> None:
        with table.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["path", "identity", "x", "y", "w", "h", "note"])
            writer.writerow(["p0/0.png", identity, *box.split(), note])
            writer.writerow(["p0/1.png", "ada", "0.1", "1", "5", "5", "same"])

    write("1 1 5 5", "ada", "first")
    assert take(database, table, dataset="table").new == 2
    before = pretend_embedded(database)
    assert take(database, table).unchanged == 2
    assert faces(database) == before
    write("1 1 5 5", "bea", "second")
    take(database, table)
    assert rows(database)["p0/0.png"][1] == "bea"
    assert faces(database) == before
    with database.connection() as conn:
        assert conn.execute("select extra ->> 'note' from facedb.image where path = 'p0/0.png'").fetchone() == (
            "second",
        )
    write("2 1 5 5", "bea", "second")
    assert take(database, table).changed == 1
    assert set(faces(database)) == {"p0/1.png"}


def test_cells_that_the_database_cannot_hold_are_made_storable(database: Database, tree: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = tree / "odd.parquet"
    columns = {
        "path": ["p0/0.png", "p0/1.png"],
        "real": [float("nan"), float("inf")],
        "text": ["nul\0here", "plain"],
        "bytes": [b"\x00\xff", None],
        "lists": [[1.5, float("nan")], []],
    }
    pq.write_table(pa.table(columns), table)
    assert take(database, table, dataset="odd").new == 2
    assert take(database, table).unchanged == 2
    with database.connection() as conn:
        row = conn.execute("select extra from facedb.image where path = 'p0/0.png'").fetchone()
    assert row is not None
    assert (row[0]["text"], row[0].get("real"), row[0]["lists"]) == ("nul\ufffdhere", None, [1.5, None])
    latin = tree / "latin.csv"
    latin.write_bytes(b"path,identity,note\np1/0.png,ann,caf\xe9\n")
    assert take(database, latin, dataset="latin").new == 1
    assert take(database, latin).unchanged == 1


def test_a_path_that_is_named_twice_has_one_row_and_the_first_mention_counts(database: Database, tree: Path) -> None:
    table = tree / "twice.csv"
    table.write_text("path,identity\np0/0.png,ann\np0/1.png,ann\np0/0.png,bea\n")
    for _ in range(2):
        done = take(database, table, dataset="twice")
        assert done.seen == 2
        assert rows(database)["p0/0.png"][1] == "ann"
