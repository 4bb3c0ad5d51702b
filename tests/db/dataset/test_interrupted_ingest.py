"""Ingests at once, killed and interrupted: what is there is whole, and the next one ends like an undisturbed one."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from facedb.core.errors import ConflictError
from facedb.core.progress import Silent
from facedb.dataset.ingest import IngestSummary, ingest
from facedb.dataset.intake.one_source import Intake
from facedb.db.connection import Database
from tests.db.dataset.folders import faces, identity_keys, picture, pretend_embedded, stopped, take
from tests.processes import LONGEST_SECONDS, join


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
            picture(folder / f"p{k % 5}" / f"{k}.png", 100 * ord(name) + k)
        try:
            ingest(database, folder, dataset="shared", reporter=Silent())
        except BaseException as error:  # noqa: BLE001 - handed to the test's thread
            failures.append(error)

    threads = [threading.Thread(target=run, args=(name,)) for name in ("a", "b", "c")]
    for thread in threads:
        thread.start()
    join(*threads)
    assert not failures
    assert len(identity_keys(database)) == 5
    with database.connection() as conn:
        assert conn.execute("select count(*) from facedb.image").fetchone() == (180,)


def kill_an_ingest_half_way(db: Database, folder: Path) -> int:
    """Start an ingest in small batches that is killed when it has committed some; returns the rows it left."""
    assert stopped(db, "ingest", folder, 7) == -signal.SIGKILL
    with db.connection() as conn:
        row = conn.execute("select count(*) from facedb.image").fetchone()
    return row[0] if row else 0


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
    end = time.monotonic() + LONGEST_SECONDS
    while True:
        try:
            return take(db, folder)
        except ConflictError:
            assert time.monotonic() < end
            time.sleep(0.05)


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
