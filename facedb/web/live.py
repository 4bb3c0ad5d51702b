"""Live news: what other reviewers and a `check` elsewhere changed, asked of the database once a second for everybody."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from facedb.web.data import overview, sittings
from facedb.web.data.overview import Pulse
from facedb.web.data.sittings import Claim
from facedb.web.jobs import Job, Jobs
from facedb.web.pool import Pool

_EVERY_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class News:
    """The state that every open page follows."""

    pulse: Pulse
    claims: tuple[Claim, ...]
    jobs: tuple[Job, ...]


class Live:
    """Asks at most once a second, however many pages are open."""

    def __init__(self, pool: Pool, jobs: Jobs) -> None:
        self._pool, self._jobs = pool, jobs
        self._lock = threading.Lock()
        self._asked_at = -_EVERY_SECONDS
        self._news: News | None = None
        self.closed = threading.Event()

    def news(self) -> News:
        """The state of now, up to a second old."""
        with self._lock:
            now = time.monotonic()
            if self._news is None or now - self._asked_at >= _EVERY_SECONDS:
                with self._pool.connection() as conn:
                    self._news = News(overview.pulse(conn), tuple(sittings.claims(conn)), tuple(self._jobs.all()))
                self._asked_at = now
            return self._news
