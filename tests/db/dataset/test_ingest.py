"""Ingest of real folders: what each change on disk does to the rows, and that the counts add up every time."""

from __future__ import annotations

import csv
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from facedb.core.errors import ConflictError, InputError, UsageError
from facedb.core.progress import Silent
from facedb.dataset.ingest import IngestSummary, ingest
from facedb.dataset.intake.one_source import Intake
from facedb.db.connection import Database


def picture(path: Path, seed: int) -> Path:
    """A small PNG whose bytes depend on ``seed`` alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (8, 8, 3), np.uint8)).save(path)
    return path


def touch(path: Path, seconds: int) -> None:
    os.utime(path, ns=(seconds * 10**9, seconds * 10**9))


def take(db: Database, folder: Path, **options: Any) -> IngestSummary:
    """Ingest, check that every number adds up, and return the summary."""
    done = ingest(db, folder, reporter=Silent(), **options)
    assert done.seen == done.new + done.changed + done.moved + done.unchanged
    assert min(done.new, done.changed, done.moved, done.unchanged, done.vanished, done.pruned) >= 0
    with db.connection() as conn:
        rows = dict(
            conn.execute(
                "select status, count(*) from facedb.image i join facedb.source s on s.id = i.source_id"
                " where s.dataset_id = %s group by 1",
                (done.dataset_id,),
            ).fetchall()
        )
        of_source = conn.execute(
            "select count(*) from facedb.image where source_id = %s and status <> 'vanished'", (done.source_id,)
        ).fetchone()
    assert of_source == (done.seen,)
    assert {"ready": done.ready, "ignored": done.ignored, "rejected": done.rejected} == {
        status: rows.get(status, 0) for status in ("ready", "ignored", "rejected")
    }
    return done


def rows(db: Database) -> dict[str, tuple[Any, ...]]:
    """Path -> (key, identity name, status, code) of every image."""
    with db.connection() as conn:
        return {
            row[0]: row[1:]
            for row in conn.execute(
                "select i.path, i.id, n.name, i.status, i.reject_code from facedb.image i"
                " left join facedb.identity n on n.id = i.identity_id"
            )
        }


def identity_keys(db: Database) -> dict[str, int]:
    with db.connection() as conn:
        return dict(conn.execute("select name, id from facedb.identity").fetchall())


def pretend_embedded(db: Database) -> dict[str, int]:
    """Give every ready image a face, as a model would; returns the face of each path."""
    with db.connection() as conn:
        conn.execute(
            "insert into facedb.face (image_id, detection, ordinal) select id, 'none', 0 from facedb.image i"
            " where status = 'ready' and not exists (select from facedb.face f where f.image_id = i.id)"
        )
    return faces(db)


def faces(db: Database) -> dict[str, int]:
    with db.connection() as conn:
        return dict(
            conn.execute("select i.path, f.id from facedb.face f join facedb.image i on i.id = f.image_id").fetchall()
        )


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Three identities with three pictures each."""
    folder = tmp_path / "people"
    for k in range(9):
        picture(folder / f"p{k // 3}" / f"{k % 3}.png", k)
    return folder


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


def test_a_file_moved_to_another_identity_keeps_its_face_under_the_new_label(database: Database, tree: Path) -> None:
    take(database, tree)
    before = pretend_embedded(database)
    (tree / "p0" / "0.png").rename(tree / "p1" / "stray.png")
    done = take(database, tree)
    assert (done.moved, done.new, done.vanished, done.unchanged) == (1, 0, 0, 8)
    assert faces(database)["p1/stray.png"] == before["p0/0.png"]
    assert rows(database)["p1/stray.png"][1] == "p1"
    assert "p0/0.png" not in rows(database)


def test_a_label_that_a_person_set_survives_a_move_and_an_ingest(database: Database, tree: Path) -> None:
    take(database, tree)
    with database.connection() as conn:
        conn.execute(
            "update facedb.image set labelled_by = 'person',"
            " identity_id = (select id from facedb.identity where name = 'p2') where path = 'p0/0.png'"
        )
    done = take(database, tree)
    assert done.changed == 0
    assert rows(database)["p0/0.png"][1] == "p2"
    (tree / "p0" / "0.png").rename(tree / "p0" / "other.png")
    assert take(database, tree).moved == 1
    assert rows(database)["p0/other.png"][1] == "p2"


