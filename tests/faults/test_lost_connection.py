"""A server that goes away in the middle of the work: the run goes on, and ends with the rows of an undisturbed one."""

from __future__ import annotations

import os
import secrets
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from pathlib import Path

import numpy as np
import psycopg
import pytest

from facedb.core.errors import ConflictError, DatabaseError
from facedb.core.progress import Silent, Task
from facedb.dataset.ingest import ingest
from facedb.db.connection import Connection, Database, translated
from facedb.db.migrate import ensure
from facedb.db.reconnecting import Work, streamed
from facedb.db.server.embedded import EmbeddedServer
from facedb.db.server.process import read_pid_file
from facedb.scan.run import ScanOptions, scan
from tests.acceptance.world import Command
from tests.processes import join, until

PEOPLE, EACH, DIM = 60, 20, 16


def vectors(folder: Path) -> Path:
    """A dump of embeddings in several files: people as tight clusters, some of them twice."""
    rng = np.random.default_rng(7)
    folder.mkdir()
    centres = rng.normal(size=(PEOPLE, DIM))
    centres[1::10] = centres[::10]
    for part in range(4):
        rows = (centres[:, None] + 0.2 * rng.normal(size=(PEOPLE, EACH // 4, DIM))).reshape(-1, DIM)
        names = np.array([f"p{k:02d}/{part}-{n}.jpg" for k in range(PEOPLE) for n in range(EACH // 4)])
        np.save(folder / f"{part:04d}.features.npy", rows.astype(np.float32))
        np.save(folder / f"{part:04d}.object_ids.npy", names)
    return folder


def opened(use: EmbeddedServer) -> Database:
    """Its database, migrated."""
    db = Database(use.acquire(), embedded=True, reviver=use.revive)
    ensure(db)
    return db


def backend(db: Database) -> None:
    """Kill one backend that works for facedb, as the kernel does when memory ends."""
    with closing(psycopg.connect(db.dsn, autocommit=True)) as conn:
        rows = conn.execute(
            "select pid from pg_stat_activity where application_name = 'facedb' and pid <> pg_backend_pid()"
        ).fetchall()
    for (pid,) in rows[:1]:
        os.kill(pid, signal.SIGKILL)


def postmaster(db: Database) -> None:
    """Kill the server."""
    with closing(psycopg.connect(db.dsn, autocommit=True)) as conn:
        row = conn.execute("show data_directory").fetchone()
    assert row is not None
    pid = read_pid_file(Path(row[0])).pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


def cut(db: Database) -> None:
    """End every session, as a restart in order does."""
    with closing(psycopg.connect(db.dsn, autocommit=True)) as conn:
        conn.execute(
            "select pg_terminate_backend(pid, 60000) from pg_stat_activity where pid <> pg_backend_pid() and datname = current_database()"
        )


class Disturbed:
    """A reporter that disturbs the database once, when the first piece of a task is done."""

    def __init__(self, disturb: Callable[[], None]) -> None:
        self._disturb = disturb
        self.said: list[str] = []
        self.times = 0

    def say(self, message: str) -> None:
        self.said.append(message)

    def task(self, title: str, total: int | None, unit: str) -> AbstractContextManager[Task]:  # noqa: ARG002
        return _Watched(self)

    def moment(self) -> None:
        """A piece of work was committed."""
        self.times += 1
        if self.times == 1:
            self._disturb()


class _Watched:
    def __init__(self, reporter: Disturbed) -> None:
        self._reporter = reporter

    def __enter__(self) -> _Watched:
        return self

    def __exit__(self, *_error: object) -> None:
        pass

    def advance(self, *_done: object) -> None:
        self._reporter.moment()


def rows(db: Database) -> tuple[object, ...]:
    """What the ingest and the scan left, without keys."""
    with db.connection() as conn:
        images = conn.execute("select path, status, sha256 from facedb.image order by 1").fetchall()
        pairs = conn.execute(
            "select a.path, b.path, p.score from facedb.flagged_pair p"
            " join facedb.face fa on fa.id = p.face_a join facedb.image a on a.id = fa.image_id"
            " join facedb.face fb on fb.id = p.face_b join facedb.image b on b.id = fb.image_id order by 1, 2"
        ).fetchall()
        scans = conn.execute("select status, faces, pairs, links from facedb.scan").fetchall()
    return images, pairs, scans


@pytest.mark.parametrize("disturb", [backend, postmaster, cut])
def test_an_ingest_and_a_scan_outlive_the_server_and_end_with_the_rows_of_an_undisturbed_one(
    use: EmbeddedServer, tmp_path: Path, database: Database, disturb: Callable[[Database], None]
) -> None:
    source = vectors(tmp_path / "vectors")
    options = ScanOptions(threshold=0.6, block_rows=200, engine="exact")
    ingest(database, source, contract="given", reporter=Silent())
    scan(database, options, reporter=Silent())
    expected = rows(database)
    db = opened(use)
    reporters = [Disturbed(lambda: disturb(db)) for _ in range(2)]
    taken = ingest(db, source, contract="given", reporter=reporters[0])
    assert (taken.new, taken.vanished, taken.seen) == (PEOPLE * EACH, 0, PEOPLE * EACH)
    scan(db, options, reporter=reporters[1])
    assert all(any("connection is back" in word for word in reporter.said) for reporter in reporters)
    assert rows(db) == expected


def test_a_unit_whose_commit_went_through_unheard_is_not_run_again(database: Database) -> None:
    with closing(Work(database)) as work:
        work.unit(lambda conn: conn.execute("create table kept (n int)"))
        real = work.conn

        class Deaf:
            """The connection, but for the answer to its commit."""

            def __getattr__(self, name: str) -> object:
                return getattr(real, name)

            def commit(self) -> None:
                real.commit()
                raise psycopg.OperationalError("server closed the connection unexpectedly")

        work.conn = Deaf()  # type: ignore[assignment]
        work.unit(lambda conn: conn.execute("insert into kept values (1)"))
        assert work.unit(lambda conn: conn.execute("select n from kept").fetchall()) == [(1,)]


def test_what_opens_connections_of_its_own_outlives_the_server_too(use: EmbeddedServer) -> None:
    db = opened(use)
    with closing(Work(db)) as work:
        postmaster(db)

        def count() -> tuple[object, ...] | None:
            with db.connection() as conn:
                return conn.execute("select 1").fetchone()

        assert work.outlive(count) == (1,)


@pytest.mark.parametrize("failure", [psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure])
def test_a_unit_that_others_were_in_the_way_of_is_run_again_whole(
    database: Database, failure: type[psycopg.Error]
) -> None:
    tries = []

    def unit(conn: Connection) -> None:
        conn.execute("insert into kept values (1)")
        tries.append(1)
        if len(tries) < 3:
            raise failure

    with closing(Work(database)) as work:
        work.unit(lambda conn: conn.execute("create table kept (n int)"))
        work.unit(unit)
        assert work.unit(lambda conn: conn.execute("select count(*) from kept").fetchone()) == (1,)


def test_a_lock_is_taken_again_after_a_reconnect_and_refused_where_another_has_it(database: Database) -> None:
    def lock(conn: Connection) -> None:
        row = conn.execute("select pg_try_advisory_lock(5)").fetchone()
        if row != (True,):
            raise ConflictError("taken")

    with closing(Work(database)) as work, closing(database.open(autocommit=True)) as other:
        work.keep(lock)
        assert other.execute("select pg_try_advisory_lock(5)").fetchone() == (False,)
        other.execute("select pg_terminate_backend(%s)", [work.conn.info.backend_pid])
        assert work.unit(lambda conn: conn.execute("select 1").fetchone()) == (1,)
        assert other.execute("select pg_try_advisory_lock(5)").fetchone() == (False,)


def test_a_server_that_stays_away_ends_in_one_sentence(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    with closing(Work(database, patience=0.5, say=said.append)) as work:
        work.unit(lambda conn: conn.execute("select 1"))
        gone = Database("postgresql://nobody@127.0.0.1:1/gone?connect_timeout=1", embedded=False)
        monkeypatch.setattr(work, "_db", gone)
        work.conn.close()
        with pytest.raises(DatabaseError, match="No connection to database gone"):
            work.unit(lambda conn: conn.execute("select 1"))
    assert any("waiting up to" in word for word in said)


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        ("set transaction read only; create table kept (n int)", "is read-only"),
        ("do $$ begin raise exception 'no space left' using errcode = '53100'; end $$", "disk of the database is full"),
        ("do $$ begin raise exception 'no' using errcode = '42501'; end $$", "lacks a right"),
    ],
)
def test_what_waiting_does_not_mend_is_said_at_once(database: Database, statement: str, sentence: str) -> None:
    said: list[str] = []
    with (
        pytest.raises(DatabaseError, match=sentence),
        closing(Work(database, say=said.append)) as work,
        translated(database.dsn),
    ):
        work.unit(lambda conn: conn.execute(statement))
    assert said == [], "nothing was waited for"


def test_a_stream_that_is_cut_hands_out_every_row_once(database: Database) -> None:
    with database.connection() as conn:
        conn.execute("create table many as select g as n from generate_series(1, 9000) g")

    def read(conn: Connection) -> Iterator[int]:
        with conn.cursor(name="many", withhold=True) as cursor:
            cursor.itersize = 1000
            cursor.execute("select n from many order by n")
            conn.commit()
            for row in cursor:
                yield row[0]

    met: list[int] = []
    for number in streamed(database, read, lambda n: n):
        met.append(number)
        if number == 2500:
            cut(database)
    assert met == list(range(1, 9001))


def slow_down(db: Database, seconds: float, copies: int = 1000) -> None:
    """Let the first COPYs of images take so long at least."""
    with db.connection() as conn:
        conn.execute("create sequence facedb.copies")
        conn.execute(
            "create function facedb.wait_a_while() returns trigger language plpgsql as $$ begin"
            f" if nextval('facedb.copies') <= {copies} then perform pg_sleep({seconds}); end if; return null; end $$".encode()
        )
        conn.execute(
            "create trigger slow after insert on facedb.image for each statement execute function facedb.wait_a_while()"
        )


def test_an_ingest_that_is_cut_in_the_middle_of_a_copy_goes_on_and_doubles_nothing(
    database: Database, tmp_path: Path
) -> None:
    source = vectors(tmp_path / "vectors")
    slow_down(database, 60, copies=1)

    def cut_a_copy() -> None:
        with closing(psycopg.connect(database.dsn, autocommit=True)) as conn:
            copying = (
                "select pg_terminate_backend(pid) from pg_stat_activity where query ~* '^copy facedb.image'"
                " and wait_event = 'PgSleep' and datname = current_database()"
            )
            until(lambda: conn.execute(copying).fetchone(), "a COPY")

    cutter = threading.Thread(target=cut_a_copy)
    cutter.start()
    taken = ingest(database, source, contract="given", reporter=Silent())
    join(cutter)
    assert (taken.new, taken.ready) == (PEOPLE * EACH, PEOPLE * EACH)
    with database.connection() as conn:
        counted = conn.execute("select count(*), count(distinct path) from facedb.image").fetchone()
        embedded = conn.execute("select count(*), count(distinct face_id) from facedb.embedding").fetchone()
    assert counted == embedded == (PEOPLE * EACH, PEOPLE * EACH)


def test_two_units_that_lock_each_other_out_both_get_through_once(database: Database) -> None:
    with database.connection() as conn:
        conn.execute("create table counts (k int primary key, n int)")
        conn.execute("insert into counts values (1, 0), (2, 0)")
    both = threading.Barrier(2)
    tries: list[int] = []

    def crosswise(first: int, second: int) -> None:
        def unit(conn: Connection) -> None:
            tries.append(first)
            conn.execute("update counts set n = n + 1 where k = %s", [first])
            if len(tries) <= 2:
                both.wait(60)
            conn.execute("update counts set n = n + 1 where k = %s", [second])

        with closing(Work(database)) as work:
            work.unit(unit)

    threads = [threading.Thread(target=crosswise, args=each) for each in ((1, 2), (2, 1))]
    for thread in threads:
        thread.start()
    join(*threads)
    assert len(tries) >= 3, "one of the two was ended as a deadlock"
    with database.connection() as conn:
        assert conn.execute("select n from counts").fetchall() == [(2,), (2,)]


def set_on_the_database(db: Database, setting: str) -> None:
    with closing(psycopg.connect(db.dsn, autocommit=True)) as conn:
        name = conn.info.dbname
        conn.execute(f'alter database "{name}" set {setting}'.encode())


@pytest.mark.parametrize("setting", ["statement_timeout = 400", "idle_session_timeout = 400"])
def test_limits_that_were_meant_for_others_do_not_end_the_work(
    database: Database, tmp_path: Path, setting: str
) -> None:
    source = vectors(tmp_path / "vectors")
    slow_down(database, 0.6)
    set_on_the_database(database, setting)
    waiting = Disturbed(lambda: time.sleep(0.6))
    ingest(database, source, contract="given", reporter=waiting)
    assert waiting.said == []
    assert scan(database, ScanOptions(threshold=0.6, engine="exact"), reporter=Silent()).scan.pairs > 0


def test_a_server_that_only_reads_is_said_in_one_sentence(database: Database, tmp_path: Path) -> None:
    source = vectors(tmp_path / "vectors")
    set_on_the_database(database, "default_transaction_read_only = on")
    facedb = Command(tmp_path, dsn=database.dsn)
    said = facedb("ingest", source, "--contract", "given", code=3)
    assert "is read-only" in said.err
    assert len(said.err.splitlines()) == 1
    facedb("datasets")


def test_a_server_without_a_connection_left_is_said_in_one_sentence(database: Database, tmp_path: Path) -> None:
    role = f"lonely_{secrets.token_hex(4)}"
    with closing(psycopg.connect(database.dsn, autocommit=True)) as conn:
        conn.execute(f"create role {role} login connection limit 0".encode())
        try:
            dsn = database.dsn.replace("facedb@", f"{role}@")
            said = Command(tmp_path, dsn=dsn)("datasets", code=3)
        finally:
            conn.execute(f"drop role {role}".encode())
    assert "no connection left" in said.err
    assert len(said.err.splitlines()) == 1
