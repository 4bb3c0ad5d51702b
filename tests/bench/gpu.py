"""Time the GPU engines on the GPU at hand: every FAISS route, the cuda engine, and the bounds beside them.

Run `python tests/bench/gpu.py --rows 1000000` on a machine with the extra `gpu` installed. One line per method: seconds from host
memory (upload, self-test, join, rescoring), flagged pairs, and whether they equal those of the first method. The last lines
are the float16 and float32 matrix products alone, over the same upper triangle: the arithmetic limit.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial

from facedb.bench.synthetic import synthetic_gallery
from facedb.join.blocks import plan_blocks
from facedb.join.engine import Searcher, self_test
from facedb.join.gallery import Gallery
from facedb.join.gpu import cuda, faiss_gpu
from facedb.join.gpu.faiss_devices import FaissRoute
from facedb.join.sieve import Hits, Sieve

ROUTES = [
    FaissRoute("bfloat16", way="tiles"),
    FaissRoute("float16", way="tiles"),
    FaissRoute("float16", cuvs=True, way="index"),
    FaissRoute("bfloat16"),
    FaissRoute("float16"),
    FaissRoute("float32"),
    FaissRoute("float32", cuvs=True),
]


def methods(gallery: Gallery, threshold: float) -> Iterator[tuple[str, Callable[[], Searcher]]]:
    """What to time: a name and how to open it."""
    sieve = Sieve(gallery, threshold)
    if cuda.probe().available:
        yield "cuda float16", lambda: cuda.open_devices(gallery, sieve)
    if faiss_gpu.probe().available:
        import faiss

        for route in ROUTES:
            if route.cuvs and "CUVS" not in faiss.get_compile_options():
                continue
            name = f"faiss-gpu {route.way} {route.precision}{' cuVS' if route.cuvs else ''}"
            yield name, partial(faiss_gpu.open_route, gallery, sieve, route)


def product_seconds(rows: int, dim: int, precision: str) -> float:
    """Seconds of the matrix products of the upper triangle alone, in tiles of 8192 x 32768."""
    import cupy

    kind = {"float16": cupy.float16, "float32": cupy.float32}[precision]
    # Random numbers: products of equal ones draw less power and run an eighth faster.
    left, right = (cupy.random.standard_normal((rows, dim)).astype(kind) for rows in (8192, 32_768))
    out = cupy.empty((8192, 32_768), kind)
    cupy.matmul(left, right.T, out=out)
    cupy.cuda.Device().synchronize()
    started = time.perf_counter()
    for _ in range(10):
        cupy.matmul(left, right.T, out=out)
    cupy.cuda.Device().synchronize()
    return (time.perf_counter() - started) / 10 * (rows * (rows - 1) / 2) / (8192 * 32_768)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--threshold", type=float, default=0.4)
    parser.add_argument("--block", type=int, default=65_536)
    options = parser.parse_args()
    missing = [info for info in (cuda.probe(), faiss_gpu.probe()) if not info.available]
    for info in missing:
        sys.stdout.write(f"{info.name}: not timed, {info.reason}\n")
    if len(missing) == 2:
        return
    gallery = synthetic_gallery(options.rows, options.dim, seed=1).gallery
    blocks = plan_blocks(gallery.identity_ids, target_rows=options.block)
    small = synthetic_gallery(5_000, options.dim, seed=1).gallery
    for _, open_it in methods(small, options.threshold):
        # Contexts, libraries and kernels are made once per process or machine, not once per search.
        searcher = open_it()
        self_test("warm-up", searcher, small)
        for block in plan_blocks(small.identity_ids, target_rows=2_000):
            list(searcher.search(block))
        searcher.close()
    first: Hits | None = None
    for name, open_it in methods(gallery, options.threshold):
        started = time.perf_counter()
        searcher = open_it()
        self_test(name, searcher, gallery)
        opened = time.perf_counter() - started
        hits = Hits.join([part for block in blocks for part in searcher.search(block)])
        seconds = time.perf_counter() - started
        searcher.close()
        first = first or hits
        same = len(hits.rows_a) == len(first.rows_a) and bool(
            (hits.rows_a == first.rows_a).all() and (hits.rows_b == first.rows_b).all()
        )
        sys.stdout.write(
            f"{name:34} {seconds:9.2f} s  (open {opened:.2f} s)  {len(hits.rows_a):>10} pairs  same rows: {same}\n"
        )
        sys.stdout.flush()
    if cuda.probe().available:
        for precision in ("float16", "float32"):
            seconds = product_seconds(options.rows, options.dim, precision)
            sys.stdout.write(f"{precision + ' product alone':34} {seconds:9.2f} s\n")
    sys.stdout.write(
        f"rows {options.rows}, dim {options.dim}, comparisons {options.rows * (options.rows - 1) // 2:.3g}\n"
    )


if __name__ == "__main__":
    main()
