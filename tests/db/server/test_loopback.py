"""TCP for the embedded server: only when asked for, only on this machine, only by password."""

from __future__ import annotations

import secrets
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from facedb.core.errors import ConflictError, DatabaseError
from facedb.db.server import loopback
from facedb.db.server.embedded import EmbeddedServer
from facedb.db.server.postmaster import DATABASE, USER
from tests.db.server.test_embedded import use


@pytest.fixture
def home(short_directory: Path) -> Iterator[Path]:
    path = short_directory / secrets.token_hex(4)
    yield path
    EmbeddedServer(path).stop()


def free_port() -> int:
    with socket.socket() as one:
        one.bind((loopback.ADDRESS, 0))
        return int(one.getsockname()[1])


def reachable(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex((loopback.ADDRESS, port)) == 0


def test_a_server_listens_by_password_until_it_is_stopped(home: Path) -> None:
    port = free_port()
    socket_url = use(home).keep_up(port=port)
    tcp = use(home).status().tcp
    assert tcp is not None
    assert tcp.port == port
    assert stat.S_IMODE(tcp.password_file.stat().st_mode) == 0o600
    password = tcp.password_file.read_text().strip().rpartition(":")[2]
    assert len(password) >= 32
    with psycopg.connect(tcp.url(USER, DATABASE)) as conn:
        assert conn.execute("select inet_server_addr()::text").fetchone() == ("127.0.0.1/32",)
        assert (conn.execute("select rolpassword from pg_authid where rolname = %s", [USER]).fetchone() or [""])[
            0
        ].startswith("SCRAM-SHA-256$")
    assert password not in (home / "server.log").read_text()
    for wrong in ("", "wrong"):
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(
                host=loopback.ADDRESS, port=port, user=USER, dbname=DATABASE, password=wrong, passfile="/dev/null"
            )
    with pytest.raises(psycopg.OperationalError, match="pg_hba"):
        psycopg.connect(host=loopback.ADDRESS, port=port, user=USER, dbname="postgres", password=password)
    with psycopg.connect(socket_url) as conn:
        assert conn.execute("show listen_addresses").fetchone() == (loopback.ADDRESS,)
    assert use(home).stop()
    assert not reachable(port)
    assert not tcp.password_file.exists()
    with psycopg.connect(use(home).keep_up()) as conn:
        assert conn.execute("show listen_addresses").fetchone() == ("",)
    assert use(home).status().tcp is None


def test_a_server_that_others_use_is_not_taken_from_them(home: Path) -> None:
    user = use(home)
    user.acquire()
    try:
        with pytest.raises(ConflictError, match="has to be restarted"):
            use(home).keep_up(port=free_port())
    finally:
        user.release()


def test_a_port_that_is_taken_is_said_and_forgotten(home: Path) -> None:
    with socket.socket() as taken:
        taken.bind((loopback.ADDRESS, 0))
        taken.listen()
        with pytest.raises(DatabaseError, match="did not start"):
            use(home).keep_up(port=int(taken.getsockname()[1]))
    assert loopback.asked(home) is None
    assert use(home).keep_up()
