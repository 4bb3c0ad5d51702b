"""The block loop: search a block, then add it."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from facedb.core.errors import UsageError
from facedb.core.machine.cpus import cpu_count
from facedb.core.records import Float32Array, Int64Array
from facedb.join.blocks import Block, check_blocks, plan_blocks
from facedb.join.engine import AUTO, choose_engine, open_searcher
from facedb.join.gallery import Gallery
from facedb.join.sieve import Hits, Sieve
from facedb.join.tiles import within

__all__ = ["Block", "BlockResult", "Gallery", "Join", "join", "plan_blocks"]

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


class Join:
    """A gallery that an engine has taken in, ready to be searched block by block; a context manager.

    Every pair of different identities and images whose score is at least ``threshold`` is found by exactly one of the
    blocks that cut the triangle, and is the same for every engine, cut and thread count. ``threads`` defaults to the cores
    of this process; ``comparisons`` says how long the search will be, so that an engine prepares as much as that is worth;
    ``any_identity`` flags pairs of one identity too. Raises UsageError for a threshold that is no cosine similarity,
    EngineError for a missing or failing engine.
    """

    def __init__(
        self,
        gallery: Gallery,
        *,
        threshold: float,
        engine: str = AUTO,
        threads: int | None = None,
        comparisons: int = 0,
        any_identity: bool = False,
    ) -> None:
        if not -1.0 <= threshold <= 1.0 + 1e-2:
            raise UsageError(f"The threshold {threshold} is not a cosine similarity: give one between -1 and 1.")
        chosen = choose_engine(engine)
        if any_identity:
            # Every face an identity of its own, so neither tiles nor sieve nor a kernel on a GPU need to know a second rule.
            gallery = Gallery(gallery.vectors, np.arange(len(gallery)), gallery.image_ids)
        self._searcher = open_searcher(
            chosen.name, gallery, Sieve(gallery, threshold), threads or cpu_count(), comparisons
        )
        self.method = f"{chosen.name}: {self._searcher.method}." if self._searcher.method else ""
        """How the engine multiplies, in one sentence, where it has a choice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the memory of the engine back."""
        self._searcher.close()

    def search(self, block: Block) -> BlockResult:
        """The flagged pairs of ``block`` (or of a part of it)."""
        started = time.perf_counter()
        hits = within(block, Hits.join(list(self._searcher.search(block))))
        seconds = time.perf_counter() - started
        return BlockResult(block, hits.rows_a, hits.rows_b, hits.scores, block.comparisons, seconds, hits.candidates)


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
    """Yield what `Join.search` finds in each of ``blocks``, in order: all flagged pairs of the gallery.

    ``any_identity``: pairs of one identity too. That is the rule for faces without labels, whatever they carry as one.

    Block k is searched against rows 0 to ``block.start`` and inside itself. Rows before the first block (the old
    gallery of an incremental scan) and blocks whose index is in ``done`` are not searched, only searched against. The
    caller commits a result before it asks for the next one.

    ``threads`` defaults to the cores of this process. ``progress`` is told (pairs compared, pairs to compare) after
    each block, ``say`` in one sentence how the engine multiplies, where it has a choice. Memory beside the gallery: what
    the engine holds, plus the flagged pairs of one block (20 bytes each). Raises UsageError for blocks that leave a gap,
    and what `Join` raises.
    """
    check_blocks(blocks, len(gallery))
    waiting = [block for block in blocks if block.index not in done]
    total = sum(block.comparisons for block in waiting)
    if not waiting:
        return
    compared = 0
    with Join(
        gallery, threshold=threshold, engine=engine, threads=threads, comparisons=total, any_identity=any_identity
    ) as opened:
        if say is not None and opened.method:
            say(opened.method)
        for block in waiting:
            result = opened.search(block)
            compared += block.comparisons
            if progress is not None:
                progress(compared, total)
            yield result
