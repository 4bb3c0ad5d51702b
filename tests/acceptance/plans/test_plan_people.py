"""Verdicts, plans and undo from outside, over a rescan, a relabel, a moved folder and a second model."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import facedb
from facedb.api import FaceDB
from facedb.db.connection import Database
from facedb.report import reading
from facedb.report.reading import Selection
from facedb.review import verdicts
from tests.acceptance.trees import look
from tests.acceptance.world import Command, block_model, people, portrait, save

THRESHOLD = 0.5


@pytest.fixture
def command(database: Database, tmp_path: Path) -> Command:
    """The installed command on a database of this test's own."""
    return Command(tmp_path, database.dsn)


@pytest.fixture
def db(database: Database) -> Iterator[FaceDB]:
    """The same database from Python, which spares a process for every question."""
    with facedb.connect(database.dsn) as opened:
        yield opened


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """Six people; two of them are filed under two names each, the one pair to be merged, the other to be called different."""
    root = people(tmp_path / "root", 6, 4)
    for copy, original in (("ada", 0), ("bea", 1)):
        for shot in range(10, 13):
            save(portrait(original, shot), root / copy / f"{shot}.png")
    save(portrait(5, 20), root / "person004" / "stray.png")
    return root


def _check(db: FaceDB, root: Path, model: Path, threshold: float = THRESHOLD, detector: Path | None = None) -> None:
    db.check(root, model=model, detector=detector, threshold=threshold, dataset="people")


def _links(db: FaceDB, *, rejected: bool = False) -> set[tuple[str, ...]]:
    return {tuple(sorted((link.identity_a, link.identity_b))) for link in db.links(rejected=rejected)}


def test_what_a_person_said_holds_over_everything_that_comes_after(db: FaceDB, database: Database, world: Path) -> None:
    first, second = block_model(world.parent / "first.onnx"), block_model(world.parent / "second.onnx", seed=2)
    _check(db, world, first)
    twins, merged = ("bea", "person001"), ("ada", "person000")
    assert {twins, merged} <= _links(db)
    db.say("link", twins[0], "different", twins[1], note="twins", by="eve")
    db.say("link", merged[0], "same", merged[1], by="eve")
    db.say("face", "person004/stray.png", "wrong-identity", target="person005", by="eve")
    db.say("pair", "ada/10.png", "different", "person002/0.png", by="eve")

    def in_force() -> None:
        assert twins not in _links(db)
        assert twins in _links(db, rejected=True)
        said = verdicts.listed(database)
        assert [(row.kind, row.verdict) for row in said] == [
            ("pair", "different"),
            ("face", "wrong-identity"),
            ("link", "same"),
            ("link", "different"),
        ]
        assert not any("gone" in f"{row.a} {row.b}" for row in said)

    in_force()
    _check(db, world, first, 0.3)
    in_force()
    _check(db, world, second)
    in_force()
    (world / "person002").rename(world / "renamed")
    (world / "ada" / "10.png").rename(world / "ada" / "ten.png")
    _check(db, world, second)
    in_force()
    shutil.move(world / "person003" / "0.png", world / "renamed" / "relabelled.png")
    _check(db, world, first)
    in_force()
    save(portrait(1, 30), world / "bea" / "new.png")
    _check(db, world, first)
    assert twins in _links(db)
    (remark,) = reading.remarks_on_links(database, Selection())
    assert "since then 1 new image joined their pairs" in remark


