"""Where the findings of a scan stand, kept in memory from one request to the next.

What is decided says ``bi.findings`` alone, which resolves every verdict for it: too much for each page of a queue of thousands that are
decided. So it is asked once, and then only of what the verdicts since can concern; of everything again when images or findings changed.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass

from facedb.db.connection import Connection
from facedb.db.queries import load

SQL = load("web", "standing")


@dataclass(frozen=True, slots=True)
class Version:
    """What the answer was made from: ``verdicts`` there were, the ``newest`` of them, and what ``else`` it rests on."""

    verdicts: int
    newest: int
    rest: str


@dataclass(frozen=True, slots=True)
class Stand:
    """The findings that are not simply open: by rank their state and whether people agree with them."""

    version: Version
    said: Mapping[int, tuple[str, bool | None]]

    def ranks(self, state: str) -> list[int]:
        """The ranks in a state, decided or unsure."""
        return [rank for rank, (stands, _) in self.said.items() if stands == state]


class Standing:
    """What is known of every scan that somebody reviews; asked by many threads."""

    def __init__(self) -> None:
        self._known: dict[int, Stand] = {}
        self._alone = threading.Lock()

    def at(self, conn: Connection, scan_id: int) -> Stand:
        """Where the findings of a scan stand now."""
        known = self._known.get(scan_id)
        version = _version(conn, scan_id)
        if known is not None and known.version == version:
            return known
        # Those who come while it is asked wait for the answer, instead of asking the same.
        with self._alone:
            # The version is older than what is read after it: what is said in between is asked about again, and nothing is missed.
            known, version = self._known.get(scan_id), _version(conn, scan_id)
            if known is not None and known.version == version:
                return known
            found = self._known[scan_id] = _again(conn, scan_id, known, version)
            return found


def _again(conn: Connection, scan_id: int, known: Stand | None, version: Version) -> Stand:
    since, said = 0, {}
    if known is not None and known.version.rest == version.rest:
        (later,) = conn.execute(SQL["said_since"], {"since": known.version.newest}).fetchone() or (0,)
        # Fewer: some were forgotten. More: some were written before others that have a greater key.
        if known.version.verdicts + later == version.verdicts:
            since, said = known.version.newest, dict(known.said)
    ranks = [row[0] for row in conn.execute(SQL["concerned"], {"scan_id": scan_id, "since": since})]
    for rank in ranks:
        said.pop(rank, None)
    if ranks:
        rows = conn.execute(SQL["standing"], {"scan_id": scan_id, "ranks": ranks})
        said.update({rank: (state, agrees) for rank, state, agrees in rows})
    return Stand(version, said)


def _version(conn: Connection, scan_id: int) -> Version:
    row = conn.execute(SQL["version"], {"scan_id": scan_id}).fetchone()
    assert row is not None  # noqa: S101 - a select of subqueries always yields a row
    return Version(*row)
