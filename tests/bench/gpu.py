"""Time the GPU engines on the GPU at hand: every FAISS route, the cuda engine, and the bounds beside them.

Run `python tests/bench/gpu.py --rows 1000000` on a machine with the extra `gpu` installed. One line per method: seconds from host
memory (upload, self-test, join, rescoring), flagged pairs, and whether they equal those of the first method. The last lines
are the float16 and float32 matrix products alone, over the same upper triangle: the arithmetic limit.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from facedb.bench.synthetic import identity_sizes, synthetic_gallery
from facedb.join.blocks import plan_blocks
from facedb.join.engine import self_test
from facedb.join.gallery import Gallery
from facedb.join.gpu import cuda, faiss_gpu
from facedb.join.gpu.faiss_devices import FaissRoute
from facedb.join.gpu.half_precision_device import HalfPrecisionDevice
from facedb.join.searcher import Searcher
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
        if importlib.util.find_spec("triton") is not None:
            from facedb.join.gpu.int8_device import Int8Device

            yield "cuda int8 fused", lambda: cuda.open_devices(gallery, sieve, Int8Device)
        yield "cuda float16 cuBLAS", lambda: cuda.open_devices(gallery, sieve, HalfPrecisionDevice)
    if faiss_gpu.probe().available:
        import faiss

        for route in ROUTES:
            if route.cuvs and "CUVS" not in faiss.get_compile_options():
                continue
            name = f"faiss-gpu {route.way} {route.precision}{' cuVS' if route.cuvs else ''}"
            yield name, partial(faiss_gpu.open_route, gallery, sieve, route)


def gallery_made_on_gpu(rows: int, dim: int, seed: int) -> Gallery:
    """As `synthetic_gallery`, without look-alikes and with other random numbers: ten million rows in seconds."""
    import cupy

    rng, draw = np.random.default_rng(seed), cupy.random.default_rng(seed)
    sizes = identity_sizes(rng, rows)
    labels = np.repeat(np.arange(len(sizes)), sizes)
    person = np.arange(len(sizes))
    doubles = rng.permutation(len(sizes))[: 2 * (len(sizes) // 100)].reshape(-1, 2)
    person[doubles[:, 1]] = doubles[:, 0]
    spectrum = cupy.exp(-cupy.arange(dim, dtype=cupy.float32) / 200)
    turn = cupy.linalg.qr(draw.standard_normal((dim, dim), dtype=cupy.float32))[0]

    def units(count: int) -> Any:
        values = draw.standard_normal((count, dim), dtype=cupy.float32) * spectrum
        return values / cupy.linalg.norm(values, axis=1, keepdims=True)

    centres = units(len(sizes))
    vectors = np.empty((rows, dim), np.float32)
    for start in range(0, rows, 1 << 17):
        part = cupy.asarray(person[labels[start : start + (1 << 17)]])
        share = cupy.clip(0.6 + 0.06 * draw.standard_normal((len(part), 1), dtype=cupy.float32), 0.05, 0.98)
        faces = (cupy.sqrt(share) * centres[part] + cupy.sqrt(1 - share) * units(len(part))) @ turn
        vectors[start : start + len(part)] = (faces / cupy.linalg.norm(faces, axis=1, keepdims=True)).get()
    del centres
    cupy.get_default_memory_pool().free_all_blocks()
    return Gallery(vectors, labels.astype(np.int64), np.arange(rows))


def pairs_of_some_rows(gallery: Gallery, threshold: float, hits: Hits, count: int = 64) -> bool:
    """Whether the pairs of ``count`` rows among ``hits`` are those of float64 products of these rows with all others."""
    import cupy

    some = np.sort(np.random.default_rng(5).choice(len(gallery), min(count, len(gallery)), replace=False))
    left, wanted = cupy.asarray(gallery.vectors[some]).astype(cupy.float64), set()
    for start in range(0, len(gallery), 1 << 18):
        scores = left @ cupy.asarray(gallery.vectors[start : start + (1 << 18)]).astype(cupy.float64).T
        # What lies this near to the threshold is decided by the order of additions, which is not this one's.
        row, column = (each.get() for each in cupy.nonzero(scores >= threshold - 1e-12))
        row, column = some[row], column + start
        other = gallery.identity_ids[row] != gallery.identity_ids[column]
        wanted |= set(zip(*np.sort([row[other], column[other]], axis=0).tolist(), strict=True))
    told = np.isin(hits.rows_a, some) | np.isin(hits.rows_b, some)
    return wanted == set(zip(hits.rows_a[told].tolist(), hits.rows_b[told].tolist(), strict=True))


def product_seconds(rows: int, dim: int, precision: str, height: int = 8192, width: int = 32_768) -> float:
    """Seconds of the matrix products of the pairs of ``rows`` alone by cuBLAS, in tiles; int8 writes int32, the others what they are."""
    import cupy
    from cupy_backends.cuda.libs import cublas

    # Random numbers: products of equal ones draw less power and run an eighth faster.
    left, right = (cupy.random.standard_normal((count, dim), dtype=cupy.float32) for count in (height, width))
    if precision == "int8":
        left, right = ((26 * each).clip(-127, 127).astype(cupy.int8) for each in (left, right))
        out, one, zero = cupy.empty((height, width), cupy.int32), np.ones(1, np.int32), np.zeros(1, np.int32)
        kinds, runtime = cublas.CUBLAS_COMPUTE_32I, cupy.cuda.runtime
        int32 = 10  # CUDA_R_32I, which CuPy does not name.

        def multiply() -> None:
            cublas.gemmEx(
                cupy.cuda.get_cublas_handle(), cublas.CUBLAS_OP_T, cublas.CUBLAS_OP_N, width, height, dim, one.ctypes.data,
                right.data.ptr, runtime.CUDA_R_8I, dim, left.data.ptr, runtime.CUDA_R_8I, dim, zero.ctypes.data,
                out.data.ptr, int32, width, kinds, cublas.CUBLAS_GEMM_DEFAULT_TENSOR_OP,
            )  # fmt: skip
    else:
        left, right = (each.astype(precision) for each in (left, right))
        out = cupy.empty((height, width), left.dtype)

        def multiply() -> None:
            cupy.matmul(left, right.T, out=out)

    times = 20
    multiply()
    cupy.cuda.Device().synchronize()
    started = time.perf_counter()
    for _ in range(times):
        multiply()
    cupy.cuda.Device().synchronize()
    return (time.perf_counter() - started) / times * (rows * (rows - 1) / 2) / (height * width)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--threshold", type=float, default=0.4)
    parser.add_argument("--block", type=int, default=65_536)
    parser.add_argument("--only", default="", help="methods whose name contains one of these, by comma")
    parser.add_argument("--made-on-gpu", action="store_true", help="the gallery, for many rows")
    options = parser.parse_args()
    missing = [info for info in (cuda.probe(), faiss_gpu.probe()) if not info.available]
    for info in missing:
        sys.stdout.write(f"{info.name}: not timed, {info.reason}\n")
    if len(missing) == 2:
        return
    if options.made_on_gpu:
        gallery = gallery_made_on_gpu(options.rows, options.dim, seed=1)
    else:
        gallery = synthetic_gallery(options.rows, options.dim, seed=1).gallery
    blocks = plan_blocks(gallery.identity_ids, target_rows=options.block)
    small = synthetic_gallery(5_000, options.dim, seed=1).gallery
    for name, open_it in methods(small, options.threshold):
        if not any(part in name for part in options.only.split(",")):
            continue
        # Contexts, libraries and kernels are made once per process or machine, not once per search.
        searcher = open_it()
        self_test("warm-up", searcher, small)
        for block in plan_blocks(small.identity_ids, target_rows=2_000):
            list(searcher.search(block))
        searcher.close()
    first: Hits | None = None
    for name, open_it in methods(gallery, options.threshold):
        if not any(part in name for part in options.only.split(",")):
            continue
        started = time.perf_counter()
        searcher = open_it()
        self_test(name, searcher, gallery)
        opened = time.perf_counter() - started
        hits = Hits.join([part for block in blocks for part in searcher.search(block)])
        seconds = time.perf_counter() - started
        searcher.close()
        if first is None:
            right = pairs_of_some_rows(gallery, options.threshold, hits)
            sys.stdout.write(f"pairs of 64 rows as by float64 products: {right}\n")
        first = first or hits
        same = len(hits.rows_a) == len(first.rows_a) and bool(
            (hits.rows_a == first.rows_a).all() and (hits.rows_b == first.rows_b).all()
        )
        sys.stdout.write(
            f"{name:34} {seconds:9.2f} s  (open {opened:.2f} s)  {len(hits.rows_a):>10} pairs  same rows: {same}\n"
        )
        sys.stdout.flush()
    if cuda.probe().available:
        for precision in ("float16", "int8", "float32"):
            seconds = product_seconds(options.rows, options.dim, precision)
            sys.stdout.write(f"{precision + ' product alone':34} {seconds:9.2f} s\n")
    sys.stdout.write(
        f"rows {options.rows}, dim {options.dim}, comparisons {options.rows * (options.rows - 1) // 2:.3g}\n"
    )


if __name__ == "__main__":
    main()
