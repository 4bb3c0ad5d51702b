"""A check that is killed at any moment and run again ends with the rows of one that nobody disturbed."""

from __future__ import annotations

import shutil
import signal
import time
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from facedb.db.connection import Database
from facedb.db.migrate import upgrade
from tests.acceptance.world import Command, block_model, people, picture_of, portrait, save

THRESHOLD = 0.4


def query(dsn: str, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn) as conn:
        return conn.execute(statement).fetchall()


def count(dsn: str, table: str) -> int:
    """Rows of a table; 0 while the table is not there."""
    try:
        with psycopg.connect(dsn) as conn:
            row = conn.execute(sql.SQL("select count(*) from {}").format(sql.Identifier("facedb", table))).fetchone()
    except psycopg.Error:
        return 0
    return int(row[0]) if row else 0


@pytest.fixture
def second(empty_database: Database) -> Database:
    """Another migrated database."""
    upgrade(empty_database)
    return empty_database


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Fourteen people with eight pictures each, some of them broken or no pictures at all."""
    folder = people(tmp_path / "people", 14, 8)
    for k in range(3):
        shutil.copy(folder / "person001" / f"{k}.png", folder / "person000" / f"copy{k}.png")
        (folder / f"person00{k}" / "notes.txt").write_text("not an image")
        (folder / f"person00{k}" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    return folder


def assert_the_same(a: str, b: str) -> None:
    first, second = (picture_of(partial(query, dsn)) for dsn in (a, b))
    assert len(first["pairs"]) > 20
    for part, rows in first.items():
        assert second[part] == rows, part


def test_a_check_killed_at_every_stage_ends_like_an_undisturbed_one(
    database: Database, second: Database, tree: Path, tmp_path: Path
) -> None:
    model = block_model(tmp_path / "slow.onnx", slow=1200)
    arguments = ("check", tree, "--model", model, "--threshold", THRESHOLD, "--threads", 1)
    Command(tmp_path / "calm", dsn=database.dsn)(*arguments)
    dsn = second.dsn
    facedb = Command(tmp_path / "killed", dsn=dsn)
    stages = (
        lambda: count(dsn, "source") > 0,
        lambda: count(dsn, "image") > 0,
        lambda: count(dsn, "model") > 0,
        lambda: count(dsn, "embedding") > 0,
        lambda: count(dsn, "embedding") > 64,
        lambda: count(dsn, "scan") > 0,
    )
    killed = 0
    for reached in stages:
        process = facedb.start(*arguments)
        while process.poll() is None and not reached():
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        killed += process.returncode == -signal.SIGKILL
    assert killed >= 5
    facedb(*arguments)
    assert_the_same(database.dsn, dsn)
    assert query(dsn, "select count(*) from facedb.scan where status <> 'finished'") == [(0,)]


def test_steps_one_by_one_give_what_check_gives(database: Database, second: Database, tmp_path: Path) -> None:
    folder = people(tmp_path / "people", 12, 6)
    model = block_model(tmp_path / "blocks.onnx")
    Command(tmp_path / "one", dsn=database.dsn)("check", folder, "--model", model, "--threshold", THRESHOLD)
    stepwise = Command(tmp_path / "two", dsn=second.dsn)
    said = stepwise("ingest", folder)
    assert "72" in said.out
    stepwise("embed", "--model", model)
    stepwise("scan", "--threshold", THRESHOLD, "--engine", "exact", "--block-rows", 7)
    assert_the_same(database.dsn, second.dsn)


def test_an_incremental_history_through_the_command_ends_like_a_fresh_start(
    database: Database, second: Database, tmp_path: Path
) -> None:
    folder = people(tmp_path / "people", 12, 6)
    model = block_model(tmp_path / "blocks.onnx")
    facedb = Command(tmp_path / "history", dsn=database.dsn)
    arguments = ("check", folder, "--model", model)
    facedb(*arguments, "--threshold", 0.3)
    people(folder, 3, 6, first=40)
    (folder / "person002" / "1.png").rename(folder / "person003" / "moved.png")
    facedb(*arguments, "--threshold", 0.3)
    (folder / "person004").rename(folder / "renamed")
    save(portrait(5, 99), folder / "person005" / "1.png")
    shutil.rmtree(folder / "person006")
    facedb("ingest", folder, "--prune", "--yes")
    facedb(*arguments, "--threshold", THRESHOLD)
    Command(tmp_path / "fresh", dsn=second.dsn)(*arguments, "--threshold", THRESHOLD)
    assert_the_same(database.dsn, second.dsn)
