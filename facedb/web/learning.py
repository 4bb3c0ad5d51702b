"""Learning from decisions once they pause: one lesson at a time, in no hurry."""

from __future__ import annotations

import threading
import time
from contextlib import suppress

import psycopg

from facedb.core.errors import FacedbError
from facedb.core.machine.runlog import LOGGER
from facedb.db.connection import Connection
from facedb.scan.findings.lessons import learn
from facedb.web.pool import Pool

_LONGEST_SECONDS = 30.0
_PATIENCE_SECONDS = 1.0


class Learning:
    """Learns from what was said, in a thread of its own, once for all that was said while it waited or was busy.

    A lesson looks at every decision there is, and the next decision would wait for the processor beside it. So it waits until nothing was
    said for ``pause`` seconds, half a minute at most, or until ``closed`` is set.
    """

    def __init__(self, pool: Pool, closed: threading.Event, pause: float) -> None:
        self._pool, self._closed, self._pause = pool, closed, pause
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._conn: Connection | None = None
        self._due = False
        self._said = 0.0

    def learn(self) -> None:
        """Have it learned soon; if a lesson is under way, another one follows."""
        with self._lock:
            self._due, self._said = True, time.monotonic()
            if self._thread is None or not self._thread.is_alive():
                # No request waits for it: the server would fail that request if it stopped during a lesson.
                self._thread = threading.Thread(target=self._work, name="learning")
                self._thread.start()

    def finish(self) -> None:
        """Once ``closed`` is set: wait for what is due, but not for long, since the next lesson makes up for it."""
        thread = self._thread
        if thread is None:
            return
        thread.join(_PATIENCE_SECONDS)
        while thread.is_alive():
            self._due = False
            conn = self._conn
            if conn is not None:
                with suppress(psycopg.Error):
                    conn.cancel()
            thread.join(0.1)

    def _work(self) -> None:
        while self._more():
            try:
                with self._pool.connection() as self._conn:
                    learn(self._conn)
            except FacedbError as error:
                LOGGER.info("nothing was learned from what was said: %s", error)
            finally:
                self._conn = None

    def _more(self) -> bool:
        self._wait()
        with self._lock:
            due, self._due = self._due, False
            if not due:
                self._thread = None
            return due

    def _wait(self) -> None:
        latest = time.monotonic() + _LONGEST_SECONDS
        while self._due and (left := min(self._said + self._pause, latest) - time.monotonic()) > 0:
            if self._closed.wait(left):
                return
