"""SIGKILL at random moments: whatever was under way, the next run ends with the rows of an undisturbed one and nothing is left over.

`pytest -m long tests/faults/test_kills.py -s` kills more than 200 times and prints seeds and counts.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facedb.core.progress import Silent
from facedb.dataset.ingest import ingest
from facedb.db.connection import Database
from facedb.db.server.process import processes
from facedb.review.plans.plan import make_plan
from tests.acceptance import trees
from tests.acceptance.world import Command, block_model, people, picture_of
from tests.conftest import Server
from tests.db.population import Population, clustered
from tests.faults.kills import Killer, assert_nothing_left, forked, rows

# How many kills of each test meet a running command.
MANY = pytest.param(30, marks=pytest.mark.long, id="long")
FEW = pytest.param(1, id="short")


@pytest.fixture(scope="module", autouse=True)
def forks() -> Iterator[None]:
    """One process that forks the others, for this module."""
    with forked():
        yield


@pytest.fixture
def copies(server: Server, database: Database) -> Iterator[Callable[[], Database]]:
    """Gives fresh copies of the test's database."""
    names: list[str] = []

    def copy() -> Database:
        names.append(f"test_{secrets.token_hex(4)}")
        server.administer("create database {} template {}", names[-1], database.dsn.split("?")[0].rpartition("/")[2])
        return Database(server.database(names[-1]), embedded=True)

    yield copy
    for name in names:
        server.administer("drop database {} with (force)", name)


def answers(db: Database) -> dict[str, list[tuple[Any, ...]]]:
    """What the tables say, without keys."""
    with db.connection() as conn:
        picture = picture_of(partial(rows, conn))
        picture["findings"] = sorted(
            tuple(map(str, row))
            for row in rows(
                conn,
                "select class, rank, identity_a, identity_b, path, round(confidence::numeric, 6) from bi.latest_findings",
            )
        )
        picture["scans"] = rows(conn, "select status, faces, pairs, links from facedb.scan order by id")
        return picture


def killed_until_done(
    killer: Killer, copies: Callable[[], Database], command: tuple[object, ...], kills: int, *folders: Path
) -> None:
    """Kill ``command`` again and again on copies of one database; each must end with what one alone ends with."""
    calm = copies()
    at = killer.facedb
    killer.facedb = Command(at.home, dsn=calm.dsn)
    killer.finish(*command)
    expected = answers(calm)
    # The first run also loads what a fork has not: the moments are those of a second one.
    killer.facedb = Command(at.home, dsn=copies().dsn)
    killer.finish(*command)
    killer.longest = killer.took
    for kill in killer.rounds(kills):
        db = copies()
        killer.facedb = Command(at.home, dsn=db.dsn)
        kill(*command)
        killer.finish(*command)
        assert answers(db) == expected, f"seed {killer.seed}"
        assert_nothing_left(db, at.home, *folders)
    print(f"seed {killer.seed}: {command[0]} killed {killer.kills} times, the rows of an undisturbed run each time")  # noqa: T201


def begun(tmp_path: Path) -> Killer:
    return Killer(Command(tmp_path), seed=secrets.randbits(32))


