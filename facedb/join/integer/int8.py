"""Engine ``int8``: integer dot products, the default without a GPU.

The products of int8 codes are added in int32 without rounding (d * 127**2 < 2**31 for d < 133,000), so the only error
is that of the codes, measured in `error_bounds.quantise_int8`; which kernel multiplies (`kernels`: the fastest of this
machine) and which instructions it takes (AMX, AVX-512 VNNI, AVX2, NEON, plain C) changes the speed only. Each thread
multiplies some hundred columns with a packed panel of rows into its own output, so small that it stays in the
second-level cache, and looks there for products that reach the limit (`reached`); what it finds in several tiles is
scored together. Panels are packed when a block is searched, from its rows: an incremental scan has few of them. Codes
and outputs start on cache line borders: with rows that straddle two lines AMX took 1.2 to 1.6 times as long
(`tests/bench/README.md`).

Where it pays (`prefix_choice`), the codes are those of a prefix with remainder (`prefix`): there are fewer of them, and
their products are upper bounds of the scores.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from facedb.core.errors import EngineError
from facedb.core.records import Float64Array, Int64Array
from facedb.join.blocks import Block
from facedb.join.error_bounds import ALIGNMENT, aligned_empty, quantise_int8, score_error
from facedb.join.gallery import Gallery, Larger
from facedb.join.integer import kernels
from facedb.join.integer.kernel import Kernel, Multiply
from facedb.join.integer.prefix import Prefix, encode
from facedb.join.integer.prefix_choice import choose_prefix
from facedb.join.integer.reached import reached
from facedb.join.processor import best_instructions
from facedb.join.rehearsal import rehearse
from facedb.join.searcher import EngineInfo
from facedb.join.sieve import Hits, Sieve
from facedb.join.tiles import Tile, cut_tiles, work_off

_MAX_DIM = (2**31 - 1) // 127**2

# With fewer products (less than a second of work) it costs more to look for the fastest kernel than it brings: 0.2 s, most of
# it to load ONNX Runtime. With AMX the work itself is several times shorter, and NumKong was the fastest whenever it was measured.
_WORTH_MEASURING = 2e11
_WORTH_MEASURING_WITH_AMX = 1e13

# Rows come by identity, so the first parts may not be like the rest: one that is so many times as large is chosen by anew.
_OUTGROWN = 4

# Scoring a few pairs costs as much in calls as in arithmetic.
_SCORED_TOGETHER = 4096


class Int8Searcher:
    """int8 codes of the gallery: a byte a value beside the float32 gallery, and another for the rows of a block while it is searched."""

    def __init__(
        self,
        gallery: Gallery,
        sieve: Sieve,
        threads: int,
        *,
        kernel: Kernel = kernels.DEFAULT,
        prefix: Prefix | None = None,
        method: str = "",
    ) -> None:
        if gallery.dim > _MAX_DIM:
            raise EngineError(f"The engine int8 takes vectors of at most {_MAX_DIM} values: use --engine exact.")
        self._gallery, self._sieve, self._threads, self._kernel = gallery, sieve, threads, kernel
        self.method, self.upper_bound = method, prefix is not None
        if prefix is None:
            quantised = quantise_int8(gallery.vectors, threads=threads, scale=gallery.scale, largest=kernel.largest)
            codes, self._scale = quantised.codes, quantised.scale
            self.epsilon = score_error(quantised.error, gallery.dim, 0.0)
        else:
            bounds = encode(prefix, gallery.vectors, threads=threads, largest=kernel.largest)
            codes, self._scale, self.epsilon = bounds.codes, bounds.scale, bounds.epsilon
        # SLACK inside epsilon is many times the rounding of this one product, so the floor cannot step over a pair.
        self.lowest = math.floor((sieve.threshold - self.epsilon) * self._scale**2)
        self._converted = kernel.convert(codes)

    def search(self, block: Block) -> Iterator[Hits]:
        kernel = self._kernel
        panels = {
            start: kernel.pack(self._codes(np.arange(start, min(start + kernel.width, block.stop))))
            for start in range(block.start, block.stop, kernel.width)
        }
        yield from work_off(
            cut_tiles(block, self._gallery.identity_ids, kernel.width, kernel.height),
            self._threads,
            partial(self._search, panels),
        )

    def approximate(self, rows: Int64Array, columns: Int64Array) -> Float64Array:
        products = kernels.multiply(self._kernel, self._codes(rows), self._codes(columns))
        return products.astype(np.float64) / self._scale**2

    def close(self) -> None:
        self._converted = self._converted[:0].copy()

    def _codes(self, rows: Int64Array) -> NDArray[np.int8]:
        """The codes of some rows."""
        return self._kernel.convert(self._converted[rows]).view(np.int8)

    def _search(self, panels: Mapping[int, Any], tiles: Iterator[Tile]) -> Iterator[Hits]:
        """What one thread finds in its ``tiles``, whose rows are in ``panels`` by the first of them."""
        size = self._kernel.height * self._kernel.width
        output = aligned_empty((1, size), np.dtype(np.int32))[0]
        shaped: dict[tuple[int, int], tuple[NDArray[np.int32], Multiply]] = {}
        rows, columns, waiting = [], [], 0
        for tile in tiles:
            shape = (tile.column_stop - tile.column, tile.row_stop - tile.row)
            if shape not in shaped:
                part = output[: shape[0] * shape[1]].reshape(shape)
                shaped[shape] = part, self._kernel.multiplier(part)
            products, multiply = shaped[shape]
            multiply(self._converted[tile.column : tile.column_stop], panels[tile.row])
            places = reached(products, self.lowest)
            if places is None:
                continue
            down, across = np.divmod(places, shape[1])
            columns.append(down + tile.column)
            rows.append(across + tile.row)
            waiting += len(places)
            if waiting >= _SCORED_TOGETHER:
                yield from self._scored(rows, columns)
                rows, columns, waiting = [], [], 0
        if rows:
            yield from self._scored(rows, columns)

    def _scored(self, rows: list[Int64Array], columns: list[Int64Array]) -> Iterator[Hits]:
        hits = self._sieve.keep(np.concatenate(rows), np.concatenate(columns))
        if hits is not None:
            yield hits


def probe() -> EngineInfo:
    """Whether NumKong is installed, and which instructions there are."""
    if importlib.util.find_spec("numkong") is None:
        return EngineInfo("int8", False, "NumKong is not installed")
    return EngineInfo("int8", True, f"int8 on the CPU with {best_instructions()}")


@dataclass(frozen=True, slots=True)
class _Choice:
    """The ``kernel`` and the ``prefix`` that are fastest, in words the ``method``, by a sample of ``rows`` rows."""

    kernel: Kernel
    prefix: Prefix | None
    method: str
    rows: int


_choices: WeakKeyDictionary[Larger, _Choice] = WeakKeyDictionary()
"""What was chosen for the parts of a gallery, as long as it is searched."""


def open_searcher(gallery: Gallery, sieve: Sieve, threads: int, comparisons: int) -> Int8Searcher:
    """A searcher over ``gallery`` with the kernel, and with the prefix, that are fastest for so many ``comparisons``.

    For the parts of a larger gallery both are chosen once and kept: the bounds hold whatever the directions are.
    """
    larger = gallery.part_of
    ahead = comparisons if larger is None else max(comparisons, larger.comparisons)
    worth = _WORTH_MEASURING_WITH_AMX if best_instructions() == "AMX" else _WORTH_MEASURING
    if ahead * gallery.dim < worth or gallery.dim > _MAX_DIM:
        return Int8Searcher(gallery, sieve, threads)
    choice = None if larger is None else _choices.get(larger)
    if choice is None or len(gallery) > _OUTGROWN * choice.rows:
        choice = _choose(gallery, sieve.threshold, threads, comparisons, ahead)
        if larger is not None:
            _choices[larger] = choice
    return Int8Searcher(gallery, sieve, threads, kernel=choice.kernel, prefix=choice.prefix, method=choice.method)


def _choose(gallery: Gallery, threshold: float, threads: int, comparisons: int, ahead: int) -> _Choice:
    """What is fastest for the ``comparisons`` of ``gallery`` and for all that are ``ahead`` in others like it; rehearsed."""
    width = -(-gallery.dim // ALIGNMENT) * ALIGNMENT

    def trial(part: Gallery, prefix: Prefix | None) -> Int8Searcher:
        # The kernels are measured by the first trial, while another thread looks for directions.
        return Int8Searcher(part, Sieve(part, threshold), 1, kernel=kernels.fastest(width), prefix=prefix)

    # The pairs are those of the last rows with all before: k rows that are not searched make about k^2 / 2 pairs fewer.
    spared = max(0, Block(0, 0, len(gallery)).comparisons - comparisons)
    searched = len(gallery) - math.isqrt(2 * spared)
    prefix = choose_prefix(gallery, trial, ahead, threads, openings=ahead / max(comparisons, 1), searched=searched)
    kernel = kernels.fastest(width)
    method = f"{kernel.name} multiplies ({kernels.in_words(kernels.measure(width))})"
    if prefix is not None:
        method += f"; {len(prefix.directions)} of {gallery.dim} directions and the length of the rest bound every score"
    rehearse(
        "int8", lambda planted, its: Int8Searcher(planted, its, threads, kernel=kernel, prefix=prefix), gallery.dim
    )
    return _Choice(kernel, prefix, method, len(gallery))
