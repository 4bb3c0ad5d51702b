"""What the ledger costs: `python tests/bench/tiles.py --blocks 1000 --workers 2`, on the embedded database of this user or FACEDB_DSN.

A scan whose tiles are each one block against one (500,500 of them by default) is worked off by processes that search nothing: what is timed
is claiming a tile and committing it. To see whether the ledger slows down as it fills, ``--sample`` tiles are timed at its beginning, in
its middle and at its end, and those between are marked as done by one statement each.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from contextlib import closing

import numpy as np

from facedb.bench.database import fill, scratch
from facedb.core.settings import load_settings
from facedb.db.connection import Database, connect
from facedb.db.reconnecting import Work
from facedb.scan import pair_rows
from facedb.scan.pair_rows import LedgerBlock, PairRows
from facedb.scan.tiles import tile_rows
from facedb.scan.tiles.claims import Claims, Found
from facedb.scan.tiles.ledger import cut

NOTHING = Found(PairRows.join([]), 0, 1, 0.0)
_SKIP = """
update facedb.scan_tile set status = 'done', pairs = 0, candidates = 0, comparisons = 1, seconds = 0, finished_at = now(), worker = 'nobody'
where scan_id = %s and status = 'pending' and tile < %s
"""


def begin(db: Database, blocks: int) -> int:
    """A scan of ``blocks`` blocks of one face, each tile one of them against another."""
    with closing(db.open()) as conn:
        model = fill(conn, blocks, 4)
        ids = np.arange(1, blocks + 1)
        rows = [
            LedgerBlock(k, False, ids[k : k + 1], ids[k : k + 1].astype(np.int32), ids[k : k + 1])
            for k in range(blocks)
        ]
        scan_id = pair_rows.begin_scan(
            conn,
            model_id=model.id,
            base_scan_id=None,
            threshold=0.5,
            scope={},
            engine="none",
            identities=blocks,
            blocks=rows,
        )
        tile_rows.add_tiles(conn, scan_id, cut(list(range(blocks + 1)), 0, 1))
        conn.commit()
    return scan_id


def work(dsn: str, scan_id: int, stop: int) -> None:
    """Claim and finish tiles up to number ``stop``; prints how many, and the milliseconds of both at the median and at 95 %."""
    db = Database(dsn, embedded=True)
    claims_ms, commits_ms = [], []
    with closing(Work(db)) as session, Claims(session, db.open, scan_id) as claims:
        while True:
            began = time.perf_counter()
            tile = claims.take()
            claimed = time.perf_counter()
            if tile is None or tile.tile >= stop:
                break
            claims.finish(tile, NOTHING)
            claims_ms.append(1e3 * (claimed - began))
            commits_ms.append(1e3 * (time.perf_counter() - claimed))
    told = [f"{np.median(each):.2f} ({np.quantile(each, 0.95):.2f})" for each in (claims_ms, commits_ms)]
    sys.stdout.write(f"{len(claims_ms)} tiles, claim {told[0]} ms, commit {told[1]} ms")


def timed(dsn: str, scan_id: int, workers: int, stop: int) -> str:
    """Let ``workers`` processes work up to tile ``stop``."""
    command = [sys.executable, __file__, "--dsn", dsn, "--scan", str(scan_id), "--stop", str(stop)]
    began = time.perf_counter()
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(workers)]
    said = [each.communicate()[0] for each in running]
    seconds = time.perf_counter() - began
    done = sum(int(each.split()[0]) for each in said)
    return f"{done:,} tiles by {workers} workers in {seconds:.1f} s with their start, {done / seconds:,.0f} a second; {said[0]}"


def main() -> None:
    """Print a line for each part of the ledger."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--blocks", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--sample", type=int, default=20_000)
    parser.add_argument("--dsn")
    parser.add_argument("--scan", type=int)
    parser.add_argument("--stop", type=int)
    options = parser.parse_args()
    if options.scan is not None:
        work(options.dsn, options.scan, options.stop)
        return
    with connect(load_settings()) as db, scratch(db) as inner:
        scan_id = begin(inner, options.blocks)
        tiles = options.blocks * (options.blocks + 1) // 2
        sys.stdout.write(f"{tiles:,} tiles\n")
        for name, first in (("beginning", 0), ("middle", tiles // 2), ("end", max(0, tiles - options.sample))):
            with inner.connection() as conn:
                conn.execute(_SKIP, (scan_id, first))
            with inner.connection(autocommit=True) as conn:
                # As autovacuum leaves it, which in a scan follows the tiles; here it would run beside what is timed.
                conn.execute("vacuum (analyze) facedb.scan_tile")
            sys.stdout.write(
                f"{name}: {timed(inner.dsn, scan_id, options.workers, min(first + options.sample, tiles))}\n"
            )
            sys.stdout.flush()


if __name__ == "__main__":
    main()
