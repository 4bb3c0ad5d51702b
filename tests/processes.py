"""What tests start and wait for: every wait has an end, well before the limit of a test, and says what did not come."""

from __future__ import annotations

import os
import select
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

LONGEST_SECONDS = 120.0
"""What a process or a thread of a test takes at most, on the slowest machine: nobody waits so long where nothing hangs."""


class Process(subprocess.Popen[bytes]):
    """A process of a test: it is killed, and the test fails in a sentence, where it is waited for ``seconds`` after its start.

    As a block it is also killed where the test fails beside it, which would else wait for it without an end.
    """

    def __init__(self, command: Sequence[str], *, seconds: float = LONGEST_SECONDS, **options: Any) -> None:
        self._until = time.monotonic() + seconds
        super().__init__(command, **options)

    def _left(self) -> float:
        return max(self._until - time.monotonic(), 0.0)

    def poll(self) -> int | None:
        """Its exit code, None while it runs."""
        code = super().poll()
        if code is None and not self._left():
            self.kill()
            raise AssertionError(f"{self.args!r} did not come to its end")
        return code

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, once it has ended."""
        try:
            return super().wait(self._left() if timeout is None else timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def communicate(self, input: bytes | None = None, timeout: float | None = None) -> tuple[Any, Any]:  # noqa: A002
        """What it printed on stdout and stderr until its end."""
        try:
            return super().communicate(input, self._left() if timeout is None else timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def kill(self) -> None:
        """Kill it; it is given time to go."""
        self._until = time.monotonic() + LONGEST_SECONDS
        super().kill()

    def line(self) -> str:
        """The next line that it prints, without its end; before anything else reads its stdout."""
        assert self.stdout is not None
        read = b""
        # Byte by byte, so that nothing is left in a buffer of which the pipe knows nothing.
        while not read.endswith(b"\n"):
            if not select.select([self.stdout], [], [], self._left())[0]:
                self.kill()
                raise AssertionError(f"{self.args!r} printed no line, only {read!r}")
            if not (part := os.read(self.stdout.fileno(), 1)):
                break
            read += part
        return read.decode().strip()

    def __exit__(self, kind: type[BaseException] | None, *error: Any) -> None:
        if kind is not None:
            self.kill()
        super().__exit__(kind, *error)


def until(reached: Callable[[], object], what: str, seconds: float = LONGEST_SECONDS) -> None:
    """Wait until it is ``reached``; fails with ``what`` did not come."""
    end = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < end, f"{what} did not come"
        time.sleep(0.005)


def join(*threads: threading.Thread) -> None:
    """Wait for the end of threads."""
    end = time.monotonic() + LONGEST_SECONDS
    for thread in threads:
        thread.join(max(end - time.monotonic(), 0.0))
        assert not thread.is_alive(), f"{thread.name} did not come to its end"