def test_a_renamed_folder_keeps_the_key_of_its_identity(database: Database, tree: Path) -> None:
    take(database, tree)
    keys, before = identity_keys(database), pretend_embedded(database)
    (tree / "p1").rename(tree / "Ada Lovelace")
    done = take(database, tree)
    assert (done.moved, done.new, done.vanished, done.identities) == (3, 0, 0, 3)
    after = identity_keys(database)
    assert after == {"p0": keys["p0"], "Ada Lovelace": keys["p1"], "p2": keys["p2"]}
    assert faces(database)["Ada Lovelace/2.png"] == before["p1/2.png"]


def test_a_renamed_folder_with_one_more_picture_is_still_renamed(database: Database, tree: Path) -> None:
    take(database, tree)
    keys = identity_keys(database)
    (tree / "p1").rename(tree / "ada")
    picture(tree / "ada" / "new.png", 77)
    done = take(database, tree)
    assert (done.moved, done.new) == (3, 1)
    assert identity_keys(database)["ada"] == keys["p1"]
    assert rows(database)["ada/new.png"][1] == "ada"


def test_a_folder_moved_into_an_existing_one_is_a_merge_not_a_rename(database: Database, tree: Path) -> None:
    take(database, tree)
    keys = identity_keys(database)
    for name in ("0", "1", "2"):
        (tree / "p1" / f"{name}.png").rename(tree / "p2" / f"from-p1-{name}.png")
    done = take(database, tree)
    assert (done.moved, done.identities) == (3, 2)
    assert identity_keys(database) == keys
    assert {row[1] for path, row in rows(database).items() if "from-p1" in path} == {"p2"}


def test_a_folder_split_in_two_keeps_its_key_in_the_larger_part(database: Database, tmp_path: Path) -> None:
    folder = tmp_path / "people"
    for k in range(5):
        picture(folder / "both" / f"{k}.png", k)
    take(database, folder)
    key = identity_keys(database)["both"]
    for k, name in enumerate(["ada", "ada", "ada", "bea", "bea"]):
        (folder / name).mkdir(exist_ok=True)
        (folder / "both" / f"{k}.png").rename(folder / name / f"{k}.png")
    done = take(database, folder)
    assert done.moved == 5
    assert identity_keys(database)["ada"] == key
    assert {row[1] for row in rows(database).values()} == {"ada", "bea"}


def test_two_folders_that_swap_names_swap_labels(database: Database, tree: Path) -> None:
    take(database, tree)
    (tree / "p0").rename(tree / "tmp")
    (tree / "p1").rename(tree / "p0")
    (tree / "tmp").rename(tree / "p1")
    for path in tree.glob("*/*.png"):
        touch(path, 5_000)
    done = take(database, tree)
    assert done.seen == 9
    with database.connection() as conn:
        for path, digest in conn.execute("select path, sha256 from facedb.image where status = 'ready'"):
            assert digest == hashlib.sha256((tree / path).read_bytes()).digest()


def test_a_vanished_file_is_marked_and_comes_back_with_its_face(database: Database, tree: Path, tmp_path: Path) -> None:
    take(database, tree)
    before = pretend_embedded(database)
    away = tmp_path / "away.png"
    shutil.move(tree / "p0" / "0.png", away)
    done = take(database, tree)
    assert (done.seen, done.vanished, done.ready) == (8, 1, 8)
    assert rows(database)["p0/0.png"][2] == "vanished"
    assert take(database, tree).vanished == 0
    shutil.move(away, tree / "p0" / "0.png")
    done = take(database, tree)
    assert (done.new, done.unchanged, done.ready) == (0, 9, 9)
    assert faces(database) == before


def test_a_file_that_was_rejected_while_away_is_looked_at_again_when_it_is_back(
    database: Database, tree: Path, tmp_path: Path
) -> None:
    take(database, tree)
    with database.connection() as conn:
        conn.execute(
            "insert into facedb.model (name, digest, contract, dim, detection) values ('m', %s, '{}', 4, 'none')",
            ("0" * 64,),
        )
        conn.execute(
            "insert into facedb.embed_reject (image_id, model_id, code, detail)"
            " select i.id, m.id, 'unreadable', 'gone' from facedb.image i, facedb.model m where i.path = 'p0/0.png'"
        )
    shutil.move(tree / "p0" / "0.png", tmp_path / "away.png")
    take(database, tree)
    shutil.move(tmp_path / "away.png", tree / "p0" / "0.png")
    take(database, tree)
    with database.connection() as conn:
        assert conn.execute("select count(*) from facedb.embed_reject").fetchone() == (0,)


