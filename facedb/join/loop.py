"""The block loop: search a block, then add it."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from facedb.core.errors import UsageError
from facedb.core.records import Float32Array, Int64Array
from facedb.join.blocks import Block, check_blocks, plan_blocks
from facedb.join.engine import AUTO, choose_engine, open_searcher
from facedb.join.gallery import Gallery
from facedb.join.sieve import Hits, Sieve
from facedb.join.tiles import cpu_count

__all__ = ["Block", "BlockResult", "Gallery", "join", "plan_blocks"]

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class BlockResult:
    """The flagged pairs of one ``block``: rows ``rows_a`` < ``rows_b`` (m,), sorted, with float32 ``scores`` (m,).

    ``comparisons`` counts the unordered pairs of rows met, ``candidates`` those that were rescored.
    """

    block: Block
    rows_a: Int64Array
    rows_b: Int64Array
    scores: Float32Array
    comparisons: int
    seconds: float
    candidates: int


def join(
    gallery: Gallery,
    blocks: Sequence[Block],
    *,
    threshold: float,
    engine: str = AUTO,
    threads: int | None = None,
    done: Collection[int] = (),
    progress: Progress | None = None,
    any_identity: bool = False,
    say: Callable[[str], None] | None = None,
) -> Iterator[BlockResult]:
    """Yield, block by block, every pair of different identities and images whose score is at least ``threshold``.

    ``any_identity``: pairs of one identity too. That is the rule for faces without labels, whatever they carry as one.

    Block k is searched against rows 0 to ``block.start`` and inside itself. Rows before the first block (the old
    gallery of an incremental scan) and blocks whose index is in ``done`` are not searched, only searched against. The
    caller commits a result before it asks for the next one. The rows are the same for every engine, cut into blocks,
    thread count and ``done``.

    ``threads`` defaults to the cores of this process. ``progress`` is told (pairs compared, pairs to compare) after
    each block, ``say`` in one sentence how the engine multiplies, where it has a choice. Memory beside the gallery: what
    the engine holds, plus the flagged pairs of one block (20 bytes each).
    Raises UsageError for blocks that leave a gap, EngineError for a missing or failing engine.
    """
    check_blocks(blocks, len(gallery))
    if not -1.0 <= threshold <= 1.0 + 1e-2:
        raise UsageError(f"The threshold {threshold} is not a cosine similarity: give one between -1 and 1.")
    waiting = [block for block in blocks if block.index not in done]
    total = sum(block.comparisons for block in waiting)
    chosen = choose_engine(engine)
    if not waiting:
        return
    compared = 0
    if any_identity:
        # Every face an identity of its own, so neither tiles nor sieve nor a kernel on a GPU need to know a second rule.
        gallery = Gallery(gallery.vectors, np.arange(len(gallery)), gallery.groups)
    searcher = open_searcher(chosen.name, gallery, Sieve(gallery, threshold), threads or cpu_count(), total)
    if say is not None and searcher.method:
        say(f"{chosen.name}: {searcher.method}.")
    try:
        for block in waiting:
            started = time.perf_counter()
            hits = Hits.join(list(searcher.search(block)))
            seconds = time.perf_counter() - started
            compared += block.comparisons
            if progress is not None:
                progress(compared, total)
            yield BlockResult(block, hits.rows_a, hits.rows_b, hits.scores, block.comparisons, seconds, hits.candidates)
    finally:
        searcher.close()
