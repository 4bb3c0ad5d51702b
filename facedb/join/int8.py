"""Engine ``int8``: integer dot products by NumKong, the default without a GPU.

The products of int8 codes are added in int32 without rounding (d * 127**2 < 2**31 for d < 133,000), so the only error
is that of the codes, measured in `quantise.quantise_int8`; which instructions NumKong picks (AMX, AVX-512 VNNI, AVX2,
NEON, plain C) changes the speed only. Each thread multiplies 512 rows with a packed panel of 512 columns into its own
output (1 MB: it stays in the second-level cache) and takes the maximum of it, one pass at the speed of the cache;
only a tile whose maximum reaches the limit is searched for hits. Codes and outputs start on cache line borders: with
rows that straddle two lines AMX took 1.2 to 1.6 times as long (`tests/bench/README.md`).
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from facedb.core.errors import EngineError
from facedb.core.records import Float64Array, Int64Array
from facedb.join.blocks import Block
from facedb.join.engine import EngineInfo
from facedb.join.gallery import Gallery
from facedb.join.quantise import aligned_empty, quantise_int8, score_error
from facedb.join.sieve import Hits, Sieve
from facedb.join.tiles import Tile, cut_tiles, work_off

_HEIGHT, _WIDTH = 512, 512
_MAX_DIM = (2**31 - 1) // 127**2


class Int8Searcher:
    """int8 codes of the gallery, packed panel by panel: 2 bytes a value beside the float32 gallery."""

    def __init__(self, gallery: Gallery, sieve: Sieve, threads: int) -> None:
        import numkong

        if gallery.dim > _MAX_DIM:
            raise EngineError(f"The engine int8 takes vectors of at most {_MAX_DIM} values: use --engine exact.")
        self._numkong: Any = numkong
        self._gallery, self._sieve, self._threads = gallery, sieve, threads
        quantised = quantise_int8(gallery.vectors, threads=threads)
        self._codes, self._scale = quantised.codes, quantised.scale
        self.epsilon = score_error(quantised.error, gallery.dim, 0.0)
        # SLACK inside epsilon is many times the rounding of this one product, so the floor cannot step over a pair.
        self.lowest = math.floor((sieve.threshold - self.epsilon) * self._scale**2)
        starts = range(0, len(gallery), _WIDTH)
        with ThreadPoolExecutor(max(1, threads)) as pool:
            self._panels = list(pool.map(lambda start: numkong.dots_pack(self._codes[start : start + _WIDTH]), starts))

    def search(self, block: Block) -> Iterator[Hits]:
        yield from work_off(cut_tiles(block, self._gallery.labels, _HEIGHT, _WIDTH), self._threads, self._make_worker)

    def approximate(self, rows: Int64Array, columns: Int64Array) -> Float64Array:
        panel = self._numkong.dots_pack(self._codes[columns])
        return np.asarray(self._numkong.dots_packed(self._codes[rows], panel)).astype(np.float64) / self._scale**2

    def close(self) -> None:
        self._panels = []

    def _make_worker(self) -> Callable[[Tile], Hits | None]:
        outputs: dict[tuple[int, int], tuple[Any, Any]] = {}

        def work(tile: Tile) -> Hits | None:
            shape = (tile.row_stop - tile.row, tile.column_stop - tile.column)
            if shape not in outputs:
                output = aligned_empty(shape, np.dtype(np.int32))
                tensor = self._numkong.from_pointer(output.ctypes.data, shape, "int32", owner=output)
                outputs[shape] = (tensor, output.reshape(-1))
            tensor, products = outputs[shape]
            self._numkong.dots_packed(
                self._codes[tile.row : tile.row_stop], self._panels[tile.column // _WIDTH], out=tensor
            )
            if products.max() < self.lowest:
                return None
            rows, columns = np.divmod(np.flatnonzero(products >= self.lowest), shape[1])
            return self._sieve.keep(rows + tile.row, columns + tile.column)

        return work


def probe() -> EngineInfo:
    """Whether NumKong is installed, and which instructions it would use."""
    if importlib.util.find_spec("numkong") is None:
        return EngineInfo("int8", False, "NumKong is not installed")
    import numkong

    names = {
        "sapphireamx": "AMX",
        "icelake": "AVX-512 VNNI",
        "alder": "AVX-VNNI",
        "haswell": "AVX2",
        "neonsdot": "NEON dot",
    }
    has = numkong.get_capabilities()
    best = next((name for capability, name in names.items() if has.get(capability)), "plain C")
    return EngineInfo("int8", True, f"int8 on the CPU with {best}")


def open_searcher(gallery: Gallery, sieve: Sieve, threads: int) -> Int8Searcher:
    """A searcher over ``gallery``."""
    return Int8Searcher(gallery, sieve, threads)