def test_a_file_that_comes_back_elsewhere_after_it_vanished_is_moved(
    database: Database, tree: Path, tmp_path: Path
) -> None:
    take(database, tree)
    before = pretend_embedded(database)
    shutil.move(tree / "p0" / "0.png", tmp_path / "away.png")
    assert take(database, tree).vanished == 1
    shutil.move(tmp_path / "away.png", tree / "p2" / "back.png")
    done = take(database, tree)
    assert (done.moved, done.new, done.vanished) == (1, 0, 0)
    assert faces(database)["p2/back.png"] == before["p0/0.png"]


def test_prune_drops_what_vanished_and_only_that(database: Database, tree: Path) -> None:
    take(database, tree)
    pretend_embedded(database)
    (tree / "p0" / "0.png").unlink()
    shutil.rmtree(tree / "p2")
    done = take(database, tree, prune=True)
    assert (done.vanished, done.pruned, done.ready, done.identities) == (4, 4, 5, 2)
    assert len(rows(database)) == len(faces(database)) == 5


def test_a_copy_beside_the_original_is_new_not_moved(database: Database, tree: Path) -> None:
    take(database, tree)
    shutil.copy(tree / "p0" / "0.png", tree / "p1" / "copy.png")
    done = take(database, tree)
    assert (done.new, done.moved) == (1, 0)


def test_copies_that_move_together_stay_apart(database: Database, tmp_path: Path) -> None:
    folder = tmp_path / "people"
    for name in ("a", "b"):
        picture(folder / "one" / f"{name}.png", 1)
    take(database, folder)
    before = pretend_embedded(database)
    (folder / "one").rename(folder / "two")
    assert take(database, folder).moved == 2
    assert faces(database) == {"two/a.png": before["one/a.png"], "two/b.png": before["one/b.png"]}


def test_two_sources_feed_one_dataset_and_do_not_touch_each_other(
    database: Database, tree: Path, tmp_path: Path
) -> None:
    take(database, tree)
    second = tmp_path / "more"
    for k in range(4):
        picture(second / ("p0" if k < 2 else "p9") / f"{k}.png", 50 + k)
    done = take(database, second, dataset="people")
    assert (done.seen, done.new, done.ready, done.identities) == (4, 4, 13, 4)
    assert take(database, tree).vanished == 0
    # The same folder again, without a name, goes where it went before.
    assert take(database, second).dataset == "people"
    shutil.rmtree(second / "p9")
    assert take(database, second).vanished == 2


def test_a_rename_to_a_name_that_another_source_uses_does_not_take_its_identity_over(
    database: Database, tree: Path, tmp_path: Path
) -> None:
    take(database, tree)
    second = tmp_path / "more"
    picture(second / "ada" / "0.png", 50)
    take(database, second, dataset="people")
    key = identity_keys(database)["ada"]
    (tree / "p1").rename(tree / "ada")
    assert take(database, tree).moved == 3
    assert identity_keys(database)["ada"] == key
    assert {row[1] for path, row in rows(database).items() if path.startswith("ada/")} == {"ada"}


def test_a_dataset_name_that_is_taken_is_a_conflict_with_advice(database: Database, tree: Path, tmp_path: Path) -> None:
    take(database, tree)
    other = tmp_path / "elsewhere" / "people"
    picture(other / "x" / "0.png", 60)
    with pytest.raises(ConflictError, match="--dataset"):
        take(database, other)
    assert take(database, other, dataset="other").dataset == "other"
    with pytest.raises(UsageError, match="name"):
        take(database, other, dataset=" ")


def test_a_folder_that_is_not_there_says_so_and_leaves_no_dataset(database: Database, tmp_path: Path) -> None:
    with pytest.raises(InputError):
        take(database, tmp_path / "missing")
    with database.connection() as conn:
        assert conn.execute("select count(*) from facedb.dataset").fetchone() == (0,)


