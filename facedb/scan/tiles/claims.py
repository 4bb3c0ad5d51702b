"""Claiming the tiles of a scan and committing what was found: the loop that every worker runs, in one process or on many machines."""

from __future__ import annotations

import os
import secrets
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import psycopg
from numpy.typing import NDArray

from facedb.core.errors import FacedbError
from facedb.core.records import Int64Array
from facedb.db.connection import Connection
from facedb.db.reconnecting import Work
from facedb.join.loop import BlockResult
from facedb.scan import pair_rows
from facedb.scan.pair_rows import PairRows
from facedb.scan.tiles import link_parts, tile_rows
from facedb.scan.tiles.link_parts import LinkPart, roll_up_tile
from facedb.scan.tiles.tile_rows import LEASE_SECONDS, TileRow

# On its way out a process waits no longer than this for a renewal that waits for what others hold.
_END_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Found:
    """What the search of one tile gave: its flagged ``pairs``, out of ``candidates`` scored and ``comparisons`` met, in ``seconds``.

    ``links``: the same rolled up, where a scan keeps nothing else of them.
    """

    pairs: PairRows
    candidates: int
    comparisons: int
    seconds: float
    links: list[LinkPart] | None = None

    @staticmethod
    def of(result: BlockResult, face_ids: Int64Array, labels: NDArray[np.integer], *, links_only: bool) -> Found:
        """What a search of rows with these faces and ``labels`` (n,) found."""
        one, other = face_ids[result.rows_a], face_ids[result.rows_b]
        links = None
        if links_only:
            links = roll_up_tile(labels[result.rows_a], labels[result.rows_b], one, other, result.scores)
        pairs = PairRows.between(one, other, result.scores)
        return Found(pairs, result.candidates, result.comparisons, result.seconds, links)


def worker_name() -> str:
    """A name that no other worker has."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


def release_dead(conn: Connection, scan_id: int) -> None:
    """Give back at once what workers that were killed on this machine had claimed, rather than when their leases end.

    One that lives unseen, in a container that has the name of this machine, loses its tile and nothing else.
    """
    for worker in tile_rows.claimants(conn, scan_id):
        host, pid, *_ = [*worker.removeprefix("ray:").split(":"), ""]
        here = host == socket.gethostname() and pid.isdecimal() and Path("/proc/self").exists()
        if here and not Path("/proc", pid).exists():
            tile_rows.release_tiles(conn, scan_id, worker)


class Claims:
    """What one worker has claimed of a scan, as a `with` block: renewed while the block lasts, given back at its end.

    Claims are renewed from a thread and a connection of its own. One that is not renewed for ``seconds`` is free again, so a worker that
    dies costs its tile and that time, and a worker that comes back from the dead cannot finish what is somebody else's by now.
    """

    def __init__(
        self,
        work: Work,
        connect: Callable[[], Connection],
        scan_id: int,
        seconds: float = LEASE_SECONDS,
        worker: str | None = None,
    ) -> None:
        self.worker = worker or worker_name()
        self._work, self._connect, self._scan_id, self._seconds = work, connect, scan_id, seconds
        self._last = -1
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="facedb-claims", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join(_END_SECONDS)
        # Where the server is gone, the leases end by themselves.
        self._work.part(lambda conn: tile_rows.release_tiles(conn, self._scan_id, self.worker))

    def take(self) -> TileRow | None:
        """Claim the next free tile; None where there is none."""
        tile = self._work.unit(
            lambda conn: tile_rows.claim_tile(conn, self._scan_id, self.worker, after=self._last, lease=self._seconds)
        )
        if tile is not None:
            self._last = tile.tile
        return tile

    def finish(self, tile: TileRow, found: Found) -> bool:
        """Commit the pairs of a tile with its mark, both or neither; False where the claim was lost and another worker does it."""

        def write(conn: Connection) -> bool:
            # The mark comes first: where it fails there is nothing to take back.
            done = tile_rows.finish_tile(
                conn,
                self._scan_id,
                self.worker,
                tile,
                pairs=len(found.pairs),
                candidates=found.candidates,
                comparisons=found.comparisons,
                seconds=found.seconds,
            )
            if done and found.links is not None:
                link_parts.write(conn, self._scan_id, tile.tile, found.links)
            elif done:
                pair_rows.write_pairs(conn, self._scan_id, found.pairs)
            return done

        return self._work.unit(write)

    def _renew(self) -> None:
        conn: Connection | None = None
        while not self._stop.wait(self._seconds / 3):
            try:
                conn = self._connect() if conn is None else conn
                tile_rows.renew_lease(conn, self._scan_id, self.worker, self._seconds)
                conn.commit()
            except (psycopg.Error, FacedbError):
                # A server that restarts is back before the lease ends, or the tile is somebody else's.
                if conn is not None:
                    conn.close()
                conn = None
        if conn is not None:
            conn.close()
