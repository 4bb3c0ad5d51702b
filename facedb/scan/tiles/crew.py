"""The crew of a scan: processes of `facedb work` on this machine, started, watched and replaced by the scan that they help."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Self

from facedb.core.errors import EngineError
from facedb.db.connection import Database

_REPLACEMENTS = 3
_LEAVE_SECONDS = 20.0


class Crew:
    """``count`` worker processes on scan ``scan_id``, as a `with` block; those still at work at its end are told to leave and waited for.

    A GPU engine's workers get one GPU each, in turn. Workers learn the database from their environment, where other users cannot read it.
    """

    def __init__(self, db: Database, scan_id: int, count: int, *, engine: str, threads: int, gpus: int = 0) -> None:
        self._command = [sys.executable, "-m", "facedb", "--quiet", "work", str(scan_id), "--engine", engine]
        self._command += ["--threads", str(threads)]
        self._environment = {**os.environ, "FACEDB_DSN": db.dsn}
        self._gpus, self._count = gpus, count
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._replaced = 0

    def __enter__(self) -> Self:
        for number in range(self._count):
            self._start(number)
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

    def tend(self) -> None:
        """Replace workers that died; raises EngineError where they die again and again."""
        for number, process in list(self._processes.items()):
            code = process.poll()
            if code is None:
                continue
            del self._processes[number]
            if code == 0:
                continue
            self._replaced += 1
            if self._replaced > _REPLACEMENTS * self._count:
                raise EngineError(
                    f"The workers of this scan die again and again (exit code {code}): run `facedb work` beside it to see why, "
                    "or scan without --workers."
                )
            self._start(number)

    def _start(self, number: int) -> None:
        environment = dict(self._environment)
        if self._gpus:
            # The scan itself works on the first.
            environment["CUDA_VISIBLE_DEVICES"] = str((number + 1) % self._gpus)
        self._processes[number] = subprocess.Popen(
            self._command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
