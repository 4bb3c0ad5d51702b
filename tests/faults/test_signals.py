"""Ctrl-C, SIGTERM, a closed terminal, a reader that is gone: the end is clean, quick and has the right exit code."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest

from facedb.core.progress import Silent
from facedb.dataset.ingest import ingest
from facedb.db.connection import Database
from facedb.review.plans.plan import make_plan
from facedb.review.verdicts import Statement, say
from facedb.scan.run import ScanOptions, scan
from tests.acceptance.world import PROGRAM, Command, block_model, people
from tests.db.population import Population, clustered
from tests.faults.kills import assert_nothing_left
from tests.processes import until

LONGEST_SECONDS = 30.0
"""What an end in order takes at most, on the slowest machine; it takes tenths of a second."""
HANG_UP = "terminal"


@pytest.fixture(scope="module", autouse=True)
def hang_up() -> Iterator[None]:
    """What nohup had these tests ignore, the commands that they start would heed."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.fixture
def facedb(database: Database, tmp_path: Path) -> Command:
    return Command(tmp_path, dsn=database.dsn)


def held(db: Database, table: str) -> psycopg.Connection[Any]:
    """Hold a table so that whoever writes to it stands still in the middle of its work."""
    conn = psycopg.connect(db.dsn)
    conn.execute(f"lock table facedb.{table} in share mode")
    return conn


def waits(db: Database) -> bool:
    """Whether a command stands before the table."""
    with psycopg.connect(db.dsn) as conn:
        return conn.execute(
            "select exists (select from pg_locks where not granted and database ="
            " (select oid from pg_database where datname = current_database()))"
        ).fetchone() == (True,)


def on_terminal(terminal: int) -> dict[str, Any]:
    """How to start a command that has this terminal, and whose end it is when that closes."""
    return {
        "stdin": terminal,
        "stdout": terminal,
        "stderr": terminal,
        "start_new_session": True,
        "preexec_fn": lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    }


def ended(
    facedb: Command, arguments: tuple[object, ...], how: signal.Signals | str, ready: Callable[[], bool]
) -> tuple[int, str, float]:
    """Start a command, end it in this way once it is ``ready``; its exit code, what it said on stderr, and the seconds it took."""
    master = terminal = -1
    more: dict[str, Any] = {}
    if how == HANG_UP:
        master, terminal = pty.openpty()
        more = on_terminal(terminal)
    with facedb.start(*arguments, **more) as process:
        until(lambda: process.poll() is not None or ready(), "the moment to end it")
        assert process.poll() is None, process.communicate()
        begun = time.monotonic()
        if how == HANG_UP:
            os.close(terminal)
            os.close(master)
        else:
            process.send_signal(int(how))
        said = b"" if how == HANG_UP else process.communicate()[1]
        code = process.wait()
        return code, said.decode(), time.monotonic() - begun


SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, HANG_UP]


def some(*quick: signal.Signals | str) -> list[Any]:
    """Every way to end a command; in the gate only some."""
    return [pytest.param(how, marks=() if how in quick else pytest.mark.long) for how in SIGNALS]


def assert_in_order(db: Database, facedb: Command, end: tuple[int, str, float], *folders: Path) -> None:
    code, said, seconds = end
    assert code == 130, said
    assert "Traceback" not in said
    assert not said or said.splitlines()[-1].startswith("facedb: interrupted; ")
    assert seconds < LONGEST_SECONDS
    assert_nothing_left(db, facedb.home, *folders)


@pytest.mark.parametrize("how", some(signal.SIGINT))
def test_an_ingest_is_ended(database: Database, facedb: Command, tmp_path: Path, how: signal.Signals | str) -> None:
    folder = people(tmp_path / "photos", 3, 3)
    with held(database, "image"):
        end = ended(facedb, ("ingest", folder), how, lambda: waits(database))
    assert_in_order(database, facedb, end, folder)
    assert "9" in facedb("ingest", folder).out


@pytest.mark.parametrize("how", some(HANG_UP))
def test_an_embed_is_ended(database: Database, facedb: Command, tmp_path: Path, how: signal.Signals | str) -> None:
    folder = people(tmp_path / "photos", 4, 10)
    ingest(database, folder, reporter=Silent())
    model = block_model(tmp_path / "blocks.onnx")
    with held(database, "face"):
        end = ended(facedb, ("embed", "--model", model, "--threads", 1), how, lambda: waits(database))
    assert_in_order(database, facedb, end, folder)


