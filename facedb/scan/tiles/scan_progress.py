"""The one bar of a scan, from its ledger: it moves with whoever works, in this process or on another machine."""

from __future__ import annotations

import time

from facedb.core.progress import Task
from facedb.db.reconnecting import Work
from facedb.scan.tiles import tile_rows
from facedb.scan.tiles.tile_rows import Progress

_POLL_SECONDS = 0.2


class Bar:
    """What the ledger says of a scan, drawn by ``task``."""

    def __init__(self, task: Task, work: Work, scan_id: int) -> None:
        self._task, self._work, self._scan_id = task, work, scan_id
        self._cost = 0.0
        self._at = self._read()
        self._total = self._at.left

    def look(self, every: float = 0.0) -> Progress:
        """Where the scan is, at most ``every`` seconds old."""
        if every and time.monotonic() < self._looked + max(every, 10 * self._cost):
            return self._at
        before, self._at = self._at, self._read()
        self._task.advance(
            self._at.comparisons - before.comparisons, f"{self._total - self._at.left:,}/{self._total:,} tiles"
        )
        return self._at

    def wait(self) -> None:
        """Let others work for a moment, and the database count no more than a tenth of the time."""
        time.sleep(max(_POLL_SECONDS, 10 * self._cost))

    def _read(self) -> Progress:
        began = time.monotonic()
        found = self._work.unit(lambda conn: tile_rows.progress(conn, self._scan_id))
        self._looked = time.monotonic()
        self._cost = self._looked - began
        return found