@pytest.mark.parametrize("kills", [MANY])
def test_an_ingest_killed_anywhere_ends_with_the_rows_of_one_alone(
    copies: Callable[[], Database], tmp_path: Path, kills: int
) -> None:
    folder = people(tmp_path / "photos", 30, 10)
    (folder / "person000" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    killed_until_done(begun(tmp_path), copies, ("ingest", folder), kills, folder)


@pytest.mark.parametrize("kills", [MANY])
def test_an_embed_killed_anywhere_ends_with_the_rows_of_one_alone(
    database: Database, copies: Callable[[], Database], tmp_path: Path, kills: int
) -> None:
    folder = people(tmp_path / "photos", 12, 8)
    ingest(database, folder, reporter=Silent())
    model = block_model(tmp_path / "slow.onnx", slow=600)
    killed_until_done(begun(tmp_path), copies, ("embed", "--model", model, "--threads", 1), kills, folder)


@pytest.mark.parametrize("kills", [MANY])
@pytest.mark.parametrize("block_rows", [12, 4096], ids=["scan", "findings"])
def test_a_scan_and_its_findings_killed_anywhere_end_with_the_rows_of_one_alone(
    database: Database, copies: Callable[[], Database], tmp_path: Path, kills: int, block_rows: int
) -> None:
    population = Population(database, 16)
    faces = 240 if block_rows == 12 else 600
    population.add(clustered(np.random.default_rng(3), faces, 16, 6), [f"p{k // 4:03}" for k in range(faces)])
    command = ("scan", "--threshold", 0.75, "--engine", "exact", "--block-rows", block_rows, "--threads", 1)
    killed_until_done(begun(tmp_path), copies, command, kills)


@pytest.mark.parametrize("kills", [FEW, MANY])
def test_a_check_of_everything_killed_anywhere_ends_with_the_rows_of_one_alone(
    copies: Callable[[], Database], tmp_path: Path, kills: int
) -> None:
    folder, model = people(tmp_path / "photos", 12, 6), block_model(tmp_path / "blocks.onnx")
    killed_until_done(begun(tmp_path), copies, ("check", folder, "--model", model, "--threshold", 0.3), kills, folder)


@pytest.mark.parametrize("kills", [MANY])
def test_a_plan_killed_anywhere_is_a_whole_one_or_none(database: Database, tmp_path: Path, kills: int) -> None:
    trees.people(database, tmp_path / "root")
    killer = Killer(Command(tmp_path, dsn=database.dsn), seed=secrets.randbits(32))
    killer.finish("plan")
    killer.finish("plan")
    killer.longest = killer.took
    steps = "select plan_id, array_agg((step, action, path_from, path_to, state) order by step) from facedb.plan_step group by 1"
    for kill in killer.rounds(kills):
        kill("plan")
        killer.finish("plan")
        assert_nothing_left(database, tmp_path)
    with database.connection() as conn:
        made = dict(rows(conn, steps))
        kept = {key for (key,) in rows(conn, "select id from facedb.plan")}
    assert set(made) == kept, f"seed {killer.seed}"
    assert len({str(whole) for whole in made.values()}) == 1, f"seed {killer.seed}"
    print(f"seed {killer.seed}: plan killed {killer.kills} times, each plan whole or not there")  # noqa: T201


@pytest.mark.parametrize("kills", [FEW, MANY])
def test_an_apply_and_its_undo_killed_anywhere_leave_the_tree_as_it_was(
    database: Database, tmp_path: Path, kills: int
) -> None:
    root = tmp_path / "root"
    trees.people(database, root)
    before, table = trees.look(root), trees.rows(database)
    home = tmp_path / "home"
    home.mkdir()
    killer = Killer(Command(home, dsn=database.dsn), seed=secrets.randbits(32))
    plan = make_plan(database).plan.id
    killer.finish("apply", plan, "--yes")
    after, moved = trees.look(root), trees.rows(database)
    killer.finish("undo", plan, "--yes")
    killer.longest = killer.took
    for kill in killer.rounds(kills):
        plan = make_plan(database).plan.id
        for command, tree, held in (("apply", after, moved), ("undo", before, table)):
            kill(command, plan, "--yes")
            killer.finish(command, plan, "--yes")
            seen = trees.look(root)
            assert {p: s[2] for p, s in seen.items()} == {p: s[2] for p, s in tree.items()}, f"seed {killer.seed}"
            if command == "undo":
                assert seen == tree, f"seed {killer.seed}"
            assert {(r[1], r[2]) for r in trees.rows(database)} == {(r[1], r[2]) for r in held}, f"seed {killer.seed}"
        assert_nothing_left(database, home, root)
    print(f"seed {killer.seed}: apply and undo killed {killer.kills} times, the tree and the rows as they were")  # noqa: T201


@pytest.mark.parametrize("kills", [FEW, MANY])
def test_a_check_with_its_own_server_killed_anywhere_leaves_no_server_behind(
    database: Database, short_directory: Path, tmp_path: Path, kills: int
) -> None:
    folder, model = people(tmp_path / "photos", 8, 5), block_model(tmp_path / "blocks.onnx")
    command = ("check", folder, "--model", model, "--threshold", 0.3)
    killer = Killer(Command(tmp_path, dsn=database.dsn), seed=secrets.randbits(32))
    killer.finish(*command)
    expected = answers(database)
    killer.longest = 5.0
    for kill in killer.rounds(max(1, kills // 3)):
        place = short_directory / secrets.token_hex(4)
        place.mkdir(mode=0o711)
        killer.facedb = Command(place)
        kill(*command)
        killer.finish(*command)
        if not killer.kills:
            # This machine is quicker than five seconds.
            killer.longest = killer.took
        killer.facedb("db", "start")
        try:
            url = killer.facedb("db", "url").out.strip()
            assert answers(Database(url, embedded=True)) == expected, f"seed {killer.seed}"
        finally:
            killer.facedb("db", "stop")
        assert not processes((place / "facedb" / "postgres").resolve() / "data")
    print(f"seed {killer.seed}: check with its own server killed {killer.kills} times")  # noqa: T201
