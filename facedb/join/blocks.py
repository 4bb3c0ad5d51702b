"""Blocks: the runs of gallery rows that are searched, committed and resumed as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facedb.core.errors import UsageError
from facedb.core.lookup import run_starts


@dataclass(frozen=True, slots=True, order=True)
class Block:
    """Rows ``start`` to ``stop`` (exclusive), searched against rows 0 to ``start`` and inside itself.

    A part of a block meets only the rows ``column`` to ``column_stop`` of these; it reaches inside itself when
    ``column_stop`` is its ``stop`` (also None), and else ends at or before its ``start``.
    """

    index: int
    start: int
    stop: int
    column: int = 0
    column_stop: int | None = None

    @property
    def end(self) -> int:
        """Where its columns end."""
        return self.stop if self.column_stop is None else self.column_stop

    @property
    def comparisons(self) -> int:
        """The unordered pairs of rows that this block meets, same-identity pairs among them."""
        rows = self.stop - self.start
        inside = rows * (rows - 1) // 2 if self.end == self.stop else 0
        return rows * (min(self.end, self.start) - self.column) + inside


def plan_blocks(identity_ids: NDArray[np.integer], *, first_new: int = 0, target_rows: int) -> list[Block]:
    """Cut the rows from ``first_new`` on into blocks of at most ``target_rows``, on identity borders where they exist.

    ``identity_ids`` (n,) are sorted by identity from ``first_new`` on. A block ends at the last identity border within its
    target. An identity with more than ``target_rows`` faces is split all the same: a block stays a bounded piece of
    work, and comparisons inside one identity are never flagged, so no pair depends on where the border falls.
    """
    if target_rows < 1:
        raise UsageError("A block needs at least one row: raise target_rows.")
    count = len(identity_ids)
    if not 0 <= first_new <= count:
        raise UsageError(f"first_new is {first_new}, outside the gallery of {count} rows.")
    fresh = identity_ids[first_new:]
    borders = np.append(run_starts(fresh)[1:] + first_new, count)
    blocks: list[Block] = []
    start = first_new
    while start < count:
        limit = min(start + target_rows, count)
        last = int(np.searchsorted(borders, limit, side="right")) - 1
        stop = int(borders[last]) if last >= 0 and borders[last] > start else limit
        blocks.append(Block(len(blocks), start, stop))
        start = stop
    return blocks


def check_blocks(blocks: Sequence[Block], rows: int) -> None:
    """Raise UsageError unless ``blocks`` follow each other without a gap and end at the last of ``rows`` rows."""
    for number, (block, before) in enumerate(zip(blocks[1:], blocks[:-1], strict=True), start=1):
        if block.start != before.stop:
            raise UsageError(
                f"Block {number} starts at row {block.start}, block {number - 1} ends at row {before.stop}."
            )
    if blocks and (
        blocks[0].start < 0 or blocks[-1].stop != rows or any(block.stop <= block.start for block in blocks)
    ):
        raise UsageError(f"The blocks do not end at row {rows}, the last of the gallery.")
