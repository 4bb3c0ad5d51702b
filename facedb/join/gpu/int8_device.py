"""A GPU that multiplies int8 codes and looks at the products in one kernel (`int8_kernels`)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from facedb.core.records import Float64Array, Int64Array
from facedb.join.gpu import int8_kernels
from facedb.join.gpu.cuda_device import CudaDevice
from facedb.join.gpu.device_rows import Precision
from facedb.join.tiles import Tile

_HEIGHT, _WIDTH = 16_384, 65_536
_LEAST_SMALL_TILE = 64 * 64
_SPAN = 4096  # Columns of one program: worth the strip of rows that it loads, and few enough to keep all busy.
_PROGRAMS_APPENDING = 264


class Int8Device(CudaDevice):
    """int8 rows; no tile of scores is ever written."""

    precision: Precision = "int8"
    method = "int8 products and a look at them in one kernel"
    roundoff = 0.0
    hit_values = 3
    tiles_together = 32

    @classmethod
    def size_of_tile(cls, panel_rows: int, tile_bytes: int) -> tuple[int, int]:  # noqa: ARG003
        return min(_HEIGHT, panel_rows), min(_WIDTH, panel_rows)

    def open(self) -> None:
        cupy, device = self._cupy, self._cupy.cuda.Device(self._device)
        capability, shared = int(device.compute_capability), device.attributes["MaxSharedMemoryPerBlockOptin"]
        self._shape = int8_kernels.shape_of(self._rows.width, shared)
        self._hot_tiles = self._kernel(int8_kernels.hot_tiles, self._shape, capability)
        # More threads for the same tile: the appending of a value takes several registers.
        self._append_pairs = self._kernel(int8_kernels.append_pairs, self._shape._replace(warps=8), capability)
        self._hot: Any = cupy.empty(_HEIGHT * _WIDTH // _LEAST_SMALL_TILE, cupy.int32)
        self._hot_count: Any = cupy.zeros(1, cupy.int32)

    def start(self, tile: Tile, lowest: float) -> tuple[Any, Any]:
        left, right = self._rows.rows(tile.row, tile.row_stop), self._rows.rows(tile.column, tile.column_stop)
        labels = self._labels[tile.row : tile.row_stop], self._labels[tile.column : tile.column_stop]
        # SLACK inside epsilon is many times the rounding of this one product, so the floor cannot step over a pair.
        self._launch(tile, left, right, labels, math.floor(lowest), self._hits, self._count)
        return left, right

    def scores(self, rows: Int64Array, columns: Int64Array) -> Float64Array:
        cupy, (m, n) = self._cupy, (len(rows), len(columns))
        with cupy.cuda.Device(self._device), self._stream:
            hits, count = cupy.empty((m * n, 3), cupy.int32), cupy.zeros(1, cupy.uint32)
            labels = cupy.zeros(m, cupy.int64), cupy.ones(n, cupy.int64)
            # Rows behind all columns, of another identity: every pair is a hit.
            everything = Tile(n, n + m, 0, n)
            left, right = self._rows.gather(rows), self._rows.gather(columns)
            self._launch(everything, left, right, labels, -(2**31), hits, count)
            row, column, product = hits.get().T
        out = np.full((m, n), np.nan)
        out[row - n, column] = product / self._scale
        return out

    def close(self) -> None:
        self._hot = self._hot_count = None
        super().close()

    def _launch(
        self, tile: Tile, left: Any, right: Any, labels: tuple[Any, Any], lowest: int, hits: Any, count: Any
    ) -> None:
        """Start both kernels for ``tile``, whose rows are ``left`` and whose columns are ``right``."""
        borders = tuple(np.int32(each) for each in (lowest, tile.row, tile.column, tile.row_stop, tile.column_stop))
        height, width = tile.row_stop - tile.row, tile.column_stop - tile.column
        self._hot_count.fill(0)
        grid = -(-height // self._shape.height), -(-width // _SPAN)
        self._hot_tiles(grid, (left, right, self._hot, self._hot_count, *borders, np.int32(_SPAN)))
        arguments = (left, right, *labels, self._hot, self._hot_count, hits, count, *borders, np.int32(len(hits)))
        self._append_pairs((_PROGRAMS_APPENDING, 1), arguments)

    def _kernel(self, kernel: Any, shape: int8_kernels.Shape, capability: int) -> Any:
        """``kernel`` on this device, to be called with a grid and its arguments."""
        from cupy.cuda import function
        from cupy_backends.cuda.api import driver

        code = int8_kernels.compiled(kernel, self._rows.width, shape, capability)
        module = function.Module()
        module.load(code.cubin)
        entry = module.get_function(code.name)
        driver.funcSetAttribute(entry.ptr, driver.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, code.shared_bytes)
        more = (np.uint64(0),) * code.more

        def launch(grid: tuple[int, int], arguments: tuple[Any, ...]) -> None:
            entry((*grid, 1), (code.threads, 1, 1), (*arguments, *more), shared_mem=code.shared_bytes)

        return launch
