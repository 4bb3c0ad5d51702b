"""A scan on a cluster of three nodes of which one is killed and one comes later: `python -m tests.db.scan.tiles.ray_cluster DSN`.

Runs in a network namespace of its own, where Ray's daemons meet nobody; prints what it saw as one JSON object.
"""

from __future__ import annotations

import fcntl
import json
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Collection
from typing import Any

import ray
from ray.cluster_utils import Cluster

from facedb.core.progress import Silent
from facedb.db.connection import Database
from facedb.scan.run import ScanOptions, scan
from facedb.scan.tiles import ledger
from facedb.scan.tiles.ray_crew import RayCrew, Seat

HELD = 800
"""Tiles that are kept back until the new node took part."""

_SIOCSIFFLAGS, _UP = 0x8914, 0x1


def loopback_up() -> None:
    """A new namespace has its loopback down."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh", b"lo", _UP))


class Watch:
    """What is going on in the scan: who was seated on which node, and who has done what."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._seated = seated = list[tuple[str, str]]()
        honest = RayCrew._seat

        def seat_and_note(self: RayCrew, seat: Seat) -> None:
            honest(self, seat)
            seated.append((seat.node, self._seated[seat].name))

        RayCrew._seat = seat_and_note  # type: ignore[method-assign]

    def nodes(self) -> set[str]:
        """Nodes on which somebody was seated."""
        return {node for node, _ in self._seated}

    def begun(self) -> bool:
        """Whether the scan has tiles."""
        return bool(self._rows("select from facedb.scan_tile limit 1"))

    def done_by(self, nodes: Collection[str]) -> int:
        """Tiles that the workers of ``nodes`` have done."""
        names = [name for node, name in self._seated if node in nodes]
        rows = self._rows("select count(*) from facedb.scan_tile where status = 'done' and worker = any(%s)", names)
        return int(rows[0][0])

    def free(self) -> int:
        """Tiles that nobody works on."""
        return int(self._rows("select count(*) from facedb.scan_tile where status = 'pending'")[0][0])

    def hold(self, count: int) -> None:
        """Keep the last ``count`` tiles from everybody, so that the scan cannot end before what is waited for."""
        self._rows(
            "update facedb.scan_tile set status = 'claimed', worker = 'held', leased_until = 'infinity' where tile in"
            " (select tile from facedb.scan_tile where status = 'pending' order by tile desc limit %s) returning tile",
            count,
        )

    def let_go(self, count: int) -> None:
        """Give ``count`` of them back."""
        self._rows(
            "update facedb.scan_tile set status = 'pending', leased_until = null where tile in"
            " (select tile from facedb.scan_tile where worker = 'held' order by tile limit %s) and worker = 'held' and status = 'claimed'"
            " returning tile",
            count,
        )

    def _rows(self, statement: str, *values: Any) -> list[Any]:
        with self._db.connection() as conn:
            return conn.execute(statement.encode(), values).fetchall()


def until(reached: Callable[[], Any], scanning: threading.Thread, what: str) -> None:
    """Wait for a state, for as long as the scan goes on."""
    while not reached():
        if not scanning.is_alive():
            sys.exit(f"The scan ended before {what}.")
        time.sleep(0.05)


def started(cluster: Cluster, **node: Any) -> Any:
    """One more node; on a busy machine Ray gives up on it after half a minute, which no option makes longer."""
    for _ in range(4):
        try:
            return cluster.add_node(**node)
        except Exception as error:
            if "timed out during startup" not in str(error) and not isinstance(error, TimeoutError):
                raise
    sys.exit("Ray could not start a node in two minutes.")


def main(dsn: str) -> None:
    """Scan on three nodes; kill one that has done some of it, add one, and see it do some."""
    loopback_up()
    ledger.cut.__defaults__ = (128,)
    db = Database(dsn, embedded=True)
    watch = Watch(db)
    node: dict[str, Any] = {"num_cpus": 1, "object_store_memory": 80 << 20}
    cluster = Cluster()
    started(cluster, **node, include_dashboard=False)
    others = [started(cluster, **node) for _ in range(2)]
    found: list[int] = []
    options = ScanOptions(threshold=0.5, engine="exact", block_rows=32, threads=1, ray=cluster.address)
    # Ray adds nodes on the main thread only.
    scanning = threading.Thread(target=lambda: found.append(scan(db, options, reporter=Silent()).scan.id))
    began = time.monotonic()
    scanning.start()
    until(watch.begun, scanning, "it had tiles")
    watch.hold(HELD)
    victim = others[0].node_id
    until(lambda: watch.done_by([victim]), scanning, "the node that is to be killed took part")
    before = watch.nodes()
    cluster.remove_node(others[0], allow_graceful=False)
    started(cluster, **node)

    def new_one_takes_part() -> bool:
        if not watch.free():
            watch.let_go(HELD // 20)
        return watch.done_by(watch.nodes() - before) > 0

    until(new_one_takes_part, scanning, "the new node took part")
    watch.let_go(HELD)
    scanning.join()
    told = {
        "scan": found[0],
        "held": HELD,
        "by_the_killed": watch.done_by([victim]),
        "by_the_new": watch.done_by(watch.nodes() - before),
        "seconds": time.monotonic() - began,
    }
    ray.shutdown()
    cluster.shutdown()
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1])
