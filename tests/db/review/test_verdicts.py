"""Verdicts in the table: append-only, the newest stands, and they outlive scans, labels, folders, models and prunes."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import psycopg
import pytest

from facedb.core.errors import ConflictError, InputError, NotFoundError, UsageError
from facedb.core.progress import Silent
from facedb.dataset.ingest import ingest
from facedb.db.connection import Connection, Database
from facedb.report import reading
from facedb.report.reading import Selection
from facedb.review import verdicts
from facedb.review.contradictions import conflicts
from facedb.review.verdicts import Statement, listed, say
from facedb.scan.run import ScanOptions, scan
from tests.acceptance.trees import grow, png, take
from tests.db.population import Population
from tests.vectors import unit


def _standing(db: Database) -> list[tuple[object, ...]]:
    return [(row.kind, row.verdict, row.a, row.b) for row in listed(db)]


def _link(a: str, b: str, verdict: str) -> Statement:
    return Statement("link", a, verdict, b, by="eve")


@pytest.fixture
def folders(tmp_path: Path, database: Database) -> Path:
    """Three people with three photos each, ingested."""
    root = tmp_path / "root"
    grow(root, {f"{who}/{n}.png": png(f"{who} {n}") for who in ("ann", "bob", "cid") for n in range(3)})
    take(database, root)
    return root


@pytest.mark.usefixtures("folders")
def test_the_newest_verdict_stands_and_the_older_ones_are_kept(database: Database) -> None:
    say(database, [_link("ann", "bob", "same"), _link("bob", "ann", "different")])
    assert _standing(database) == [("link", "different", "ann", "bob")]
    assert [row.verdict for row in listed(database, history=True)] == ["different", "same"]


@pytest.mark.usefixtures("folders")
@pytest.mark.parametrize(
    "statement",
    ["update facedb.verdict set verdict = 'same'", "delete from facedb.verdict", "truncate facedb.verdict cascade"],
)
def test_the_table_refuses_to_change_or_lose_a_verdict(
    database: Database, connection: Connection, statement: str
) -> None:
    say(database, [_link("ann", "bob", "different")])
    with pytest.raises(psycopg.errors.RestrictViolation, match="say a new one"), connection.transaction():
        connection.execute(statement)
    assert _standing(database) == [("link", "different", "ann", "bob")]


@pytest.mark.usefixtures("folders")
def test_verdicts_go_with_the_dataset_that_they_are_about(database: Database, connection: Connection) -> None:
    say(database, [_link("ann", "bob", "different")])
    connection.execute("delete from facedb.image")
    connection.execute("delete from facedb.dataset")
    assert connection.execute("select count(*) from facedb.verdict").fetchone() == (0,)


@pytest.mark.usefixtures("folders")
def test_forgetting_on_purpose_may_delete_verdicts(database: Database, connection: Connection) -> None:
    say(database, [_link("ann", "bob", "different")])
    connection.execute("set local facedb.forget = on")
    connection.execute("delete from facedb.verdict")
    assert connection.execute("select count(*) from facedb.verdict").fetchone() == (0,)


def test_a_renamed_folder_a_moved_file_and_a_prune_leave_verdicts_in_force(database: Database, folders: Path) -> None:
    say(
        database,
        [
            _link("ann", "bob", "different"),
            Statement("face", "cid/0.png", "same", by="eve"),
            Statement("pair", "ann/0.png", "different", "cid/1.png", by="eve"),
        ],
    )
    (folders / "ann").rename(folders / "zoe")
    (folders / "cid" / "0.png").rename(folders / "cid" / "first.png")
    take(database, folders)
    assert _standing(database) == [
        ("pair", "different", "zoe/0.png", "cid/1.png"),
        ("face", "same", "cid/first.png", None),
        ("link", "different", "zoe", "bob"),
    ]
    kept = folders.parent / "kept.png"
    shutil.move(folders / "cid" / "1.png", kept)
    ingest(database, folders, dataset="people", prune=True, reporter=Silent())
    assert _standing(database)[0] == ("pair", "different", "zoe/0.png", "an image of cid that is gone")
    shutil.move(kept, folders / "cid" / "back.png")
    take(database, folders)
    assert _standing(database)[0] == ("pair", "different", "zoe/0.png", "cid/back.png")
    say(database, [Statement("pair", "cid/back.png", "same", "zoe/0.png", by="eve")])
    assert next((row.kind, row.verdict) for row in listed(database)) == ("pair", "same")
    assert len(listed(database, kind="pair")) == 1


def test_a_verdict_on_an_image_whose_bytes_changed_is_about_something_that_is_gone(
    database: Database, folders: Path
) -> None:
    say(database, [Statement("face", "ann/0.png", "wrong-identity", by="eve")])
    (folders / "ann" / "0.png").write_bytes(png("another photo"))
    take(database, folders)
    assert _standing(database) == [("face", "wrong-identity", "an image of ann that is gone", None)]


@pytest.mark.usefixtures("folders")
def test_contradictions_are_shown_with_the_whole_chain(database: Database) -> None:
    say(database, [_link("ann", "bob", "same"), _link("bob", "cid", "same")])
    assert conflicts(database) == []
    keys = say(database, [_link("ann", "cid", "different")])
    (conflict,) = conflicts(database)
    assert (conflict.row().said, conflict.row().against) == ("ann = bob = cid", "ann ≠ cid")
    assert keys[0] in conflict.verdict_ids
    say(database, [_link("ann", "cid", "unsure")])
    assert conflicts(database) == []


@pytest.mark.usefixtures("folders")
def test_two_images_held_apart_contradict_identities_called_the_same_unless_one_of_them_is_misfiled(
    database: Database,
) -> None:
    say(database, [_link("ann", "bob", "same"), Statement("pair", "ann/0.png", "different", "bob/0.png", by="eve")])
    (conflict,) = conflicts(database)
    assert conflict.row().against == "ann/0.png ≠ bob/0.png"
    say(database, [Statement("face", "bob/0.png", "wrong-identity", by="eve")])
    assert conflicts(database) == []


@pytest.mark.usefixtures("folders")
@pytest.mark.parametrize(
    ("statement", "error", "said"),
    [
        (Statement("link", "ann", "duplicate", "bob"), UsageError, "same, different, unsure"),
        (Statement("link", "ann", "same", "nobody"), NotFoundError, "no identity 'nobody'"),
        (Statement("link", "ann", "same", "ann"), UsageError, "two different ones"),
        (Statement("pair", "ann/0.png", "same"), UsageError, "names two"),
        (Statement("face", "ann/9.png", "duplicate"), NotFoundError, "no image"),
        (Statement("face", "ann/0.png", "duplicate", target="bob"), UsageError, "leave the target out"),
        (Statement("face", "ann/0.png", "wrong-identity", target="ann"), UsageError, "already"),
        (Statement("folder", "ann", "same"), UsageError, "a link, a pair or a face"),
    ],
)
def test_what_cannot_be_said_is_refused_in_one_sentence(
    database: Database, statement: Statement, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        say(database, [statement])
    assert listed(database) == []


@pytest.mark.usefixtures("folders")
def test_a_name_in_two_datasets_has_to_say_which(database: Database, tmp_path: Path) -> None:
    grow(tmp_path / "other", {"ann/0.png": png("other ann"), "bob/0.png": png("other bob")})
    take(database, tmp_path / "other", "other")
    with pytest.raises(ConflictError, match="other/ann and people/ann"):
        say(database, [_link("ann", "cid", "same")])
    say(database, [_link("people/ann", "other/ann", "same")])
    say(database, [Statement("face", str(tmp_path / "root" / "cid" / "0.png"), "same", by="eve")])
    say(database, [Statement("face", "ann/0.png", "same", by="eve")], dataset="other")
    assert len(listed(database)) == 3


@pytest.mark.usefixtures("folders")
def test_a_csv_is_taken_as_a_whole_or_not_at_all(database: Database, tmp_path: Path) -> None:
    file = tmp_path / "said.csv"
    file.write_text("kind,a,b,verdict,note,by\nlink,ann,bob,different,twins,ann\nface,cid/1.png,,same,,\n")
    assert len(verdicts.say_all(database, file, by="eve")) == 2
    assert [(row.by, row.note) for row in listed(database)] == [("eve", None), ("ann", "twins")]
    file.write_text("kind,a,b,verdict\nlink,ann,cid,same\nlink,ann,nobody,same\n")
    with pytest.raises(NotFoundError, match="row 2"):
        verdicts.say_all(database, file)
    assert len(listed(database)) == 2
    file.write_text("kind,a,b,verdict\nlink,ann,cid,similar\n")
    with pytest.raises(InputError, match="line 2"):
        verdicts.say_all(database, file)
    file.write_text("a,b\nann,cid\n")
    with pytest.raises(InputError, match="'kind' is missing"):
        verdicts.say_all(database, file)


# A rejected link over scans ------------------------------------------------------------------------------------------


def _near(rng: np.random.Generator, centre: np.ndarray, n: int, noise: float = 0.05) -> np.ndarray:
    return unit(centre + noise * rng.standard_normal((n, len(centre))))


def _shown(db: Database, *, rejected: bool = False) -> set[tuple[str, str]]:
    with reading.links(db, Selection(rejected=rejected)) as rows:
        return {(row[1], row[2]) for row in rows}


def _scan(db: Database, threshold: float, *, model: str | None = None, full: bool = False) -> None:
    scan(db, ScanOptions(threshold, model=model, full=full, engine="exact"), reporter=Silent())


def test_a_rejected_link_stays_hidden_over_scans_thresholds_labels_and_models_until_new_images_join_it(
    database: Database,
) -> None:
    rng = np.random.default_rng(5)
    twins, other = unit(rng.standard_normal((2, 32)))
    people = Population(database, 32)
    people.add(_near(rng, twins, 4), ["ann"] * 4)
    people.add(_near(rng, twins, 4), ["bob"] * 4)
    people.add(_near(rng, other, 3), ["cid"] * 3)
    people.add(_near(rng, other, 3), ["dan"] * 3)
    _scan(database, 0.8)
    assert _shown(database) == {("ann", "bob"), ("cid", "dan")}
    say(database, [_link("ann", "bob", "different")])
    with database.connection() as conn:
        seen = conn.execute("select scan_id, pairs, faces_a, faces_b from bi.verdicts").fetchall()
        assert (
            seen == conn.execute("select scan_id, pairs, faces_a, faces_b from facedb.link where rank = 1").fetchall()
        )
    only = {("cid", "dan")}
    assert _shown(database) == only
    assert _shown(database, rejected=True) == only | {("ann", "bob")}
    assert reading.remarks_on_links(database, Selection())[0].startswith("1 link is hidden by the verdict different")
    for threshold in (0.5, 0.85):
        _scan(database, threshold, full=True)
        assert _shown(database) == only, f"hidden at {threshold}"
    second = Population(database, 32, name="second")
    with database.connection() as conn:
        conn.execute(
            "insert into facedb.embedding (face_id, model_id, norm, vec) select face_id, %s, norm, vec from facedb.embedding",
            [second.model.id],
        )
    _scan(database, 0.8, model="second")
    assert _shown(database) == only, "hidden under another model"
    people.add(_near(rng, twins, 1), ["bob"])
    _scan(database, 0.8, model="test")
    assert _shown(database) == only | {("ann", "bob")}, "a new image joined it"
    (line,) = reading.remarks_on_links(database, Selection())
    assert "ann and" in line
    assert "1 new image joined" in line
    say(database, [_link("ann", "bob", "different")])
    assert _shown(database) == only, "said again with the new image in sight"


def test_the_views_say_what_a_person_said_of_a_link_and_what_is_new(database: Database, connection: Connection) -> None:
    rng = np.random.default_rng(6)
    (twins,) = unit(rng.standard_normal((1, 16)))
    people = Population(database, 16)
    people.add(_near(rng, twins, 6), ["ann", "ann", "ann", "bob", "bob", "bob"])
    _scan(database, 0.5)
    query = "select verdict, verdict_by, new_images from bi.links"
    assert connection.execute(query).fetchone() == (None, None, None)
    say(database, [_link("bob", "ann", "same")])
    connection.rollback()
    assert connection.execute(query).fetchone() == ("same", "eve", 0)


def test_a_relabelled_image_joining_a_rejected_link_is_new_evidence(database: Database) -> None:
    rng = np.random.default_rng(7)
    (twins,) = unit(rng.standard_normal((1, 16)))
    people = Population(database, 16)
    people.add(_near(rng, twins, 7), ["ann"] * 3 + ["bob"] * 3 + ["cid"])
    _scan(database, 0.5)
    say(database, [_link("ann", "bob", "different")])
    with database.connection() as conn:
        conn.execute(
            "update facedb.image set identity_id = (select id from facedb.identity where name = 'bob') "
            "where identity_id = (select id from facedb.identity where name = 'cid')"
        )
    _scan(database, 0.5)
    assert _shown(database) == {("ann", "bob")}
