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
from typing import Any

import ray
from ray.cluster_utils import Cluster

from facedb.core.progress import Silent
from facedb.db.connection import Database
from facedb.scan.run import ScanOptions, scan
from facedb.scan.tiles import ledger, tile_rows

_SIOCSIFFLAGS, _UP = 0x8914, 0x1


def loopback_up() -> None:
    """A new namespace has its loopback down."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh", b"lo", _UP))


def main(dsn: str) -> None:
    """Scan, kill a node when a tenth of the tiles is done, and add one."""
    loopback_up()
    ledger.cut.__defaults__ = (128,)
    db = Database(dsn, embedded=True)
    node: dict[str, Any] = {"num_cpus": 1, "object_store_memory": 80 << 20}
    cluster = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
    others = [cluster.add_node(**node) for _ in range(2)]
    events: list[str] = []

    def done() -> int:
        with db.connection() as conn:
            row = conn.execute("select max(id) from facedb.scan where status = 'running'").fetchone()
            return 0 if row is None or row[0] is None else tile_rows.tile_counts(conn, row[0]).done

    found: list[int] = []
    options = ScanOptions(threshold=0.5, engine="exact", block_rows=32, threads=1, ray=cluster.address)
    # Ray adds nodes on the main thread only.
    scanning = threading.Thread(target=lambda: found.append(scan(db, options, reporter=Silent()).scan.id))
    began = time.monotonic()
    scanning.start()
    while done() < 200 and scanning.is_alive():
        time.sleep(0.05)
    cluster.remove_node(others[0], allow_graceful=False)
    events.append(f"killed at {done()}")
    cluster.add_node(**node)
    events.append(f"added at {done()}")
    scanning.join()
    seconds = time.monotonic() - began
    ray.shutdown()
    cluster.shutdown()
    sys.stdout.write(json.dumps({"scan": found[0], "events": events, "seconds": seconds}))


if __name__ == "__main__":
    main(sys.argv[1])
