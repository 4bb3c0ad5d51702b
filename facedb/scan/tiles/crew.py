"""The crew of a scan: processes of `facedb work` on this machine, started, watched and replaced by the scan that they help."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol, Self

from facedb.core.errors import DatabaseError, EngineError
from facedb.db.connection import Database
from facedb.scan.tiles import tile_rows
from facedb.scan.tiles.claims import worker_name

REPLACEMENTS = 3
"""A crew gives up when its workers died this often for each place that it has."""
_LEAVE_SECONDS = 20.0


class Helpers(Protocol):
    """Workers beside the process of a scan, as a `with` block."""

    enough: bool
    """Whether they do all of the search, so that the scan itself only looks on."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: object) -> None: ...

    def tend(self, *, free: bool) -> None:
        """Replace workers that died, and where tiles are ``free`` those that left; raises EngineError where they die again and again."""


class Crew:
    """``count`` worker processes on scan ``scan_id``, as a `with` block; those still at work at its end are told to leave and waited for.

    The tile of one that was killed is given back at once. ``gpus``, as CUDA names them: each worker sees one of them, in turn, and they
    do all of the search, since the scan itself has all GPUs in sight. Workers learn the database from their environment, where other
    users cannot read it.
    """

    def __init__(
        self, db: Database, scan_id: int, count: int, *, engine: str, threads: int, gpus: Sequence[str] = ()
    ) -> None:
        self._command = [sys.executable, "-m", "facedb", "--quiet", "work", str(scan_id), "--engine", engine]
        self._command += ["--threads", str(threads)]
        self._environment = {**os.environ, "FACEDB_DSN": db.dsn}
        self._db, self._scan_id = db, scan_id
        self._gpus, self._count, self.enough = gpus, count, bool(gpus)
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._names: dict[int, str] = {}
        self._left: list[int] = []
        self._replaced = 0

    def __enter__(self) -> Self:
        try:
            for number in range(self._count):
                self._start(number)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        running = [process for process in self._processes.values() if process.poll() is None]
        for process in running:
            process.terminate()
        for process in running:
            try:
                process.wait(_LEAVE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for number, process in self._processes.items():
            if process.returncode:
                self._release(number)

    def tend(self, *, free: bool) -> None:
        """Replace workers that died, and those that left where there is nobody else for what is ``free`` again.

        Raises EngineError where they die again and again.
        """
        for number, process in list(self._processes.items()):
            code = process.poll()
            if code is None:
                continue
            del self._processes[number]
            if code == 0:
                self._left.append(number)
                continue
            self._release(number)
            self._replaced += 1
            if self._replaced > REPLACEMENTS * self._count:
                raise EngineError(
                    f"The workers of this scan keep dying (exit code {code}): run `facedb work` beside it to see why, "
                    "or scan without --workers."
                )
            self._start(number)
        if self.enough and free:
            for number in self._left:
                self._start(number)
            self._left = []

    def _start(self, number: int) -> None:
        environment = dict(self._environment)
        if self._gpus:
            environment["CUDA_VISIBLE_DEVICES"] = self._gpus[number % len(self._gpus)]
        self._names[number] = f"{worker_name()}:{number}"
        command = [*self._command, "--name", self._names[number]]
        self._processes[number] = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )

    def _release(self, number: int) -> None:
        release(self._db, self._scan_id, self._names[number])


def release(db: Database, scan_id: int, worker: str) -> None:
    """Give back at once what a worker that is gone had claimed; where the server is away, the lease does it."""
    with suppress(DatabaseError), db.connection() as conn:
        tile_rows.release_tiles(conn, scan_id, worker)
