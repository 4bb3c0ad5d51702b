"""`facedb db …` as a person runs it."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from facedb.cli.app import app
from facedb.core.errors import ExitCode, FacedbError
from facedb.db.connection import Database
from facedb.db.migrate import ensure
from facedb.db.server import embedded
from facedb.db.server.binaries import bin_dir

PSQL = str(bin_dir() / "psql")


@dataclass(frozen=True, slots=True)
class Ran:
    """What came of a command."""

    returncode: int
    stdout: str
    stderr: str


@dataclass(frozen=True, slots=True)
class Shell:
    """A terminal with a home of its own."""

    home: Path

    def environment(self, **more: str) -> dict[str, str]:
        """What a command sees: no setting of the person who runs the tests."""
        return {"FACEDB_HOME": str(self.home), "XDG_CONFIG_HOME": str(self.home.parent / "config"), **more}

    def facedb(self, *arguments: str, **more: str) -> Ran:
        """Run the command line in a process of its own."""
        command = [sys.executable, "-c", "from facedb.cli.app import main; main()", *arguments]
        environ = {name: value for name, value in os.environ.items() if not name.startswith("FACEDB_")}
        ran = subprocess.run(
            command,
            env=environ | self.environment(**more),
            cwd=self.home.parent,
            capture_output=True,
            text=True,
            check=False,
        )
        return Ran(ran.returncode, ran.stdout, ran.stderr)

    def quick(self, *arguments: str, **more: str) -> Ran:
        """Run the command line in this process, which spares its imports."""
        result = CliRunner().invoke(app, arguments, env={"FACEDB_DSN": None, **self.environment(**more)})
        if isinstance(result.exception, FacedbError):
            return Ran(result.exception.exit_code, result.stdout, f"{result.stderr}{result.exception}")
        return Ran(result.exit_code, result.stdout, result.stderr)


@pytest.fixture
def shell(short_directory: Path) -> Shell:
    """A terminal whose home does not exist yet."""
    return Shell(short_directory / secrets.token_hex(4))


@pytest.fixture(scope="module")
def settled(short_directory: Path) -> Iterator[Shell]:
    """A terminal whose database was made and migrated before; its server is stopped at the end."""
    home = short_directory / "settled"
    with embedded.server(home, options={"fsync": "off", "shared_buffers": "16MB"}) as dsn:
        ensure(Database(dsn, embedded=True))
    yield Shell(home)
    embedded.EmbeddedServer(home).stop()


def status(shell: Shell, **more: str) -> dict[str, object]:
    """What `facedb db status` says."""
    found = json.loads(shell.quick("db", "status", "--format", "json", **more).stdout)
    return {row["name"]: row["value"] for row in found}


def test_psql_reads_the_views_with_the_url_while_facedb_is_idle_and_while_it_runs(settled: Shell) -> None:
    printed = settled.facedb("db", "url")
    url = printed.stdout.strip()
    assert "stays up" in printed.stderr
    query = [PSQL, url, "-Atc", "select count(*) from bi.links"]
    assert subprocess.run(query, capture_output=True, text=True, check=True).stdout == "0\n"
    running = embedded.EmbeddedServer(settled.home)
    running.acquire()
    assert subprocess.run(query, capture_output=True, text=True, check=True).stdout == "0\n"
    assert "Another facedb is using" in settled.facedb("db", "stop").stderr
    running.release()
    assert not status(settled)["running"]


def test_status_starts_nothing_and_tells_versions_of_a_running_server(shell: Shell, settled: Shell) -> None:
    assert status(shell)["exists"] is False
    assert not shell.home.exists()
    assert settled.quick("db", "start").returncode == ExitCode.OK
    found = status(settled)
    assert found["running"] is True
    assert found["kept up"] is True
    assert str(found["postgresql"]).startswith("18.")
    assert settled.quick("db", "stop").returncode == ExitCode.OK
    assert status(settled)["running"] is False


def test_psql_through_facedb_passes_its_arguments_on(settled: Shell) -> None:
    ran = settled.facedb("db", "psql", "--", "-Atc", "select count(*) from bi.files")
    assert (ran.returncode, ran.stdout) == (0, "0\n")
    assert settled.facedb("db", "psql", "--", "-c", "nonsense").returncode == 1
    assert status(settled)["running"] is False


def test_a_server_behind_a_dsn_is_upgraded_by_command_and_never_started(shell: Shell, empty_database: Database) -> None:
    dsn = empty_database.dsn
    refused = shell.facedb("datasets", FACEDB_DSN=dsn)
    assert refused.returncode == ExitCode.SCHEMA
    assert "facedb db upgrade" in refused.stderr
    assert shell.quick("--dsn", dsn, "db", "upgrade").returncode == ExitCode.OK
    assert shell.quick("datasets", FACEDB_DSN=dsn).returncode == ExitCode.OK
    assert shell.quick("db", "url", FACEDB_DSN=dsn).stdout == f"{dsn}\n"
    assert status(shell, FACEDB_DSN=dsn)["schema"] is not None
    for command in ("start", "stop"):
        assert shell.quick("db", command, FACEDB_DSN=dsn).returncode == ExitCode.USAGE
    # A log of each run is kept there, and no database.
    assert {entry.name for entry in shell.home.iterdir()} == {"logs"}


def test_an_unreachable_server_is_a_database_error_without_its_password(shell: Shell) -> None:
    ran = shell.quick("datasets", FACEDB_DSN="postgresql://alice:s3cr3t@127.0.0.1:1/faces")
    assert ran.returncode == ExitCode.DATABASE
    assert "No connection to database faces" in ran.stderr
    assert "s3cr3t" not in ran.stderr


def test_a_role_that_does_not_exist_is_not_found(shell: Shell, database: Database) -> None:
    ran = shell.quick("db", "grant-reader", "nobody_at_all", FACEDB_DSN=database.dsn)
    assert ran.returncode == ExitCode.NOT_FOUND
