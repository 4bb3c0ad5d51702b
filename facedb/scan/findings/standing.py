"""Where the findings of a scan stand: open, unsure or decided, and whether people agree with them.

Only the view ``bi.findings`` says what is decided, by resolving every verdict: half a second where thousands are decided. So its answer
is kept, and asked again only for what newer verdicts can concern; for everything when images or findings have changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from facedb.db.connection import Connection
from facedb.db.queries import load

SQL = load("scan", "standing")


@dataclass(frozen=True, slots=True)
class Version:
    """What the answer was made from: ``verdicts`` there were, the ``newest`` of them, and the ``rest`` that it depends on."""

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


def stand(conn: Connection, scan_id: int, known: Stand | None = None) -> Stand:
    """Where the findings of a scan stand now; ``known`` is what the caller knew before. Writes nothing."""
    # The version is older than what is read after it: what is said in between is asked about again, and nothing is missed.
    version = _version(conn, scan_id)
    if known is not None and known.version == version:
        return known
    if not version.verdicts:
        return Stand(version, {})
    for before in (known, _kept(conn, scan_id)):
        if before is not None and _only_added(conn, before.version, version):
            return _again(conn, scan_id, before, version)
    return Stand(version, _rows(conn, "standing_whole", scan_id))


def hold(conn: Connection, scan_ids: Sequence[int]) -> list[int]:
    """Let nobody remove scans until this transaction ends; returns those that are there. Call this before locking their lessons and where
    they stand."""
    conn.execute(SQL["pairs_stay"])
    return [row[0] for row in conn.execute(SQL["hold_scans"], {"scan_ids": list(scan_ids)})]


def keep_stand(conn: Connection, scan_id: int, known: Stand | None = None) -> Stand:
    """`stand`, and keep the answer for the next time; the caller commits."""
    there = hold(conn, [scan_id])
    conn.execute(SQL["keep_alone"])
    before = _kept(conn, scan_id)
    found = stand(conn, scan_id, known or before)
    if not there or (before is not None and before.version == found.version):
        return found
    said: Mapping[int, tuple[str, bool | None]] = {} if before is None else before.said
    gone = [rank for rank, stands in said.items() if found.said.get(rank) != stands]
    new = [(rank, *stands) for rank, stands in found.said.items() if said.get(rank) != stands]
    version = found.version
    conn.execute(
        SQL["keep"],
        {"scan_id": scan_id, "verdicts": version.verdicts, "newest": version.newest, "rest": version.rest},
    )
    if gone:
        conn.execute(SQL["forget_findings"], {"scan_id": scan_id, "ranks": gone})
    if new:
        ranks, states, agrees = map(list, zip(*new, strict=True))
        conn.execute(SQL["keep_findings"], {"scan_id": scan_id, "ranks": ranks, "states": states, "agrees": agrees})
    return found


def _only_added(conn: Connection, before: Version, now: Version) -> bool:
    """Whether nothing happened since but that verdicts were added."""
    if before.rest != now.rest:
        return False
    # Up to the newest that was seen: others are said while this is asked, and are asked about next time.
    span = {"since": before.newest, "newest": now.newest}
    (later,) = conn.execute(SQL["said_between"], span).fetchone() or (0,)
    # Fewer: some were forgotten. More: some were written before others that have a greater key.
    return before.verdicts + int(later) == now.verdicts


def _again(conn: Connection, scan_id: int, before: Stand, version: Version) -> Stand:
    if before.version == version:
        return before
    said = dict(before.said)
    ranks = [row[0] for row in conn.execute(SQL["concerned"], {"scan_id": scan_id, "since": before.version.newest})]
    for rank in ranks:
        said.pop(rank, None)
    if ranks:
        said.update(_rows(conn, "standing", scan_id, ranks))
    return Stand(version, said)


def _kept(conn: Connection, scan_id: int) -> Stand | None:
    rows = conn.execute(SQL["kept"], {"scan_id": scan_id}).fetchall()
    if not rows:
        return None
    return Stand(Version(*rows[0][:3]), {row[3]: (row[4], row[5]) for row in rows if row[3] is not None})


def _rows(
    conn: Connection, block: str, scan_id: int, ranks: list[int] | None = None
) -> dict[int, tuple[str, bool | None]]:
    return {row[0]: (row[1], row[2]) for row in conn.execute(SQL[block], {"scan_id": scan_id, "ranks": ranks})}


def _version(conn: Connection, scan_id: int) -> Version:
    row = conn.execute(SQL["version"], {"scan_id": scan_id}).fetchone()
    assert row is not None  # noqa: S101 - a select of subqueries always yields a row
    return Version(*row)
