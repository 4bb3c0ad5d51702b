"""What the ledger costs: `python tests/bench/tiles.py --blocks 1000 --workers 8`, on the embedded database of this user or FACEDB_DSN.

A scan whose tiles are each one block against one (500,500 of them by default) is worked off in tenths by workers that search nothing.
At the beginning of the first tenth, of the sixth and of the last, ``--sample`` tiles are done by processes as `facedb work` does them:
what is timed is claiming a tile and committing it, waits for a processor included. The others are done by a procedure in the server, with
the statements and the transactions of a worker, on as many connections, only that a commit does not wait for the disk: what is timed is
each statement.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import numpy as np

from facedb.bench.database import fill, scratch
from facedb.core.settings import load_settings
from facedb.db.connection import Database, connect
from facedb.db.reconnecting import Work
from facedb.scan.pair_rows import PairRows
from facedb.scan.scan_rows import Parameters
from facedb.scan.tiles import ledger_rows, tile_rows
from facedb.scan.tiles.claims import Claims, Found
from facedb.scan.tiles.ledger import cut
from facedb.scan.tiles.ledger_rows import Labels, LedgerBlock

NOTHING = Found(PairRows(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32)), 0, 1, 0.0)
_TENTHS = 10
_TIMED = (0, 5, 9)

_PROCEDURE = """
create procedure facedb_bench_work(in v_scan integer, in v_worker text, in v_before integer, inout told double precision[])
language plpgsql as $$
declare
    v_tile record;
    v_began timestamptz;
    v_taken timestamptz;
    v_done timestamptz;
    v_after integer := -1;
begin
    loop
        v_began := clock_timestamp();
        v_tile := null;
        {claim} into v_tile;
        v_taken := clock_timestamp();
        exit when v_tile.tile is null;
        v_after := v_tile.tile;
        commit;
        told[1] := told[1] + 1;
        told[2] := told[2] + extract(epoch from v_taken - v_began);
        v_taken := clock_timestamp();
        {finish};
        v_done := clock_timestamp();
        commit;
        told[3] := told[3] + extract(epoch from v_done - v_taken);
    end loop;