@pytest.mark.parametrize("command", ["work", pytest.param("scan", marks=pytest.mark.long)])
@pytest.mark.parametrize("how", some(signal.SIGTERM))
def test_a_search_is_ended(database: Database, facedb: Command, how: signal.Signals | str, command: str) -> None:
    population = Population(database, 32)
    population.add(clustered(np.random.default_rng(1), 3000, 32, 40), [f"p{k // 3:04}" for k in range(3000)])
    scanning = ("scan", "--threshold", 0.97, "--engine", "exact", "--block-rows", 8, "--threads", 1)

    def begun(status: str) -> bool:
        with psycopg.connect(database.dsn) as conn:
            row = conn.execute("select count(*) from facedb.scan_tile where status = %s", [status]).fetchone()
        return row is not None and row[0] > 0

    end = ended(facedb, scanning, how, lambda: begun("done"))
    assert_in_order(database, facedb, end)
    assert not begun("claimed")
    if command == "work":
        end = ended(facedb, ("work", "--any", "--engine", "exact"), how, lambda: begun("claimed"))
        assert_in_order(database, facedb, end)
        assert not begun("claimed")


@pytest.mark.parametrize("how", some(signal.SIGHUP))
def test_a_check_is_ended(database: Database, facedb: Command, tmp_path: Path, how: signal.Signals | str) -> None:
    folder, model = people(tmp_path / "photos", 4, 3), block_model(tmp_path / "blocks.onnx")
    arguments = ("check", folder, "--model", model, "--threshold", 0.3)
    with held(database, "scan_block"):
        end = ended(facedb, arguments, how, lambda: waits(database))
    assert_in_order(database, facedb, end, folder)
    facedb(*arguments)


@pytest.mark.parametrize("how", some(signal.SIGINT))
@pytest.mark.parametrize("command", ["apply", pytest.param("undo", marks=pytest.mark.long)])
def test_an_apply_or_undo_is_ended_between_two_steps_and_goes_on(
    database: Database, facedb: Command, tmp_path: Path, how: signal.Signals | str, command: str
) -> None:
    root = people(tmp_path / "photos", 2, 12)
    ingest(database, root, dataset="people", reporter=Silent())
    say(database, [Statement("link", "person000", "same", "person001", by="eve")])
    plan = make_plan(database).plan.id
    before = sorted(path.relative_to(root) for path in root.rglob("*.png"))
    if command == "undo":
        facedb("apply", plan, "--yes")
    with held(database, "plan_step"):
        end = ended(facedb, (command, plan, "--yes"), how, lambda: waits(database))
    assert_in_order(database, facedb, end, root)
    facedb(command, plan, "--yes")
    if command == "apply":
        facedb("undo", plan, "--yes")
    assert sorted(path.relative_to(root) for path in root.rglob("*.png")) == before


@pytest.mark.parametrize("how", some(signal.SIGTERM))
def test_an_export_leaves_no_part_of_a_file(
    database: Database, facedb: Command, tmp_path: Path, how: signal.Signals | str
) -> None:
    ingest(database, people(tmp_path / "photos", 3, 3), reporter=Silent())
    target = tmp_path / "out"
    target.mkdir()
    with psycopg.connect(database.dsn) as conn:
        conn.execute("lock table facedb.image in access exclusive mode")
        end = ended(facedb, ("export", "list", target / "all.csv"), how, lambda: waits(database))
    assert_in_order(database, facedb, end)
    assert list(target.iterdir()) == []


def test_what_nohup_protects_outlives_its_terminal(database: Database, facedb: Command, tmp_path: Path) -> None:
    folder = people(tmp_path / "photos", 2, 2)
    ignored = {"preexec_fn": lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)}
    with held(database, "image") as lock, facedb.start("ingest", folder, **ignored) as process:
        until(lambda: process.poll() is not None or waits(database), "the wait for the table")
        process.send_signal(signal.SIGHUP)
        lock.rollback()
        said = process.communicate()[1].decode()
    assert process.returncode == 0, said


