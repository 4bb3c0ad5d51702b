"""Learning from decisions once they pause: one lesson at a time, in no hurry."""

from __future__ import annotations

import threading
import time

from facedb.scan.findings.lessons import learn
from facedb.web.pool import Pool

_LONGEST_SECONDS = 30.0


class Learning:
    """Learns from what was said, once for all that was said while it waited or was busy.

    A lesson looks at every decision there is, and the next decision would wait for the processor beside it. So it waits until nothing was
    said for ``pause`` seconds, half a minute at most, or until ``closed`` is set.
    """

    def __init__(self, pool: Pool, closed: threading.Event, pause: float) -> None:
        self._pool, self._closed, self._pause = pool, closed, pause
        self._lock = threading.Lock()
        self._due = self._busy = False
        self._said = 0.0

    def learn(self) -> None:
        """Learn, unless that is under way: then whoever is at it learns once more."""
        with self._lock:
            self._due, self._said = True, time.monotonic()
            if self._busy:
                return
            self._busy = True
        try:
            while self._more():
                with self._pool.connection() as conn:
                    learn(conn)
        except BaseException:
            with self._lock:
                self._busy = False
            raise

    def _more(self) -> bool:
        self._wait()
        with self._lock:
            due, self._due = self._due, False
            self._busy = due
            return due

    def _wait(self) -> None:
        latest = time.monotonic() + _LONGEST_SECONDS
        while self._due and (left := min(self._said + self._pause, latest) - time.monotonic()) > 0:
            if self._closed.wait(left):
                return