def test_verdicts_are_carried_out_shown_first_and_taken_back(command: Command, db: FaceDB, world: Path) -> None:
    model = block_model(world.parent / "first.onnx")
    _check(db, world, model)
    command("verdict", "link", "ada", "person000", "same")
    command("verdict", "face", "person004/stray.png", "wrong-identity", "--to", "person005")
    db.say("face", "person003/0.png", "wrong-identity")
    before = look(world)
    planned = command("plan", "--format", "csv")
    assert [row["action"] for row in planned.csv] == ["merge", "merge", "merge", "move", "quarantine"]
    assert "facedb apply 1 --yes" in planned.err
    assert "no plan is applied" in command("undo", code=8).err.lower()
    for number in ([1], []):
        assert "Do it with: facedb apply 1 --yes" in command("apply", *number).err
    assert look(world) == before
    command("apply", "--yes")
    assert (world / "person005" / "stray.png").is_file()
    assert command("plans", "--format", "json").json[0]["state"] == "applied"
    taken = db.ingest(world, dataset="people")
    assert (taken.new, taken.changed, taken.moved, taken.vanished) == (0, 0, 0, 0)
    _check(db, world, model)
    assert ("ada", "person000") not in _links(db)
    different = command("diff", 1, 2, "--format", "json").json
    reasons = {tuple(sorted((row["identity_a"], row["identity_b"]))): row["reason"] for row in different}
    assert reasons["ada", "person000"] == "relabelled"
    assert "Do it with: facedb undo 1 --yes" in command("undo").err
    command("undo", "--yes")
    assert look(world) == before


def test_mistakes_in_a_call_are_said_in_one_sentence(command: Command, db: FaceDB, world: Path) -> None:
    _check(db, world, block_model(world.parent / "first.onnx"))
    assert "no identity 'nobody'" in command("verdict", "link", "nobody", "ada", "same", code=8).err
    assert "same, different, unsure" in command("verdict", "link", "bea", "ada", "twins", code=2).err
    assert "no plan 7" in command("apply", 7, code=8).err
    assert "no scan 9" in command("diff", 1, 9, code=8).err
    db.say("link", "ada", "same", "bea")
    db.say("link", "bea", "same", "person001")
    assert "contradicts" in command("verdict", "link", "ada", "person001", "different").err
    assert "hidden that a person called different" not in command("links").err
    (row,) = command("verdict", "conflicts", "--format", "json").json
    assert row["said"] == "ada = bea = person001"
    out = world.parent / "list.csv"
    command("export", "list", out)
    assert "--force" in command("export", "list", out, code=2).err


@pytest.mark.real_data
def test_verdicts_on_real_faces_hold_under_a_second_contract_and_are_planned_on_certain_findings(
    db: FaceDB, real_data: Path, tmp_path: Path
) -> None:
    root = tmp_path / "orl"
    for person in range(1, 9):
        (root / f"s{person}").mkdir(parents=True)
        for shot in range(1, 11):
            shutil.copy(real_data / "faces" / "orl" / f"s{person}" / f"{shot}.pgm", root / f"s{person}" / f"{shot}.pgm")
    (root / "again").mkdir()
    for shot in range(6, 11):
        shutil.move(root / "s2" / f"{shot}.pgm", root / "again" / f"{shot}.pgm")
    shutil.move(root / "s5" / "3.pgm", root / "s8" / "stray.pgm")
    model = real_data / "models" / "mobileface_v2_mit.onnx"
    detector = real_data / "models" / "yunet_s_dynamic.onnx"
    _check(db, root, model, 0.4, detector)
    certain = {finding.kind for finding in db.findings(min_confidence=0.95)}
    assert {"merge", "stray"} <= certain, db.findings()[:5]
    steps = {(s.action, frozenset((s.name_from, s.name_to))) for s in db.plan(auto=True).steps}
    assert steps == {("merge", frozenset(("again", "s2"))), ("move", frozenset(("s8", "s5")))}
    assert db.plan().steps == (), "without auto nothing happens that nobody decided"
    db.say("link", "again", "different", "s2")
    db.say("face", "s8/stray.pgm", "same")
    assert db.plan(auto=True).steps == (), "what a person said wins over what is certain"
    _check(db, root, model, 0.4)
    assert ("again", "s2") in _links(db, rejected=True)
    assert ("again", "s2") not in _links(db)
    db.say("link", "again", "unsure", "s2")
    assert ("again", "s2") in _links(db)
