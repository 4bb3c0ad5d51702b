"""What is left behind, and servers that were killed."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from facedb.core.errors import NotFoundError
from facedb.db.server import clusters, postmaster
from facedb.db.server.embedded import EmbeddedServer
from facedb.db.server.process import processes
from tests.db.server.fast import FAST


@pytest.fixture
def home(short_directory: Path) -> Iterator[Path]:
    """A home of this test's own; whatever still runs in it is stopped at the end."""
    path = short_directory / secrets.token_hex(4)
    yield path
    EmbeddedServer(path).stop()


def test_a_database_whose_home_was_deleted_is_found_and_removed(short_directory: Path, tmp_path: Path) -> None:
    service = short_directory / f"service-{secrets.token_hex(4)}"
    service.mkdir(mode=0o711)
    cluster = service / "home-1234"
    (cluster / "data").mkdir(parents=True)
    (cluster / "data" / "PG_VERSION").write_text("18\n")
    home = tmp_path / "home"
    home.mkdir()
    (home / "postgres").symlink_to(cluster)
    clusters.note(cluster, home, service)
    (found,) = [c for c in clusters.clusters(home, service) if c.directory == cluster]
    assert (found.home, found.orphaned, found.running, found.bytes) == (home, False, False, 3)
    shutil.rmtree(home)
    (orphan,) = [c for c in clusters.clusters(tmp_path / "other", service) if c.directory == cluster]
    assert orphan.orphaned
    assert clusters.find([orphan], [str(home)]) == [orphan]
    with pytest.raises(NotFoundError, match="status --all"):
        clusters.find([orphan], ["/nowhere"])
    clusters.remove(orphan)
    assert not cluster.exists()
    assert not [c for c in clusters.clusters(tmp_path / "other", service) if c.directory == cluster]


@pytest.mark.parametrize("victim", ["backend", "postmaster", "stopped child"])
def test_the_server_comes_up_again_whatever_was_killed(
    home: Path, victim: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postmaster, "_ORPHAN_SECONDS", 1.0)
    first = EmbeddedServer(home, options=FAST)
    url = first.acquire()
    data = first.place.data
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("create table kept as select 7 as n")
        pid = conn.info.backend_pid
        if victim == "backend":
            os.kill(pid, signal.SIGKILL)
        else:
            main = next(
                number for number in processes(data) if number == int((data / "postmaster.pid").read_text().split()[0])
            )
            if victim == "stopped child":
                os.kill(pid, signal.SIGSTOP)
            os.kill(main, signal.SIGKILL)
    first.release()
    assert not processes(data)
    second = EmbeddedServer(home, options=FAST)
    with psycopg.connect(second.acquire()) as conn:
        assert conn.execute("select n from kept").fetchone() == (7,)
    second.release()


def test_root_and_others_follow_no_link_that_stands_for_the_log(home: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("precious")
    server = EmbeddedServer(home, options=FAST)
    assert server.place.log.parent == home
    server.place.log.symlink_to(target)
    with pytest.raises(Exception, match=r"server\.log cannot be written"):
        server.acquire()
    assert target.read_text() == "precious"
