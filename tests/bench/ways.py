"""The ways of the engine int8 side by side: `python tests/bench/ways.py --rows 200000 --dim 512 --threshold 0.5`.

Every kernel of this machine, and the fastest one with the prefix that it would choose, search the same blocks of a synthetic gallery in
turns, on one thread; printed are the thread seconds of each, and that all found the same rows. On a busy machine the ratios hold.
"""

from __future__ import annotations

import argparse
import sys
import time

from facedb.bench.synthetic import synthetic_gallery
from facedb.join.blocks import Block
from facedb.join.gallery import Gallery
from facedb.join.integer import kernels
from facedb.join.integer.int8 import Int8Searcher
from facedb.join.integer.prefix import Prefix
from facedb.join.integer.prefix_choice import choose_prefix
from facedb.join.sieve import Hits, Sieve


def main() -> None:
    """Print one line per way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--threshold", type=float, default=0.5)
    parser.add_argument("--block-rows", type=int, default=2048)
    parser.add_argument("--blocks", type=int, default=4)
    options = parser.parse_args()
    gallery = synthetic_gallery(options.rows, options.dim, seed=1).gallery
    sieve = Sieve(gallery, options.threshold)
    kernel = kernels.fastest(options.dim)

    def trial(part: Gallery, prefix: Prefix | None) -> Int8Searcher:
        return Int8Searcher(part, Sieve(part, options.threshold), 1, kernel=kernel, prefix=prefix)

    started = time.thread_time()
    prefix = choose_prefix(gallery, trial, options.rows**2 // 2, 1)
    choosing = time.thread_time() - started
    ways = {
        each.name: Int8Searcher(gallery, sieve, 1, kernel=each)
        for each in kernels.KERNELS
        if kernels.why_not(each, 64) is None
    }
    if prefix is not None:
        name = f"{kernel.name}, {len(prefix.directions)} directions"
        ways[name] = Int8Searcher(gallery, sieve, 1, kernel=kernel, prefix=prefix)
    seconds, found = dict.fromkeys(ways, 0.0), dict.fromkeys(ways, 0)
    for number in range(options.blocks):
        # From the end of the gallery, where a block meets nearly all rows.
        stop = options.rows - number * options.block_rows
        block = Block(0, stop - options.block_rows, stop)
        results = []
        for name, searcher in ways.items():
            started = time.thread_time()
            hits = Hits.join(list(searcher.search(block)))
            seconds[name] += time.thread_time() - started
            found[name] += hits.candidates
            results.append(hits)
        for hits in results[1:]:
            if (hits.rows_a.tobytes(), hits.rows_b.tobytes()) != (
                results[0].rows_a.tobytes(),
                results[0].rows_b.tobytes(),
            ):
                sys.exit("The ways found different rows: report this.")
    first = next(iter(seconds.values()))
    for name, taken in seconds.items():
        sys.stdout.write(f"{name}: {taken:.2f} thread seconds, {first / taken:.2f} x, {found[name]:,} candidates\n")
    sys.stdout.write(f"choosing the prefix: {choosing:.2f} thread seconds; the same rows by all\n")


if __name__ == "__main__":
    main()
