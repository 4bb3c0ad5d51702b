"""What an engine gives: whether this machine has it, and a searcher over a gallery."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from facedb.core.records import Float64Array, Int64Array
from facedb.join.blocks import Block
from facedb.join.gallery import Gallery
from facedb.join.sieve import Hits, Sieve


class Searcher(Protocol):
    """An engine that has taken in a gallery.

    ``epsilon`` is proven: no approximate score is further than that from the score, so the pairs at or above
    threshold - epsilon contain every flagged one. With ``upper_bound`` they may be higher than that, never lower.
    ``method`` says how it multiplies where its engine has a choice, else it is empty.
    """

    epsilon: float
    upper_bound: bool
    method: str

    def search(self, block: Block) -> Iterator[Hits]:
        """The flagged pairs of ``block`` against the rows before it and inside itself, each once, in any order."""

    def approximate(self, rows: Int64Array, columns: Int64Array) -> Float64Array:
        """The scores (m, n) of ``rows`` (m,) against ``columns`` (n,), computed the way ``search`` does."""

    def close(self) -> None:
        """Give memory and devices back."""


OpenSearcher = Callable[[Gallery, Sieve, int, int], Searcher]


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """An engine by ``name``: whether this machine has it, and what it runs on or what is missing.

    ``blas``: it multiplies by BLAS and wants every thread of it, so nothing else should compute beside it.
    """

    name: str
    available: bool
    reason: str
    blas: bool = False