def test_an_empty_folder_is_an_empty_dataset(database: Database, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert take(database, tmp_path / "empty").seen == 0


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


def test_a_vector_that_is_named_twice_has_one_row_in_every_batch(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = np.random.default_rng(0).standard_normal((6, 8)).astype(np.float32)
    for number, names in enumerate((["a/1", "a/1", "b/2"], ["a/1", "b/2", "b/3"])):
        np.save(tmp_path / f"{number:04d}.features.npy", raw[3 * number : 3 * number + 3])
        np.save(tmp_path / f"{number:04d}.object_ids.npy", np.array(names))
    monkeypatch.setattr("facedb.sources.arrays.vectors.ROWS_PER_BATCH", 3)
    for _ in range(2):
        done = take(database, tmp_path, dataset="npy", contract="mine")
        assert done.seen == 3
    found = embedded_vectors(database)
    for path, row in {"a/1": 0, "b/2": 2, "b/3": 5}.items():
        np.testing.assert_allclose(found[path], raw[row] / np.linalg.norm(raw[row]), atol=1e-6)


def test_a_second_ingest_of_the_same_source_at_once_is_refused(database: Database, tree: Path) -> None:
    take(database, tree)
    with database.connection() as conn:
        from facedb.dataset.places.source_rows import lock_source

        row = conn.execute("select id from facedb.source").fetchone()
        assert row is not None
        assert lock_source(conn, row[0])
        with pytest.raises(ConflictError, match="right now"):
            take(database, tree)
    assert take(database, tree).unchanged == 9


def test_ingests_of_different_sources_at_once_do_not_disturb_each_other(database: Database, tmp_path: Path) -> None:
    failures: list[BaseException] = []

    def run(name: str) -> None:
        folder = tmp_path / name
        for k in range(60):
            picture(folder / f"p{k % 5}" / f"{k}.png", hash(name) % 1000 + k)
        try:
            ingest(database, folder, dataset="shared", reporter=Silent())
        except BaseException as error:  # noqa: BLE001 - handed to the test's thread
            failures.append(error)

    threads = [threading.Thread(target=run, args=(name,)) for name in ("a", "b", "c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert len(identity_keys(database)) == 5
    with database.connection() as conn:
        assert conn.execute("select count(*) from facedb.image").fetchone() == (180,)


_SLOW_INGEST = """
import sys
from pathlib import Path
from facedb.core.progress import Silent
from facedb.db.connection import Database
from facedb.dataset.intake import one_source
from facedb.dataset import ingest
one_source._BATCH = 5
ingest.ingest(Database(sys.argv[1], embedded=True), Path(sys.argv[2]), reporter=Silent())
"""


def kill_an_ingest_half_way(db: Database, folder: Path) -> int:
    """Start an ingest in small batches, SIGKILL it as soon as it has committed one, and return the rows it left."""

    def count() -> int:
        with db.connection() as conn:
            row = conn.execute("select count(*) from facedb.image").fetchone()
        return row[0] if row else 0

    before = count()
    with subprocess.Popen([sys.executable, "-c", _SLOW_INGEST, db.dsn, str(folder)]) as process:
        while process.poll() is None and count() == before:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
    return count()


def test_a_killed_first_ingest_is_continued(database: Database, tmp_path: Path) -> None:
    folder = tmp_path / "people"
    for k in range(400):
        picture(folder / f"p{k // 20:02d}" / f"{k}.png", k)
    left = kill_an_ingest_half_way(database, folder)
    assert 0 < left < 400
    done = wait_and_take(database, folder)
    assert (done.seen, done.ready, done.vanished, done.unchanged) == (400, 400, 0, left)


def test_a_killed_ingest_after_renames_ends_like_one_that_ran_through(database: Database, tmp_path: Path) -> None:
    folder = tmp_path / "people"
    for k in range(400):
        picture(folder / f"p{k // 20:02d}" / f"{k}.png", k)
    take(database, folder)
    keys, before = identity_keys(database), pretend_embedded(database)
    for name in list(keys):
        (folder / name).rename(folder / f"new-{name}")
    left = kill_an_ingest_half_way(database, folder)
    assert 400 < left < 800
    done = wait_and_take(database, folder)
    assert (done.moved, done.new, done.vanished, done.ready) == (400, 0, 0, 400)
    assert identity_keys(database) == {f"new-{name}": key for name, key in keys.items()}
    assert faces(database) == {f"new-{path}": face for path, face in before.items()}


def wait_and_take(db: Database, folder: Path) -> IngestSummary:
    """Ingest as soon as the server has noticed that the killed process is gone."""
    for _ in range(100):
        try:
            return take(db, folder)
        except ConflictError:
            time.sleep(0.05)
    return take(db, folder)


# Vectors without images


def write_npz(folder: Path, people: dict[str, np.ndarray]) -> Path:
    for name, vectors in people.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        np.savez(
            folder / name / "npKnown.npz",
            name=np.array([f"{name}_{k}.png" for k in range(len(vectors))]),
            efficientnetv2_arcface=vectors[:, None, :].astype(np.float32),
        )
    return folder


def embedded_vectors(db: Database) -> dict[str, np.ndarray]:
    with db.connection() as conn:
        return {
            row[0]: np.array(row[1], np.float32)
            for row in conn.execute(
                "select i.path, e.vec::real[] from facedb.embedding e join facedb.face f on f.id = e.face_id"
                " join facedb.image i on i.id = f.image_id where i.status = 'ready'"
            )
        }


def test_vectors_go_to_the_table_normalised_and_unusable_ones_to_the_rejects(
    database: Database, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    raw = rng.standard_normal((6, 32)).astype(np.float32)
    raw[2] = 0
    raw[4, 5] = np.nan
    folder = write_npz(tmp_path / "known", {"ada": raw[:3], "bea": raw[3:]})
    with pytest.raises(UsageError, match="--contract"):
        take(database, folder)
    done = take(database, folder, contract="mine")
    assert (done.seen, done.new, done.identities) == (6, 6, 2)
    found = embedded_vectors(database)
    assert len(found) == 4
    for vector in found.values():
        assert (
            min(float(np.abs(vector - row / np.linalg.norm(row.astype(np.float64))).max()) for row in raw[[0, 1, 3, 5]])
            < 1e-7
        )
    with database.connection() as conn:
        assert conn.execute("select code, count(*) from facedb.embed_reject group by 1").fetchall() == [
            ("bad_vector", 2)
        ]


def test_vectors_are_followed_like_files(database: Database, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    people = {name: rng.standard_normal((4, 16)).astype(np.float32) for name in ("ada", "bea", "cid")}
    folder = write_npz(tmp_path / "known", people)
    take(database, folder, contract="mine")
    before = faces(database)
    assert take(database, folder).unchanged == 12
    people["ada"][1] *= -1
    write_npz(folder, people)
    done = take(database, folder)
    assert (done.changed, done.unchanged) == (1, 11)
    shutil.move(folder / "cid", tmp_path / "cid")
    done = take(database, folder)
    assert (done.vanished, done.seen) == (4, 8)
    shutil.move(tmp_path / "cid", folder / "cid")
    assert take(database, folder).unchanged == 12
    after = faces(database)
    assert {path for path in before if before[path] != after[path]} == {
        path for path in before if path.startswith("ada") and "1" in path.split("_")[-1]
    }


def test_vectors_of_another_contract_or_width_are_refused_with_advice(database: Database, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    folder = write_npz(tmp_path / "known", {"ada": rng.standard_normal((4, 16))})
    take(database, folder, contract="mine")
    with pytest.raises(ConflictError, match="--dataset"):
        take(database, folder, contract="other")
    assert take(database, folder, contract="other", dataset="second").new == 4
    write_npz(folder, {"bea": rng.standard_normal((4, 8))})
    with pytest.raises(InputError, match="--contract"):
        take(database, folder)


def test_an_ingest_interrupted_in_mid_statement_leaves_nothing_behind(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture(tmp_path / "photos" / "ann" / "1.png", 1)

    def interrupted(intake: Intake) -> Iterator[int]:
        # What Ctrl-C leaves behind: a connection that takes no other statement, and its locks.
        intake._work.conn.pgconn.send_query(b"select pg_sleep(60)")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Intake, "run", interrupted)
        with pytest.raises(KeyboardInterrupt):
            ingest(database, tmp_path / "photos", reporter=Silent())
    with database.connection() as conn:
        assert conn.execute("select name from facedb.dataset").fetchall() == []
        assert conn.execute("select pid from pg_stat_activity where query ~ '^select pg_sleep'").fetchall() == []
    assert take(database, tmp_path / "photos").new == 1