@pytest.mark.parametrize(
    ("how", "arguments", "said"),
    [
        (signal.SIGINT, (), b"facedb: interrupted.\n"),
        (signal.SIGHUP, (), b"facedb: interrupted.\n"),
        (signal.SIGTERM, ("--quiet", "work", "1"), b""),
    ],
)
def test_a_command_is_quiet_while_it_is_still_being_imported(
    facedb: Command, how: signal.Signals, arguments: tuple[str, ...], said: bytes
) -> None:
    ends = f"import os; from facedb.cli import start; start.fill_streams = lambda: os.kill(os.getpid(), {int(how)}); start.main()"
    done = subprocess.run(
        [sys.executable, "-c", ends, *arguments], env=facedb.environment, capture_output=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", said)


def test_one_more_ctrl_c_beside_the_last_words_is_quiet(facedb: Command) -> None:
    press = "lambda *_, **__: os.kill(os.getpid(), signal.SIGINT)"
    ends = f"import os, signal; from facedb.cli import app, start; app.ConsoleReporter = app.complain = {press}; start.main()"
    done = subprocess.run(
        [sys.executable, "-c", ends, "datasets"], env=facedb.environment, capture_output=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"facedb: interrupted.\n")


@pytest.mark.parametrize("key", [b"\x03", b"\x04"], ids=["Ctrl-C", "Ctrl-D"])
def test_a_key_at_the_question_for_a_model_ends_a_check_in_one_sentence(
    facedb: Command, tmp_path: Path, key: bytes
) -> None:
    (tmp_path / "photos").mkdir()
    master, terminal = pty.openpty()
    quiet = termios.tcgetattr(terminal)
    quiet[3] &= ~termios.ECHO
    termios.tcsetattr(terminal, termios.TCSANOW, quiet)
    with facedb.start("check", tmp_path / "photos", **on_terminal(terminal)) as process:
        os.close(terminal)
        said, pressed = b"", 0.0
        # Reading fails once the process has ended and all is read.
        with suppress(OSError):
            while True:
                process.poll()
                if select.select([master], [], [], 0.1)[0]:
                    said += os.read(master, 4096)
                # Python's input() loses a Ctrl-C that comes between its last look for one and its read: it is pressed again.
                if b"[Y/n]" in said and time.monotonic() > pressed + 2:
                    os.write(master, key)
                    pressed = time.monotonic()
    os.close(master)
    assert process.wait() == 130
    assert b"Traceback" not in said
    assert b"facedb: interrupted; " in said.splitlines()[-1]


@pytest.mark.parametrize("how", some(HANG_UP))
def test_a_review_ends_as_it_usually_does(facedb: Command, tmp_path: Path, how: signal.Signals | str) -> None:
    said = tmp_path / "address"
    with said.open("wb") as out:
        master, terminal = pty.openpty()
        with facedb.start("review", "--no-open", "--port", 0, **(on_terminal(terminal) | {"stdout": out})) as process:
            until(lambda: process.poll() is not None or said.stat().st_size, "the address")
            begun = time.monotonic()
            if how == HANG_UP:
                os.close(terminal)
                os.close(master)
                assert process.wait() == 0
            else:
                process.send_signal(int(how))
                assert process.wait() == 0
                os.close(terminal)
                os.close(master)
    assert time.monotonic() - begun < LONGEST_SECONDS


def test_readers_that_have_seen_enough_are_served(database: Database, facedb: Command) -> None:
    population = Population(database, 16)
    population.add(clustered(np.random.default_rng(1), 600, 16, 4), [f"p{k // 3:04}" for k in range(600)])
    scan(database, ScanOptions(threshold=0.6, engine="exact"), reporter=Silent())
    for what in ("pairs", "findings"):
        reader, writer = os.pipe()
        with facedb.start(what, "--format", "csv", stdout=writer) as process:
            os.close(writer)
            os.read(reader, 10)
            os.close(reader)
            said = process.communicate()[1].decode()
        assert (process.returncode, said) == (0, ""), what


@pytest.mark.parametrize("closed", [(2,), (0, 1, 2)], ids=["stderr", "all"])
def test_streams_that_were_closed_before_the_start_are_no_error(facedb: Command, closed: tuple[int, ...]) -> None:
    shell = "".join(f" {number}>&-" if number else " <&-" for number in closed)
    done = subprocess.run(
        ["/bin/sh", "-c", f'exec "$0" "$@"{shell}', str(PROGRAM), "datasets"],
        env=facedb.environment,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0
    assert b"Traceback" not in done.stderr


def test_talk_that_finds_no_room_costs_the_talk(facedb: Command, tmp_path: Path) -> None:
    folder = people(tmp_path / "photos", 2, 2)
    with Path("/dev/full").open("wb") as full, facedb.start("ingest", folder, stderr=full) as process:
        out = process.communicate()[0].decode()
    assert process.returncode == 0
    assert "photos" in out
