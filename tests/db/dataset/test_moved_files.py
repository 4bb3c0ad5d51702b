"""What moves, is renamed, swapped or copied, vanishes and comes back keeps its rows."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from facedb.db.connection import Database
from tests.db.dataset.folders import faces, identity_keys, picture, pretend_embedded, rows, take, touch


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
