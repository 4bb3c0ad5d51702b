"""One stream of work on a GPU (CuPy): tiles are multiplied there, and only what is flagged leaves it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np

from facedb.core.records import Float64Array, Int64Array
from facedb.join.error_bounds import score_error
from facedb.join.gallery import Gallery
from facedb.join.gpu.device_rows import DeviceRows, Precision
from facedb.join.sieve import Hits, Sieve
from facedb.join.tiles import Tile


class CudaDevice(ABC):
    """A stream on CUDA device ``device`` over shared ``rows`` of ``precision``; ``sieve`` is the one on the host.

    It appends the hits of several tiles to a buffer of ``capacity`` hits. The sieve scores them on the GPU, where the exact
    vectors fit beside the rows, so that only flagged pairs leave it. ``tile_bytes`` is what else it may take for a tile.
    """

    precision: Precision
    method: str
    """How it multiplies, in words."""
    roundoff: float
    """Of the format in which it sums."""
    hit_values = 2
    """Values of a hit in the buffer; the first two are row and column."""
    tiles_together = 8
    """Tiles between two looks at the hits: a look is some fifty launches, and a tile holds few hits."""

    def __init__(
        self, gallery: Gallery, device: int, rows: DeviceRows, sieve: Sieve, *, capacity: int, tile_bytes: int
    ) -> None:
        import cupy

        self._cupy: Any = cupy
        self._device, self._rows, self._capacity = device, rows, capacity
        self._scale = rows.scale**2
        self._sieve: Any = rows.sieve(sieve)
        self.height, self.width = self.size_of_tile(rows.panel_rows(), tile_bytes)
        # A streamed gallery keeps the parts of one tile at a time.
        self.batch = self.tiles_together if rows.resident else 1
        self.epsilon = score_error(rows.error, gallery.dim, self.roundoff)
        with cupy.cuda.Device(device):
            self._stream: Any = cupy.cuda.Stream(non_blocking=True)
            with self._stream:
                self._labels: Any = (
                    cupy.asarray(gallery.identity_ids.astype(np.int64))
                    if rows.faces is None
                    else rows.faces.identity_ids
                )
                self._count: Any = cupy.zeros(1, cupy.uint32)
                self._hits: Any = cupy.empty((capacity, self.hit_values), cupy.int32)
                self.open()

    @classmethod
    @abstractmethod
    def size_of_tile(cls, panel_rows: int, tile_bytes: int) -> tuple[int, int]:
        """Height and width of the largest tile at once, of rows that come ``panel_rows`` at a time."""

    @abstractmethod
    def open(self) -> None:
        """Make what is needed to multiply."""

    @abstractmethod
    def start(self, tile: Tile, lowest: float) -> Any:
        """Start to append the hits of ``tile`` of at least ``lowest``, in units of the codes; returns what must be kept alive until they
        have come."""

    @abstractmethod
    def scores(self, rows: Int64Array, columns: Int64Array) -> Float64Array:
        """This device's scores (m, n), computed the way ``append`` does."""

    def append(self, tiles: Sequence[Tile], lowest: float) -> tuple[Any, Any] | None:
        with self._cupy.cuda.Device(self._device), self._stream:
            self._count.fill(0)
            # Held until the count has come: memory that a streamed part gives back is handed out at once, to any stream.
            held = [self.start(tile, lowest * self._scale) for tile in tiles]
            count = int(self._count.get()[0])
            del held
            if count > self._capacity:
                return None
            hits = self._hits[:count].astype(np.int64)
            return hits[:, 0], hits[:, 1]

    def keep(self, rows: Any, columns: Any) -> Hits | None:
        with self._cupy.cuda.Device(self._device), self._stream:
            if self._rows.faces is None:
                rows, columns = rows.get(), columns.get()
            kept: Hits | None = self._sieve.keep(rows, columns)
        return kept

    def close(self) -> None:
        self._rows.close()
        self._hits = self._labels = self._count = self._sieve = None
        with self._cupy.cuda.Device(self._device):
            self._cupy.get_default_memory_pool().free_all_blocks()
