"""`facedb review` as it is installed: it prints its address, signs in once, and ends in order."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from facedb.db.connection import Database
from facedb.web.server import listen
from tests.acceptance.world import Command
from tests.processes import LONGEST_SECONDS


@contextmanager
def running(command: Command, *arguments: object) -> Iterator[str]:
    """The address that the command prints, while it runs; it must end in order on Ctrl-C."""
    with command.start("review", "--no-open", "--port", "0", *arguments) as process:
        yield process.line()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()
    assert process.returncode == 0, err.decode()
    assert "Traceback" not in err.decode()


@pytest.fixture
def command(database: Database, tmp_path: Path) -> Command:
    """The installed command on the test's database."""
    return Command(tmp_path, database.dsn)


def test_the_printed_address_signs_in_once_and_ctrl_c_is_the_ordinary_end(command: Command) -> None:
    with running(command, "--by", "ann") as address:
        assert address.startswith("http://127.0.0.1:")
        with httpx2.Client(follow_redirects=True, timeout=LONGEST_SECONDS) as browser:
            assert browser.get(address).status_code == 200
            assert "Nothing to review yet" in browser.get(address.split("?")[0] + "review").text
            assert browser.get(address.split("?")[0] + "api/session").json()["reviewer"] == "ann"
        assert httpx2.get(address, timeout=LONGEST_SECONDS).status_code == 401


def test_small_answers_do_not_wait_for_an_acknowledgement() -> None:
    with listen("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP, "else asyncio leaves Nagle's algorithm on: 40 ms for each answer"


def test_a_port_that_is_taken_is_said_in_a_sentence(command: Command) -> None:
    with running(command, "--read-only") as address:
        port = address.split(":")[2].split("/")[0]
        assert "choose another with --port" in command("review", "--no-open", "--port", port, code=2).err


def test_a_password_comes_from_a_file_and_not_from_the_command_line(command: Command, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("\n")
    assert "is empty" in command("review", "--no-open", "--password-file", secret, code=2).err
    secret.write_text("open sesame\n")
    with running(command, "--password-file", secret) as address:
        root = address.split("?")[0]
        signed = httpx2.post(
            root + "sign-in", data={"reviewer": "ben", "password": "open sesame"}, timeout=LONGEST_SECONDS
        )
        assert signed.status_code == 303
