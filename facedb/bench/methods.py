"""The methods that `facedb bench` times, each run as a process of its own: `python -m facedb.bench.methods`.

A method takes a gallery and a threshold and returns the rows of the pairs it found. The engines of facedb run as
`join` does for a scan, opening and self-test included; the others are what one would write with the library alone.
"""

from __future__ import annotations

import importlib
import json
import resource
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info

from facedb.core.records import Float32Array, Int64Array
from facedb.join.gallery import Gallery
from facedb.join.loop import join, plan_blocks
from facedb.join.processor import openblas_core

RANGE_SEARCH = "FAISS range_search"
RIGHT_KERNEL = f"FAISS range_search, OPENBLAS_CORETYPE={openblas_core()}"
INVERTED_FILE = "FAISS IVF nlist 100, k 10, nprobe 1"
NUMPY = "NumPy float32 tiles"
BLOCK_ROWS = 8192

Pairs = tuple[Int64Array, Int64Array]

_QUERIES = 4096
_TILE = 4096


def range_search(gallery: Gallery, threshold: float, threads: int) -> Pairs:
    """`IndexFlatIP.range_search`, every row against every row, 4,096 queries at a time."""
    faiss = _faiss(threads)
    index = faiss.IndexFlatIP(gallery.dim)
    index.add(gallery.vectors)
    radius = float(np.nextafter(np.float32(threshold), np.float32(-np.inf)))
    found: list[Pairs] = []
    for start in range(0, len(gallery), _QUERIES):
        limits, _, columns = index.range_search(gallery.vectors[start : start + _QUERIES], radius)
        rows = np.repeat(np.arange(len(limits) - 1), np.diff(limits.astype(np.int64))) + start
        found.append(_cross(gallery, columns, rows))
    return _joined(found)


def inverted_file(gallery: Gallery, threshold: float, threads: int) -> Pairs:
    """The published approach: 100 lists, one of them probed, the ten best of each row."""
    faiss = _faiss(threads)
    quantiser = faiss.IndexFlatIP(gallery.dim)
    index = faiss.IndexIVFFlat(quantiser, gallery.dim, min(100, len(gallery)), faiss.METRIC_INNER_PRODUCT)
    index.train(gallery.vectors)
    index.add(gallery.vectors)
    scores, columns = index.search(gallery.vectors, 10)
    rows, place = np.nonzero((scores >= threshold) & (columns >= 0))
    rows_a, rows_b = columns[rows, place], rows
    apart = gallery.identity_ids[rows_a] != gallery.identity_ids[rows_b]
    low, high = np.minimum(rows_a, rows_b)[apart], np.maximum(rows_a, rows_b)[apart]
    keys = np.unique(low * len(gallery) + high)
    return keys // len(gallery), keys % len(gallery)


def numpy_tiles(gallery: Gallery, threshold: float, threads: int) -> Pairs:  # noqa: ARG001
    """float32 matrix products of the upper triangle, 4,096 x 4,096 at a time, and `nonzero`; BLAS threads by environment."""
    found: list[Pairs] = []
    for start in range(0, len(gallery), _TILE):
        for column in range(start, len(gallery), _TILE):
            scores = gallery.vectors[start : start + _TILE] @ gallery.vectors[column : column + _TILE].T
            row, place = np.nonzero(scores >= np.float32(threshold))
            found.append(_cross(gallery, row + start, place + column))
    return _joined(found)


BASELINES: dict[str, Callable[[Gallery, float, int], Pairs]] = {
    RANGE_SEARCH: range_search,
    INVERTED_FILE: inverted_file,
    NUMPY: numpy_tiles,
}
if openblas_core() is not None:
    # An OpenBLAS older than the processor takes a kernel for older ones; this is FAISS with the one it should get.
    BASELINES[RIGHT_KERNEL] = range_search


def environment(method: str) -> dict[str, str | None]:
    """The variables that ``method`` wants in its process; None: not set."""
    return {"OPENBLAS_CORETYPE": openblas_core(), "OPENBLAS_L2_SIZE": None} if method == RIGHT_KERNEL else {}


def engine_pairs(
    engine: str, gallery: Gallery, threshold: float, threads: int, say: Callable[[str], None] | None = None
) -> Pairs:
    """`join` with one of facedb's engines."""
    blocks = plan_blocks(gallery.identity_ids, target_rows=BLOCK_ROWS)
    results = list(join(gallery, blocks, threshold=threshold, engine=engine, threads=threads, say=say))
    return _joined([(result.rows_a, result.rows_b) for result in results])


def pair_keys(rows_a: Int64Array, rows_b: Int64Array, rows: int) -> Int64Array:
    """One sorted number for each pair."""
    return np.sort(rows_a * rows + rows_b)


def peak_megabytes() -> float:
    """The most memory this process held, in MB (10**6 bytes).

    Linux says it per address space; `ru_maxrss` would also count what the parent held when it started this process.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next((line for line in status.read_text().splitlines() if line.startswith("VmHWM:")), None)
        if line is not None:
            return int(line.split()[1]) * 1024 / 1e6
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def _faiss(threads: int) -> Any:
    import faiss

    faiss.omp_set_num_threads(threads)
    return faiss


def _blas(package: str) -> list[str]:
    """The BLAS that ``package`` brings and the kernel it took for this processor."""
    return [
        f"{each['internal_api']} {each['version']}, kernel {each.get('architecture')}"
        for each in threadpool_info()
        if each["user_api"] == "blas" and package in Path(each["filepath"]).parent.name
    ]


def _cross(gallery: Gallery, rows_a: Int64Array, rows_b: Int64Array) -> Pairs:
    wanted = (rows_a < rows_b) & (gallery.identity_ids[rows_a] != gallery.identity_ids[rows_b])
    return rows_a[wanted].astype(np.int64), rows_b[wanted].astype(np.int64)


def _joined(found: list[Pairs]) -> Pairs:
    if not found:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    return np.concatenate([pair[0] for pair in found]), np.concatenate([pair[1] for pair in found])


def _load(path: Path) -> Any:
    return np.load(path, allow_pickle=False)


def main(folder: Path, method: str, threshold: float, threads: int) -> None:
    """Run ``method`` on the gallery in ``folder``, leave the pair keys there, write seconds and peak memory to stdout."""
    vectors: Float32Array = _load(folder / "vectors.npy")
    gallery = Gallery(vectors, _load(folder / "labels.npy"), np.arange(len(vectors)))
    for library in ("numkong", "onnxruntime", "numpy.random", "facedb.join.integer.int8"):
        # Imports are not what is timed.
        with suppress(ImportError):
            importlib.import_module(library)
    notes: list[str] = []
    with_faiss = method.lower().startswith("faiss")
    if with_faiss:
        import faiss  # noqa: F401
    started, cpu = time.perf_counter(), time.process_time()
    if method in BASELINES:
        rows_a, rows_b = BASELINES[method](gallery, threshold, threads)
    else:
        rows_a, rows_b = engine_pairs(method, gallery, threshold, threads, notes.append)
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu
    peak = peak_megabytes()
    np.save(folder / "found.npy", pair_keys(rows_a, rows_b, len(gallery)))
    if with_faiss or method == NUMPY:
        notes += _blas("faiss" if with_faiss else "numpy")
    told = {"seconds": seconds, "cpu_seconds": cpu_seconds, "peak_mb": peak, "note": " ".join(notes)}
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], float(sys.argv[3]), int(sys.argv[4]))
