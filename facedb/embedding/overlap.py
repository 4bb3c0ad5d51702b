"""Work that overlaps: an ordered map over threads with a bounded window."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def ordered_map(work: Callable[[T], R], items: Iterable[T], *, threads: int, window: int) -> Generator[R]:
    """``work`` of every item in the order of the items, done by ``threads`` threads ahead of the consumer.

    ``items`` is read in the consumer's thread, never more than ``window`` ahead of what was yielded, so memory is
    bounded whatever the length. An exception of ``work`` is raised where its result would be. Closing the generator
    drops what has not started and waits for the ``threads`` items that are under way.
    """
    pool = ThreadPoolExecutor(threads, thread_name_prefix="facedb-embed")
    waiting: deque[Future[R]] = deque()
    source = iter(items)
    try:
        while _fill(waiting, source, lambda item: pool.submit(work, item), window):
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _fill(waiting: deque[Future[R]], source: Iterator[T], submit: Callable[[T], Future[R]], window: int) -> bool:
    """Top the queue up from the source; False where both are exhausted."""
    while len(waiting) < window:
        try:
            item = next(source)
        except StopIteration:
            break
        waiting.append(submit(item))
    return bool(waiting)


def grouped(items: Iterable[R], weigh: Callable[[R], int], weight: int, length: int) -> Iterator[list[R]]:
    """Consecutive runs of items: a run ends when its weight reaches ``weight`` or its length ``length``."""
    run: list[R] = []
    total = 0
    for item in items:
        run.append(item)
        total += weigh(item)
        if total >= weight or len(run) >= length:
            yield run
            run, total = [], 0
    if run:
        yield run
