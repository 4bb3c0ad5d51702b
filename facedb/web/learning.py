"""Learning from decisions while more of them come: one lesson at a time, in no hurry."""

from __future__ import annotations

import threading
import time

from facedb.scan.findings.lessons import learn
from facedb.web.pool import Pool


class Learning:
    """Learns from what was said, once for all that was said while it was busy.

    A lesson looks at every decision there is, which takes seconds where there are thousands: one for each of many quick answers
    would occupy all threads of the page. Between two it rests for as long as one took, or until ``closed`` is set.
    """

    def __init__(self, pool: Pool, closed: threading.Event) -> None:
        self._pool, self._closed = pool, closed
        self._lock = threading.Lock()
        self._due = self._busy = False

    def learn(self) -> None:
        """Learn, unless that is under way: then whoever is at it learns once more."""
        with self._lock:
            self._due = True
            if self._busy:
                return
            self._busy = True
        try:
            while self._more():
                started = time.monotonic()
                with self._pool.connection() as conn:
                    learn(conn)
                self._closed.wait(time.monotonic() - started)
        except BaseException:
            with self._lock:
                self._busy = False
            raise

    def _more(self) -> bool:
        with self._lock:
            due, self._due = self._due, False
            self._busy = due
            return due
