"""The embedded server, as processes that come, go and are killed see it."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from facedb.core.errors import DatabaseError
from facedb.db.server.binaries import bin_dir
from facedb.db.server.embedded import EmbeddedServer
from facedb.db.server.postmaster import Postmaster
from facedb.db.server.process import processes, read_pid_file
from tests.db.server.fast import FAST
from tests.processes import Process

# A facedb process: it uses the server of a home, says its URL, and leaves when its stdin ends.
USER = f"""
import sys
from pathlib import Path
from facedb.db.server.embedded import server
with server(Path(sys.argv[1]), options={FAST!r}) as url:
    print(url, flush=True)
    try:
        sys.stdin.read()
    except KeyboardInterrupt:
        print("interrupted", flush=True)
"""

# What comes before that in one that is killed while the data directory is made.
KILLED = """
import os, signal, sys, time
from pathlib import Path
from facedb.db.server import postmaster
spawn = postmaster.spawn
def killed(*arguments):
    spawn(*arguments)
    while not any(Path(sys.argv[1]).glob(".initdb-*/global")):
        time.sleep(0.002)
    os.kill(os.getpid(), signal.SIGKILL)
postmaster.spawn = killed
"""


@pytest.fixture
def home(short_directory: Path) -> Iterator[Path]:
    """A home of this test's own; whatever still runs in it is stopped at the end."""
    path = short_directory / secrets.token_hex(4)
    yield path
    EmbeddedServer(path).stop()


def use(home: Path) -> EmbeddedServer:
    """One more use of the server of a home."""
    return EmbeddedServer(home, options=FAST)


def process(home: Path, before: str = "") -> Process:
    """One more process that uses the server of a home, once it has done something ``before``."""
    command = [sys.executable, "-c", before + USER, str(home)]
    return Process(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)


def answer(url: str, query: str = "select current_database()") -> object:
    """What the database answers to a query."""
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(query).fetchone()
    return row and row[0]


def postmaster(home: Path) -> int:
    """The process number of the server."""
    pid = read_pid_file(home / "postgres" / "data").pid
    assert pid is not None
    return pid


def test_the_first_user_starts_the_server_and_the_last_one_stops_it(home: Path) -> None:
    first, second = use(home), use(home)
    assert not first.status().exists
    url = first.acquire()
    assert second.acquire() == url
    first.release()
    assert answer(url) == "facedb"
    assert second.status().in_use
    second.release()
    assert not second.status().running
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url)


def test_a_server_that_is_kept_up_stays_until_it_is_stopped(home: Path) -> None:
    server = use(home)
    url = server.keep_up()
    assert server.acquire() == url
    assert not use(home).stop(), "it is in use"
    server.keep_up()
    server.release()
    psql = [str(bin_dir() / "psql"), url, "-Atc", "select 6 * 7"]
    assert subprocess.run(psql, capture_output=True, text=True, check=True).stdout == "42\n"
    assert server.stop()
    assert not server.status().running


def test_processes_that_start_at_once_share_one_new_server(home: Path) -> None:
    users = [process(home) for _ in range(4)]
    urls = [user.line() for user in users]
    assert len(set(urls)) == 1
    assert answer(urls[0]) == "facedb"
    for user in users:
        user.communicate()
        assert user.returncode == 0
    assert not use(home).status().running


def test_a_killed_process_leaves_a_server_that_the_next_one_adopts_and_stops(home: Path) -> None:
    user = process(home)
    url = user.line()
    number = postmaster(home)
    user.kill()
    user.communicate()
    server = use(home)
    assert server.status().running
    assert server.acquire() == url
    assert postmaster(home) == number
    server.release()
    assert not server.status().running


def test_what_was_committed_survives_a_killed_postmaster(home: Path) -> None:
    other, server = use(home), use(home)
    other.acquire()
    url = server.acquire()
    with psycopg.connect(url) as connection:
        connection.execute("create table kept as select 7 as n")
    server.release()
    os.kill(postmaster(home), signal.SIGKILL)
    assert answer(server.acquire(), "select n from kept") == 7
    server.release()
    other.release()
    assert not server.status().running


def test_a_stale_status_file_with_the_number_of_another_process_does_not_hinder(home: Path) -> None:
    server = use(home)
    server.acquire()
    data = server.place.data
    os.kill(postmaster(home), signal.SIGKILL)
    server.release()
    file = data / "postmaster.pid"
    lines = file.read_text().splitlines()
    file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    assert answer(server.acquire()) == "facedb"
    assert postmaster(home) != os.getpid()
    server.release()


def test_a_killed_first_start_is_begun_anew(home: Path) -> None:
    with process(home, KILLED) as user:
        assert user.wait() == -signal.SIGKILL
    server = use(home)
    assert answer(server.acquire()) == "facedb"
    assert not any(home.glob(".initdb-*"))
    server.release()


def test_ctrl_c_in_a_terminal_ends_facedb_and_not_the_server_of_others(home: Path) -> None:
    server = use(home)
    url = server.keep_up()
    server.stop()
    user = process(home)
    assert user.line() == url
    number = postmaster(home)
    server.acquire()
    os.killpg(user.pid, signal.SIGINT)
    assert user.line() == "interrupted"
    user.communicate()
    assert answer(url) == "facedb"
    assert postmaster(home) == number
    server.release()


@pytest.mark.parametrize("begin", [EmbeddedServer.acquire, EmbeddedServer.keep_up])
def test_ctrl_c_while_the_server_starts_leaves_none_behind(
    home: Path, monkeypatch: pytest.MonkeyPatch, begin: Callable[[EmbeddedServer], str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    server = use(home)
    with monkeypatch.context() as patch:
        patch.setattr(Postmaster, "_await_start", interrupted)
        with pytest.raises(KeyboardInterrupt):
            begin(server)
    assert not server.status().running
    assert not server.status().keep_up
    assert not processes((home / "postgres").resolve() / "data")


@pytest.mark.parametrize("name", ["a b,c", "प्रेम $HOME \"'", "long" * 30])
def test_any_name_of_a_home_works(short_directory: Path, name: str) -> None:
    server = use(short_directory / name)
    url = server.acquire()
    assert answer(url) == "facedb"
    socket = read_pid_file(server.place.data).socket_dir
    assert socket is not None
    assert socket.stat().st_mode & 0o777 == 0o700
    server.release()
    assert answer(server.acquire()) == "facedb"
    server.release()


def test_a_socket_that_somebody_removed_comes_back(home: Path) -> None:
    server = use(home)
    server.keep_up()
    found = read_pid_file(home / "postgres" / "data")
    assert found.socket_dir is not None
    (found.socket_dir / ".s.PGSQL.5432").unlink()
    assert answer(server.acquire()) == "facedb"
    server.release()


def test_a_server_that_cannot_start_says_why(home: Path) -> None:
    with pytest.raises(DatabaseError, match=r'invalid value for parameter "shared_buffers"'):
        EmbeddedServer(home, options={"shared_buffers": "lots"}).acquire()
    server = use(home)
    version = server.place.data / "PG_VERSION"
    version.write_text("17\n")
    with pytest.raises(DatabaseError, match="made by PostgreSQL 17"):
        server.acquire()


def test_files_of_the_server_are_private(home: Path) -> None:
    server = use(home)
    server.acquire()
    for path in (home / "postgres", home / "postgres" / "data", home / "postgres" / "run"):
        assert path.stat().st_mode & 0o777 == 0o700
    assert home.stat().st_mode & 0o007 == 0
    server.release()
