"""Tiles: the rectangles of the lower triangle that the CPU engines work off, and the threads that do it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from facedb.join.blocks import Block
from facedb.join.sieve import Hits


class Tile(NamedTuple):
    """Rows ``row`` to ``row_stop`` against columns ``column`` to ``column_stop``, all of them gallery rows."""

    row: int
    row_stop: int
    column: int
    column_stop: int


def cut_tiles(block: Block, identity_ids: NDArray[np.integer], height: int, width: int) -> Iterator[Tile]:
    """The tiles of ``block`` against its columns, up to its own diagonal; columns start at multiples of ``width``.

    So the first and the last panel may reach beyond the columns of a part of a block; `within` drops what they find there.

    A tile that lies wholly inside one identity is left out: it cannot hold a flagged pair, and a gallery of few
    identities with thousands of faces each has more same-identity hits than memory. Column after column, so that a
    panel of columns stays in the cache while the rows pass by.
    """
    rows = [(start, min(start + height, block.stop)) for start in range(block.start, block.stop, height)]
    row_identity = [_only_identity(identity_ids[start:stop]) for start, stop in rows]
    for column in range(block.column - block.column % width, block.end, width):
        column_stop = min(column + width, len(identity_ids))
        column_identity = _only_identity(identity_ids[column:column_stop])
        for (start, stop), label in zip(rows, row_identity, strict=True):
            if stop > column + 1 and (label is None or label != column_identity):
                yield Tile(start, stop, column, column_stop)


def within(block: Block, hits: Hits) -> Hits:
    """The hits whose column (``rows_a``, the smaller row) belongs to ``block``."""
    if block.column == 0 and block.end == block.stop:
        return hits
    keep = (hits.rows_a >= block.column) & (hits.rows_a < block.end)
    return hits if keep.all() else Hits(hits.rows_a[keep], hits.rows_b[keep], hits.scores[keep], hits.candidates)


def _only_identity(identity_ids: NDArray[np.integer]) -> int | None:
    first = int(identity_ids[0])
    return first if int(identity_ids[-1]) == first and bool((identity_ids == first).all()) else None


def work_off(tiles: Iterator[Tile], threads: int, work: Callable[[Iterator[Tile]], Iterator[Hits]]) -> Iterable[Hits]:
    """What ``work`` yields for all ``tiles``, by one thread as it is asked for. It runs once in each of ``threads`` threads, and takes its
    next tile when it is free.

    So a thread keeps its buffers, and what it collects over several tiles, in its own frame. The first exception ends all threads
    and is raised.
    """
    waiting = deque(tiles)

    def taken() -> Iterator[Tile]:
        while True:
            try:
                tile = waiting.popleft()
            except IndexError:
                return
            yield tile

    def run() -> list[Hits]:
        try:
            return list(work(taken()))
        except BaseException:
            waiting.clear()
            raise

    count = max(1, min(threads, len(waiting)))
    if count == 1:
        return work(taken())
    with ThreadPoolExecutor(count, thread_name_prefix="facedb-join") as pool:
        runs = [pool.submit(run) for _ in range(count)]
        try:
            return [hits for each in runs for hits in each.result()]
        except BaseException:
            waiting.clear()
            raise
