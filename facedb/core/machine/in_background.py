"""Work beside other work: a thread whose result is asked for later, and that ends soon once nobody needs it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from types import TracebackType
from typing import Generic, Self, TypeVar

ResultT = TypeVar("ResultT")

_here = threading.local()


class _StoppedError(Exception):
    """The block that wanted the work has ended."""


class Aside(Generic[ResultT]):
    """Runs ``work`` in a thread from the start of a `with` block; when the block ends, it stops at its next `checkpoint`.

    The thread is waited for and is no daemon: a daemon that still is inside NumPy when the interpreter goes takes the
    process down with SIGABRT.
    """

    def __init__(self, work: Callable[[], ResultT]) -> None:
        self._work = work
        self._stop = threading.Event()
        self._future: Future[ResultT] = Future()
        self._thread = threading.Thread(target=self._run, name="facedb-aside")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def result(self) -> ResultT:
        """What ``work`` returned, or the exception that it raised; waits for it."""
        return self._future.result()

    def _run(self) -> None:
        _here.stop = self._stop
        try:
            self._future.set_result(self._work())
        except BaseException as error:  # noqa: BLE001 - raised where the result is asked for
            self._future.set_exception(error)


def checkpoint() -> None:
    """Called between the steps of long work: ends it where it runs aside and its block has ended, else does nothing."""
    stop: threading.Event | None = getattr(_here, "stop", None)
    if stop is not None and stop.is_set():
        raise _StoppedError
