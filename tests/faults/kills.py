"""Commands killed at a random moment, forked from a process that has imported everything: hundreds of kills take minutes."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from facedb.db.connection import Connection, Database
from tests.acceptance.world import Command
from tests.processes import LONGEST_SECONDS

# What the commands of this suite would import one by one.
_LOADED = [
    "facedb.cli.app",
    "facedb.dataset.ingest",
    "facedb.dataset.embed",
    "facedb.dataset.model_options",
    "facedb.embedding.session",
    "facedb.scan.run",
    "facedb.review.files.apply",
    "facedb.review.plans.plan",
    "tests.faults.kills",
]
KILLS_A_ROUND = 3
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(_LOADED)


def _command(arguments: Sequence[str], environment: Mapping[str, str], folder: str) -> None:
    """Become the command, with an environment of its own and its words in a file."""
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    words = os.open("words.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(words, 1)
    os.dup2(words, 2)
    from facedb.cli.app import main

    sys.argv = ["facedb", *arguments]
    main()


@dataclass
class Killer:
    """Runs commands of ``facedb`` and kills some; ``seed`` gives the moments, ``kills`` counts those that met a running command.

    ``took`` is how long the last command that ended took, ``longest`` how long the one that is killed takes undisturbed, in seconds.
    """

    facedb: Command
    seed: int
    kills: int = 0
    longest: float = 0.0
    took: float = 0.0
    _rng: np.random.Generator = field(init=False)

    def __post_init__(self) -> None:
        self._rng = np.random.default_rng(self.seed)

    def run(self, *arguments: object, after: float | None = None) -> int:
        """Run a command to its end, or SIGKILL it ``after`` seconds; returns its exit code, -9 where it was killed."""
        told = [str(each) for each in arguments]
        process = _CONTEXT.Process(target=_command, args=(told, self.facedb.environment, str(self.facedb.home)))
        begun = time.monotonic()
        process.start()
        process.join(LONGEST_SECONDS if after is None else after)
        runs = process.exitcode is None
        if runs:
            # It may end by itself just now.
            with suppress(ProcessLookupError):
                os.kill(process.pid or 0, signal.SIGKILL)
            process.join()
        code = process.exitcode
        process.close()
        assert after is not None or not runs, f"seed {self.seed}: {arguments} did not come to its end\n{self.words()}"
        if code == -signal.SIGKILL:
            self.kills += 1
        elif after is None:
            self.took = time.monotonic() - begun
        assert code is not None
        return code

    def words(self) -> str:
        """What the last command said."""
        return (self.facedb.home / "words.log").read_text(errors="replace")

    def finish(self, *arguments: object) -> None:
        """Run a command to its end, which must be a good one; one that finds the killed one's locks waits and tries again."""
        end = time.monotonic() + LONGEST_SECONDS
        while (code := self.run(*arguments)) == 10 and time.monotonic() < end:
            time.sleep(0.05)
        assert code == 0, f"seed {self.seed}: {arguments}: {code}\n{self.words()}"
        assert "Traceback" not in self.words(), self.words()

    def kill(self, *arguments: object) -> bool:
        """Run a command and kill it at a random moment of the time that it took undisturbed; False where it was faster."""
        code = self.run(*arguments, after=float(self._rng.uniform(0.01, max(self.longest, 0.05))))
        assert code in (0, 10, -signal.SIGKILL), f"seed {self.seed}: {arguments}: {code}\n{self.words()}"
        return code == -signal.SIGKILL

    def rounds(self, kills: int) -> Iterator[Callable[..., None]]:
        """Rounds until so many kills met a running command; each gives what kills a command some times, until it is the faster one."""

        def some(*arguments: object) -> None:
            for _ in range(KILLS_A_ROUND):
                if not self.kill(*arguments):
                    return

        for _ in range(10 * kills):
            if self.kills >= kills:
                return
            yield some
        raise AssertionError(f"seed {self.seed}: {self.kills} kills of {kills} met a running command")


@contextmanager
def forked() -> Iterator[None]:
    """End the process that forks when the suite is done with it."""
    from multiprocessing import forkserver

    # A child finds the package as the parent does.
    root = str(Path(__file__).parents[2])
    sys.path.insert(0, root)
    try:
        yield
    finally:
        sys.path.remove(root)
        forkserver._forkserver._stop()  # type: ignore[attr-defined]


def rows(conn: Connection, statement: str) -> list[tuple[Any, ...]]:
    return conn.execute(statement).fetchall()


def assert_nothing_left(db: Database, home: Path, *folders: Path) -> None:
    """No session, lock, temporary table, prepared transaction, unowned partition or partial file of a killed command."""
    left: dict[str, object] = {}
    end = time.monotonic() + 60
    while True:
        with db.connection() as conn:
            left = {
                "sessions": rows(
                    conn,
                    "select pid, state, query from pg_stat_activity"
                    " where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'",
                ),
                "locks": rows(
                    conn,
                    "select pid, objid from pg_locks where locktype = 'advisory' and database ="
                    " (select oid from pg_database where datname = current_database())",
                ),
                "temporary": rows(conn, "select relname from pg_class where relpersistence = 't'"),
                "prepared": rows(conn, "select gid from pg_prepared_xacts where database = current_database()"),
                "partitions": rows(
                    conn,
                    "select relname from pg_class where relname ~ '^flagged_pair_[0-9]+$' and relkind = 'r'"
                    " and substr(relname, 14)::bigint not in (select id from facedb.scan)",
                ),
            }
        if not any(left.values()):
            break
        assert time.monotonic() < end, left
        time.sleep(0.05)
    partial_files = [
        path
        for folder in (home, *folders)
        for path in folder.rglob("*")
        if path.suffix in (".part", ".new", ".tmp") or path.name.startswith(".facedb")
    ]
    assert partial_files == []
    for cache in (home / "facedb" / "cache").glob("*"):
        assert len(list(cache.glob("vectors-*.f32"))) <= 1
