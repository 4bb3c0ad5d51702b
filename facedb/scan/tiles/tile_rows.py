"""The tiles of a scan: what is left to do, who does it, and that it is done exactly once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from facedb.db.connection import Connection
from facedb.db.queries import load

SQL = load("scan", "tiles")

LEASE_SECONDS = 60.0
"""How long a claim lasts once its worker is no longer heard from."""


@dataclass(frozen=True, slots=True)
class TileRow:
    """Block ``block`` against the blocks ``first_column`` to ``last_column`` (inclusive), of a scan; ``attempt`` is this claim's."""

    tile: int
    block: int
    first_column: int
    last_column: int
    attempt: int = 0


@dataclass(frozen=True, slots=True)
class TileCounts:
    """How far a scan is: ``tiles`` in all, ``done`` of them, ``claimed`` by workers that are still heard from."""

    tiles: int
    done: int
    claimed: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a scan is, for a bar: tiles ``left``, those of them that are ``free`` for a worker, pairs compared in the others."""

    left: int
    free: int
    comparisons: int


def add_tiles(conn: Connection, scan_id: int, tiles: Sequence[TileRow]) -> None:
    """Write the tiles of a new scan."""
    parameters = {
        "scan_id": scan_id,
        "tiles": [t.tile for t in tiles],
        "blocks": [t.block for t in tiles],
        "first": [t.first_column for t in tiles],
        "last": [t.last_column for t in tiles],
    }
    conn.execute(SQL["add_tiles"], parameters)


def claim_tile(
    conn: Connection, scan_id: int, worker: str, *, after: int = -1, lease: float = LEASE_SECONDS
) -> TileRow | None:
    """Claim the first free tile behind number ``after``, else the first of all; None where none is free. The caller commits.

    A worker that goes on behind its last tile stays beside the strips that it holds, and passes over no tile that others did.
    """
    for start, stop in ((after + 1, 2**31 - 1), (0, after + 1)):
        if start < stop:
            parameters = {"scan_id": scan_id, "worker": worker, "lease": lease, "start": start, "stop": stop}
            row = conn.execute(SQL["claim_tile"], parameters).fetchone()
            if row is not None:
                return TileRow(*row)
    return None


def finish_tile(
    conn: Connection,
    scan_id: int,
    worker: str,
    tile: TileRow,
    *,
    pairs: int,
    candidates: int,
    comparisons: int,
    seconds: float,
) -> bool:
    """Mark a claimed tile as done in the transaction that holds its pairs; False when the claim was lost: roll back."""
    parameters = {
        "scan_id": scan_id,
        "worker": worker,
        "tile": tile.tile,
        "attempt": tile.attempt,
        "pairs": pairs,
        "candidates": candidates,
        "comparisons": comparisons,
        "seconds": seconds,
    }
    return conn.execute(SQL["finish_tile"], parameters).rowcount == 1


def renew_lease(conn: Connection, scan_id: int, worker: str, lease: float) -> None:
    """Keep what ``worker`` has claimed for another ``lease`` seconds."""
    conn.execute(SQL["renew_lease"], {"scan_id": scan_id, "worker": worker, "lease": lease})


def release_tiles(conn: Connection, scan_id: int, worker: str) -> None:
    """Give back what ``worker`` has claimed and not finished."""
    conn.execute(SQL["release_tiles"], {"scan_id": scan_id, "worker": worker})


def claimants(conn: Connection, scan_id: int) -> list[str]:
    """The names of the workers that have claimed a tile."""
    return [row[0] for row in conn.execute(SQL["claimants"], {"scan_id": scan_id})]


def tile_counts(conn: Connection, scan_id: int) -> TileCounts:
    """How far a scan is."""
    row = conn.execute(SQL["tile_counts"], {"scan_id": scan_id}).fetchone()
    assert row is not None  # noqa: S101 - an aggregate yields one row
    return TileCounts(*row)


def progress(conn: Connection, scan_id: int) -> Progress:
    """How far a scan is, in tiles and in pairs of faces."""
    row = conn.execute(SQL["progress"], {"scan_id": scan_id}).fetchone()
    assert row is not None  # noqa: S101 - an aggregate yields one row
    return Progress(*map(int, row))


def open_tiles(conn: Connection, scan_id: int) -> list[TileRow]:
    """The tiles of a scan that are not done yet, in the order of work."""
    return [TileRow(*row) for row in conn.execute(SQL["open_tiles"], {"scan_id": scan_id})]


def open_scans(conn: Connection) -> list[int]:
    """Running scans with a tile that nobody works on, oldest first."""
    return [row[0] for row in conn.execute(SQL["open_scans"])]


def strip_sizes(conn: Connection, scan_id: int) -> list[int]:
    """How many faces each block of a scan holds, in order."""
    return [row[1] for row in conn.execute(SQL["strip_sizes"], {"scan_id": scan_id})]
