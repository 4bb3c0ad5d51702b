"""How fast embedding is here: the whole, each stage alone, and the published loop that it replaces."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Final, TypeVar

import numpy as np

from facedb.core.errors import InputError
from facedb.core.records import ImageResult, ImageTask
from facedb.core.rejects import Rejected
from facedb.embedding.contract import ModelContract
from facedb.embedding.overlap import ordered_map
from facedb.embedding.pictures.decode import Decoded, decode
from facedb.embedding.pipeline import Embedder, finish

Write = Callable[[Sequence[ImageResult]], None]
"""Takes one batch of results to the database and commits it."""

WRITE_BATCH: Final = 256
_CHUNK: Final = 32
_CROPS: Final = 400
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class EmbedSetup:
    """What to measure: the model, its contract and detector, and the threads of the whole."""

    model: Path
    contract: ModelContract
    detector: Path | None
    threads: int
    provider: str = "cpu"
    batch: int | None = None

    def open(self, threads: int | None = None) -> Embedder:
        """A fresh embedder of this setup."""
        return Embedder(
            self.model,
            self.contract,
            self.detector,
            provider=self.provider,
            batch=self.batch,
            threads=threads or self.threads,
        )


@dataclass(frozen=True, slots=True)
class BenchRow:
    """One leg: images done, wall-clock seconds, CPU seconds of this process (None: of others), images per second."""

    leg: str
    images: int
    seconds: float
    cpu_seconds: float | None
    images_per_second: float


@dataclass(frozen=True, slots=True)
class EmbedBench:
    """All legs; ``bound`` is threads / (CPU seconds per image of the bare stages), in images/s, ``share`` whole / bound."""

    rows: tuple[BenchRow, ...]
    bound: float
    share: float


def bench_embed(
    files: Sequence[Path], setup: EmbedSetup, *, repeat: int = 1, write: Write | None = None, loop_images: int = 400
) -> EmbedBench:
    """Measure embedding of ``files`` taken ``repeat`` times over; ``write`` is the leg to the database.

    The bare stages and the published loop run on the first ``loop_images`` images of that sequence, the whole on all.
    Raises InputError where there are no files.
    """
    if not files:
        raise InputError("There is no image to measure with: give a folder that holds some.")
    paths = [path for _ in range(repeat) for path in files]
    sample = paths[:loop_images]
    with setup.open() as embedder:
        _whole(embedder, sample[: 4 * setup.threads], None)
        stages = _bare_stages(embedder, sample, write)
        whole = _row("whole", len(paths), lambda: _whole(embedder, paths, write))
        decoding = _row("decoding alone", len(sample), lambda: _decode_all(sample, setup.threads))
        model = _model_alone(embedder, sample)
    loop = _row("published loop", len(sample), lambda: _published_loop(setup, sample))
    processes = _published_processes(setup, sample)
    cost = sum(row.cpu_seconds or 0.0 for row in stages) / len(sample)
    bound = setup.threads / cost
    rows = (whole, decoding, model, *stages, loop, processes)
    return EmbedBench(rows, bound, whole.images_per_second / bound)


def tasks_of(paths: Iterable[Path]) -> Iterator[ImageTask]:
    """One task for each file."""
    return (ImageTask(index, path.read_bytes) for index, path in enumerate(paths))


def _row(leg: str, images: int, work: Callable[[], object]) -> BenchRow:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    seconds = time.perf_counter() - wall
    return BenchRow(leg, images, seconds, time.process_time() - cpu, images / seconds)


def _whole(embedder: Embedder, paths: Sequence[Path], write: Write | None) -> None:
    with closing(embedder.embed(tasks_of(paths))) as results:
        for batch in _batches(results, WRITE_BATCH):
            if write is not None:
                write(batch)


class _Stopwatch:
    """Wall-clock and CPU seconds of each stage, summed over its turns."""

    def __init__(self) -> None:
        self._spent: dict[str, tuple[float, float]] = {}

    @contextmanager
    def stage(self, leg: str) -> Iterator[None]:
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        seconds, used = self._spent.get(leg, (0.0, 0.0))
        self._spent[leg] = (seconds + time.perf_counter() - wall, used + time.process_time() - cpu)

    def rows(self, images: int) -> list[BenchRow]:
        return [BenchRow(leg, images, wall, cpu, images / wall) for leg, (wall, cpu) in self._spent.items()]


def _bare_stages(embedder: Embedder, paths: Sequence[Path], write: Write | None) -> list[BenchRow]:
    """Every stage on one thread, chunk by chunk, so that each runs alone and memory stays flat."""
    watch = _Stopwatch()
    for chunk in _batches(tasks_of(paths), _CHUNK):
        with watch.stage("decode, one thread"):
            decoded = [_decoded(task) for task in chunk]
        pairs = [(task, image) for task, image in zip(chunk, decoded, strict=True) if image is not None]
        with watch.stage("detect and align, one thread"):
            found = [embedder.extractor.extract_decoded(image, task) for task, image in pairs]
        with watch.stage("model, one thread"):
            vectors = [embedder.model.run(item.crops) for item in found]
        if write is not None:
            results = [
                finish(task.image_id, item, raw) for (task, _), item, raw in zip(pairs, found, vectors, strict=True)
            ]
            with watch.stage("writing alone"):
                write(results)
    return watch.rows(len(paths))


def _decoded(task: ImageTask) -> Decoded | None:
    try:
        return decode(task.read())
    except (Rejected, OSError):
        return None


def _decode_all(paths: Sequence[Path], threads: int) -> None:
    for _ in ordered_map(_decoded, tasks_of(paths), threads=threads, window=8 * threads):
        pass


def _model_alone(embedder: Embedder, paths: Sequence[Path]) -> BenchRow:
    """The model on all threads (in full batches on a GPU), its crops prepared beforehand."""
    crops = [found.crops for task in tasks_of(paths[:_CROPS]) if len((found := embedder.extractor.extract(task)).crops)]
    if embedder.contract.provider != "cpu":
        stacked = np.concatenate(crops) if crops else np.empty((0, *embedder.contract.input_size, 3), np.uint8)
        crops = [
            stacked[start : start + embedder.model.batch] for start in range(0, len(stacked), embedder.model.batch)
        ]
    threads = embedder.threads if embedder.contract.provider == "cpu" else 1

    def run() -> None:
        for _ in ordered_map(embedder.model.run, crops, threads=threads, window=8 * threads):
            pass

    return _row("model alone", sum(map(len, crops)), run)


def _published_loop(setup: EmbedSetup, paths: Sequence[Path]) -> None:
    """One image at a time on one thread, one ``.npy`` file written for each."""
    with setup.open(threads=1) as embedder, tempfile.TemporaryDirectory() as folder:
        _loop(embedder, paths, Path(folder))


def _loop(embedder: Embedder, paths: Sequence[Path], folder: Path) -> None:
    for task in tasks_of(paths):
        result = embedder.embed_one(task)
        if result.faces:
            np.save(folder / f"{task.image_id}.npy", np.stack([face.vector for face in result.faces]))


def _published_processes(setup: EmbedSetup, paths: Sequence[Path]) -> BenchRow:
    """The published loop split over as many single-threaded processes as the whole has threads; their start not counted."""
    count = setup.threads
    shares = [paths[index::count] for index in range(count)]
    with ProcessPoolExecutor(count, mp_context=get_context("spawn")) as pool:
        list(pool.map(_process_share, [setup] * count, [share[:2] for share in shares]))
        began = time.perf_counter()
        slowest = max(pool.map(_process_share, [setup] * count, shares))
        total = time.perf_counter() - began
    seconds = min(slowest, total)
    return BenchRow(f"published loop, {count} processes", len(paths), seconds, None, len(paths) / seconds)


def _process_share(setup: EmbedSetup, paths: Sequence[Path]) -> float:
    with setup.open(threads=1) as embedder, tempfile.TemporaryDirectory() as folder:
        _loop(embedder, paths[:1], Path(folder))
        began = time.perf_counter()
        _loop(embedder, paths, Path(folder))
        return time.perf_counter() - began


def _batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    source = iter(items)
    while batch := list(islice(source, size)):
        yield batch
