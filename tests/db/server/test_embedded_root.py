"""The embedded server of root: no rights beyond its own directories, and nobody else gets in."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from facedb.core.errors import DatabaseError
from facedb.db.server.account import SERVICE_IDS
from facedb.db.server.embedded import EmbeddedServer
from facedb.db.server.process import read_pid_file
from tests.db.server.fast import FAST

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to run PostgreSQL as somebody else")

NOBODY = 65534


@pytest.fixture
def private() -> Iterator[Path]:
    """A directory that only root can enter, as root's home is."""
    path = Path(tempfile.mkdtemp(prefix="facedb-private-")).resolve()
    yield path
    shutil.rmtree(path)


def rights(*directories: Path) -> dict[Path, tuple[int, int, int]]:
    """Mode and owners of directories, all their parents, and everything directly in them."""
    paths = {step for directory in directories for step in (directory, *directory.parents)}
    paths |= {entry for directory in directories for entry in directory.iterdir()}
    found = {path: path.lstat() for path in paths}
    return {path: (stat.S_IMODE(s.st_mode), s.st_uid, s.st_gid) for path, s in found.items()}


def may_connect(uid: int, path: Path) -> bool:
    """Whether a process of a user can open a socket."""
    child = os.fork()
    if child == 0:
        code = 2
        try:
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
            with socket.socket(socket.AF_UNIX) as opened:
                opened.connect(str(path))
            code = 0
        except PermissionError:
            code = 1
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, 1)
    return code == 0


def test_a_private_home_keeps_its_mode_and_its_server_lives_in_the_service_directory(
    private: Path, short_directory: Path
) -> None:
    service = short_directory / "service"
    (private / "photos").mkdir(mode=0o750)
    before = rights(private, Path(os.__file__).parent, short_directory)
    server = EmbeddedServer(private / "home", service_dir=service, options=FAST)
    url = server.acquire()
    with psycopg.connect(url) as connection:
        assert connection.execute("select session_user").fetchone() == ("facedb",)
    after = rights(private, Path(os.__file__).parent, short_directory)
    assert {path: after[path] for path in before} == before
    assert server.place.cluster.parent == service
    assert server.place.cluster.stat().st_uid in SERVICE_IDS
    server.release()


def test_another_user_of_the_machine_cannot_reach_the_server(short_directory: Path) -> None:
    server = EmbeddedServer(short_directory / "guarded", options=FAST)
    server.acquire()
    directory = read_pid_file(server.place.data).socket_dir
    assert directory is not None
    path = directory / ".s.PGSQL.5432"
    assert may_connect(0, path)
    assert not may_connect(NOBODY, path)
    server.release()


def test_two_homes_do_not_share_a_database(private: Path, short_directory: Path) -> None:
    service = short_directory / "service-of-two"
    homes = [EmbeddedServer(private / name, service_dir=service, options=FAST) for name in ("one", "two")]
    assert len({server.acquire() for server in homes}) == 2
    for server in homes:
        server.release()


def test_a_home_that_is_gone_takes_its_database_with_it(private: Path, short_directory: Path) -> None:
    server = EmbeddedServer(private / "home", service_dir=short_directory / "service-moved", options=FAST)
    place = server.place
    shutil.rmtree(place.cluster)
    with pytest.raises(DatabaseError, match="which is gone"):
        server.acquire()


def test_root_refuses_the_home_of_another_user(short_directory: Path) -> None:
    home = short_directory / "of-somebody"
    home.mkdir()
    os.chown(home, NOBODY, NOBODY)
    with pytest.raises(DatabaseError, match=f"belongs to user {NOBODY}"):
        EmbeddedServer(home, options=FAST).acquire()
