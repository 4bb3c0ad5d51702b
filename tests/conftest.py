"""Fixtures shared by every kind of test."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from psycopg import sql

from facedb.db.connection import Connection, Database
from facedb.db.migrate import upgrade
from facedb.db.server import embedded
from facedb.db.server.account import SERVICE_DIR

# Nothing here survives a power cut anyway, and every test writes.
_FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "shared_buffers": "64MB"}

# What the tester has set for facedb, PostgreSQL and the terminal has no say, nor have the rights that new files get in the shell.
_TESTERS_OWN = ("FACEDB_", "PG", "XDG_", "COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR")
for name in [name for name in os.environ if name.startswith(_TESTERS_OWN)]:
    if name not in ("FACEDB_REAL_DATA", "FACEDB_CHROMIUM", "FACEDB_SOAK_SECONDS"):
        del os.environ[name]
os.umask(0o022)

# What a shell starts in the background ignores SIGINT, and so would every command that the tests interrupt.
if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


# The same examples in every run, however slow the machine is: a gate that fails now and then tells nothing of the change.
settings.register_profile(
    "gate", deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("gate")

# What runs the whole program from outside, command by command, in a browser or with faults: half of the time of all tests.
_WHOLE = ("acceptance", "faults", "web/browser", "web/test_fuzz.py")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of the whole program by where they lie."""
    here = Path(__file__).parent
    for item in items:
        if item.path.relative_to(here).as_posix().startswith(_WHOLE):
            item.add_marker(pytest.mark.whole)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real faces and models; skips where FACEDB_REAL_DATA is not set, fails where it names nothing."""
    value = os.environ.get("FACEDB_REAL_DATA")
    if not value:
        pytest.skip("FACEDB_REAL_DATA is not set: no real faces here")
    path = Path(value).resolve()
    for needed in (
        "faces/orl",
        "faces/deepface_celebs",
        "models/mobileface_v2_mit.onnx",
        "models/yunet_s_dynamic.onnx",
    ):
        assert (path / needed).exists(), f"FACEDB_REAL_DATA is set and {needed} is missing below it"
    return path


@pytest.fixture(scope="session")
def short_directory() -> Iterator[Path]:
    """A directory of this session with a short path that other users may pass through, as a server of root needs it."""
    path = Path(tempfile.mkdtemp(prefix="facedb-tests-")).resolve()
    path.chmod(0o711)
    yield path
    shutil.rmtree(path)


@dataclass(frozen=True, slots=True)
class Server:
    """The PostgreSQL of the test session."""

    dsn: str

    def administer(self, statement: str, *names: str) -> None:
        """Run a statement on whole databases, which are named by ``names`` in its ``{}``."""
        with psycopg.connect(self.database("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))

    def database(self, name: str) -> str:
        """The DSN of a database of this server."""
        return self.dsn.replace("/facedb?", f"/{name}?")


@pytest.fixture(scope="session")
def server(short_directory: Path) -> Iterator[Server]:
    """An embedded server of this session's own; each worker of pytest-xdist has one."""
    # Root's server runs the copied programs of the service directory, which the product makes once per machine.
    with embedded.server(short_directory / "home", service_dir=SERVICE_DIR, options=_FAST) as dsn:
        yield Server(dsn)


@pytest.fixture(scope="session")
def template(server: Server) -> str:
    """The name of a database that has been migrated to the head."""
    upgrade(Database(server.dsn, embedded=True))
    return "facedb"


@pytest.fixture
def database(server: Server, template: str) -> Iterator[Database]:
    """A migrated database of this test's own, cloned from the template; hand its ``dsn`` to a command as FACEDB_DSN."""
    yield from fresh_database(server, template)


@pytest.fixture
def empty_database(server: Server) -> Iterator[Database]:
    """A database of this test's own without any schema of facedb."""
    yield from fresh_database(server, "template1")


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    """A connection to the test's database, committed at the end unless the test raised."""
    with database.connection() as opened:
        yield opened


def fresh_database(server: Server, source: str) -> Iterator[Database]:
    """A database that is a copy of ``source``, for fixtures of any scope."""
    name = f"test_{secrets.token_hex(4)}"
    server.administer(f"create database {{}} template {source}", name)
    yield Database(server.database(name), embedded=True)
    server.administer("drop database {} with (force)", name)
