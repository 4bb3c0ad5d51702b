"""`facedb bench`: the engines of this machine beside what else one could do, on one synthetic gallery, in one run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facedb.bench.methods import BASELINES, NUMPY, RANGE_SEARCH, RIGHT_KERNEL, environment, pair_keys
from facedb.bench.synthetic import synthetic_gallery
from facedb.core.errors import FacedbError
from facedb.core.machine.cpus import cpu_count
from facedb.core.progress import Reporter, Silent
from facedb.core.records import Int64Array
from facedb.join.engine import available_engines, choose_engine
from facedb.join.gallery import Gallery
from facedb.join.processor import instructions, processor_name


@dataclass(frozen=True, slots=True)
class Measured:
    """What a method needed and the pairs it found, as rows of the gallery; None for what is not known.

    ``seconds`` of wall time, ``cpu_seconds`` over all threads, ``peak_mb`` of memory.
    """

    seconds: float
    cpu_seconds: float | None
    peak_mb: float | None
    rows_a: Int64Array
    rows_b: Int64Array
    note: str = ""


@dataclass(frozen=True, slots=True)
class OtherMethod:
    """A method that runs elsewhere (a self-join in a database, say), on the first ``rows`` rows of the gallery."""

    name: str
    rows: int
    run: Callable[[Gallery, float], Measured]


@dataclass(frozen=True, slots=True)
class BenchRow:
    """One method on ``rows`` rows of the gallery.

    Everything is of its fastest round; ``slowest`` is the time of the slowest one, so the two together tell how quiet the
    machine was. ``cpu_seconds`` tell on a busy machine more than ``seconds``. ``comparisons_per_s`` is the number of unordered
    pairs of these rows over the seconds, whether or not the method looks at each of them; ``found`` the share of all
    flagged pairs (None: none); ``ratio`` how many times faster per pair than FAISS range_search, with the kernel of its BLAS that is
    faster here (None when that did not run); ``peak_mb`` the peak memory of a process that does nothing else, gallery included;
    ``note`` what multiplied.
    """

    method: str
    rows: int
    seconds: float
    slowest: float
    cpu_seconds: float | None
    comparisons_per_s: float
    pairs: int
    of_all: int
    found: float | None
    peak_mb: float | None
    ratio: float | None
    note: str


@dataclass(frozen=True, slots=True)
class BenchReport:
    """The rows in the order they ran, and what they ran on: ``processor`` with the instructions that matter here."""

    processor: str
    size: int
    dim: int
    threshold: float
    seed: int
    threads: int
    rounds: int
    gallery_mb: float
    rows: tuple[BenchRow, ...]


def run(
    size: int = 56_320,
    dim: int = 512,
    engines: Sequence[str] | None = None,
    threshold: float = 0.4,
    seed: int = 1,
    threads: int | None = None,
    *,
    rounds: int = 1,
    baselines: Sequence[str] = tuple(BASELINES),
    others: Sequence[OtherMethod] = (),
    reporter: Reporter | None = None,
) -> BenchReport:
    """Time ``engines`` (default: all of this machine but ``exact``), ``baselines`` and ``others`` on one gallery.

    In each of ``rounds`` they take turns, so that noise of the machine meets all of them; the fastest round of each counts.
    Every engine and baseline runs in a fresh process with ``threads`` threads, so that memory is its own. Raises
    EngineError for an engine that is not here, FacedbError when a method fails.
    """
    reporter = reporter or Silent()
    threads = threads or cpu_count()
    if engines is None:
        engines = [info.name for info in available_engines() if info.available and info.name != "exact"]
    names = [choose_engine(name).name for name in engines]
    made = synthetic_gallery(size, dim, seed=seed).gallery
    timed: dict[str, tuple[int, list[Measured]]] = {}
    with (
        tempfile.TemporaryDirectory(prefix="facedb-bench-") as folder,
        reporter.task("bench", rounds * (len(names) + len(baselines) + len(others)), "methods") as task,
    ):
        np.save(Path(folder) / "vectors.npy", made.vectors)
        np.save(Path(folder) / "labels.npy", made.identity_ids)
        for _ in range(rounds):
            for name in [*names, *baselines]:
                alone = _run_alone(Path(folder), name, threshold, threads, size)
                timed.setdefault(name, (size, []))[1].append(alone)
                task.advance()
            for other in others:
                rows = min(other.rows, size)
                part = Gallery(made.vectors[:rows], made.identity_ids[:rows], made.image_ids[:rows])
                timed.setdefault(other.name, (rows, []))[1].append(other.run(part, threshold))
                task.advance()
    measured = {name: (rows, min(runs, key=lambda run: run.seconds)) for name, (rows, runs) in timed.items()}
    slowest = {name: max(run.seconds for run in runs) for name, (_, runs) in timed.items()}
    truth = _truth(measured, names, size)
    bases = [measured[name][1].seconds for name in (RANGE_SEARCH, RIGHT_KERNEL) if name in measured]
    per_pair = min(bases) / _pairs_of(size) if bases else None
    report = tuple(
        _row(name, rows, result, slowest[name], truth, size, per_pair) for name, (rows, result) in measured.items()
    )
    processor = f"{processor_name()} with {', '.join(instructions()) or 'plain C'}"
    return BenchReport(processor, size, dim, threshold, seed, threads, rounds, made.vectors.nbytes / 1e6, report)


def _run_alone(folder: Path, method: str, threshold: float, threads: int, size: int) -> Measured:
    limits = {name: str(threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    wanted = os.environ | limits | environment(method)
    done = subprocess.run(
        [sys.executable, "-m", "facedb.bench.methods", str(folder), method, repr(threshold), str(threads)],
        env={name: value for name, value in wanted.items() if value is not None},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise FacedbError(f"The benchmark of {method} ended with exit code {done.returncode}: {last}")
    told = json.loads(done.stdout)
    keys = np.load(folder / "found.npy", allow_pickle=False)
    return Measured(told["seconds"], told["cpu_seconds"], told["peak_mb"], keys // size, keys % size, told["note"])


def _truth(measured: dict[str, tuple[int, Measured]], engines: Sequence[str], size: int) -> Int64Array:
    """The keys of all flagged pairs: those of the engines, which must agree, else those that any complete baseline found."""
    found = [pair_keys(measured[name][1].rows_a, measured[name][1].rows_b, size) for name in engines]
    for name, keys in zip(engines, found, strict=True):
        if not np.array_equal(keys, found[0]):
            raise FacedbError(f"The engines {engines[0]} and {name} found different pairs: report this.")
    if found:
        return found[0]
    for name in (RANGE_SEARCH, NUMPY):
        if name in measured:
            return pair_keys(measured[name][1].rows_a, measured[name][1].rows_b, size)
    raise FacedbError("Nothing in this benchmark finds all pairs: add an engine.")


def _row(
    name: str, rows: int, result: Measured, slowest: float, truth: Int64Array, size: int, per_pair: float | None
) -> BenchRow:
    inside = truth[truth % size < rows]
    pairs = len(result.rows_a)
    hit = len(np.intersect1d(pair_keys(result.rows_a, result.rows_b, size), inside))
    return BenchRow(
        method=name,
        rows=rows,
        seconds=result.seconds,
        slowest=slowest,
        cpu_seconds=result.cpu_seconds,
        comparisons_per_s=_pairs_of(rows) / result.seconds,
        pairs=pairs,
        of_all=len(inside),
        found=hit / len(inside) if len(inside) else None,
        peak_mb=result.peak_mb,
        ratio=per_pair * _pairs_of(rows) / result.seconds if per_pair is not None else None,
        note=result.note,
    )


def _pairs_of(rows: int) -> int:
    return rows * (rows - 1) // 2