end $$
"""
# What a statement of a worker says where the procedure has a variable.
_VARIABLES = {
    "scan_id": "v_scan",
    "worker": "v_worker",
    "lease": "60",
    "start": "v_after + 1",
    "stop": "v_before",
    "tile": "v_tile.tile",
    "attempt": "v_tile.attempt",
    "pairs": "0",
    "candidates": "0",
    "comparisons": "1",
    "seconds": "0",
}


def begin(db: Database, blocks: int) -> int:
    """A scan of ``blocks`` blocks of one face, each tile one of them against another."""
    with closing(db.open()) as conn:
        model = fill(conn, blocks, 4)
        ids = np.arange(1, blocks + 1)
        rows = [
            LedgerBlock(k, False, ids[k : k + 1], ids[k : k + 1].astype(np.int32), ids[k : k + 1])
            for k in range(blocks)
        ]
        scan_id = ledger_rows.begin_scan(
            conn, Parameters(model.id, {}, 0.5), "none", Labels.of(np.empty(0, np.int32), np.empty(0, np.int32)), rows
        )
        tile_rows.add_tiles(conn, scan_id, cut(list(range(blocks + 1)), 0, 1))
        conn.commit()
    return scan_id


def work(dsn: str, scan_id: int, stop: int) -> None:
    """Claim and finish tiles up to number ``stop``; prints the milliseconds of both for each."""
    db = Database(dsn, embedded=True)
    claims_ms, commits_ms = [], []
    with closing(Work(db)) as session, Claims(session, db.open, scan_id) as claims:
        while True:
            began = time.perf_counter()
            tile = claims.take()
            claimed = time.perf_counter()
            if tile is None or tile.tile >= stop:
                # It is given back.
                break
            claims.finish(tile, NOTHING)
            claims_ms.append(1e3 * (claimed - began))
            commits_ms.append(1e3 * (time.perf_counter() - claimed))
    sys.stdout.write(json.dumps([claims_ms, commits_ms]))


def timed(dsn: str, scan_id: int, workers: int, stop: int) -> str:
    """Let ``workers`` processes work up to tile ``stop``."""
    command = [sys.executable, __file__, "--dsn", dsn, "--scan", str(scan_id), "--stop", str(stop)]
    began = time.perf_counter()
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(workers)]
    said = [each.communicate()[0] for each in running]
    seconds = time.perf_counter() - began
    claims, commits = (np.concatenate(each) for each in zip(*map(json.loads, said), strict=True))
    told = [f"{np.median(each):.2f} ({np.quantile(each, 0.95):.2f})" for each in (claims, commits)]
    return (
        f"{len(claims):,} tiles by {workers} in {seconds:.1f} s with their start; claim {told[0]} ms, commit {told[1]}"
    )


def add_procedure(db: Database) -> None:
    """The loop of a worker in the server, around the very statements of `tile_rows`."""

    def body(name: str) -> str:
        text = tile_rows.SQL[name].strip().rstrip(";")
        return re.sub(r"%\((\w+)\)s", lambda found: _VARIABLES[found[1]], text)

    with db.connection() as conn:
        conn.execute(_PROCEDURE.format(claim=body("claim_tile"), finish=body("finish_tile")).encode())


def in_server(db: Database, scan_id: int, workers: int, before: int) -> str:
    """Let ``workers`` connections work off the tiles below number ``before`` in the server."""

    def run(number: int) -> list[float]:
        with closing(db.open(autocommit=True)) as conn:
            conn.execute("set synchronous_commit = off")
            row = conn.execute(
                "call facedb_bench_work(%s, %s, %s, array[0, 0, 0])", (scan_id, f"server:{number}", before)
            ).fetchone()
        assert row is not None
        return list(row[0])

    began = time.perf_counter()
    with ThreadPoolExecutor(workers) as pool:
        tiles, claim, finish = np.sum(list(pool.map(run, range(workers))), axis=0)
    seconds = time.perf_counter() - began
    if not tiles:
        return "none left"
    claim, finish = (1e3 * each / tiles for each in (claim, finish))
    return f"{tiles:,.0f} tiles in {seconds:.1f} s, {tiles / seconds:,.0f} a second; claim {claim:.3f} ms, mark {finish:.3f}"


def sizes(db: Database) -> str:
    """What has grown: the table, its index of open tiles, dead rows."""
    with db.connection() as conn:
        row = conn.execute(
            "select pg_relation_size('facedb.scan_tile') / 1e6, pg_relation_size('facedb.scan_tile_open') / 1e6, n_dead_tup,"
            " autovacuum_count from pg_stat_user_tables where relid = 'facedb.scan_tile'::regclass"
        ).fetchone()
    assert row is not None
    return f"table {row[0]:.0f} MB, open tiles {row[1]:.1f} MB, {row[2]:,} dead rows, {row[3]} autovacuums"


def say(line: str) -> None:
    """Print a line now."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """Print a line for each part of the ledger."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--blocks", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--sample", type=int, default=4000)
    parser.add_argument("--dsn")
    parser.add_argument("--scan", type=int)
    parser.add_argument("--stop", type=int)
    options = parser.parse_args()
    if options.scan is not None:
        work(options.dsn, options.scan, options.stop)
        return
    with connect(load_settings()) as db, scratch(db) as inner:
        add_procedure(inner)
        scan_id = begin(inner, options.blocks)
        tiles = options.blocks * (options.blocks + 1) // 2
        say(f"{tiles:,} tiles")
        for tenth in range(_TENTHS):
            first, after = tiles * tenth // _TENTHS, tiles * (tenth + 1) // _TENTHS
            if tenth in _TIMED:
                stop = min(first + options.sample, after)
                say(f"tenth {tenth + 1}, processes: {timed(inner.dsn, scan_id, options.workers, stop)}")
            say(
                f"tenth {tenth + 1}, in the server: {in_server(inner, scan_id, options.workers, after)}; {sizes(inner)}"
            )


if __name__ == "__main__":
    main()
