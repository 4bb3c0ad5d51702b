"""Where the findings of a scan stand, kept in memory from one request to the next."""

from __future__ import annotations

import threading

from facedb.db.connection import Connection
from facedb.scan.findings.standing import Stand, stand


class Standing:
    """What is known of every scan that somebody reviews; asked by many threads."""

    def __init__(self) -> None:
        self._known: dict[int, Stand] = {}
        self._alone = threading.Lock()

    def last(self, scan_id: int) -> Stand | None:
        """Where the findings of a scan stood when it was last asked; None: never."""
        return self._known.get(scan_id)

    def at(self, conn: Connection, scan_id: int) -> Stand:
        """Where the findings of a scan stand now."""
        # Threads that come while it is being asked wait for that answer instead of asking again.
        with self._alone:
            found = self._known[scan_id] = stand(conn, scan_id, self._known.get(scan_id))
            return found
