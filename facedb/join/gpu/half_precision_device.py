"""A GPU that multiplies half-precision tiles by cuBLAS, and one kernel that keeps what may be flagged.

cuBLAS multiplies float16 tiles into a float32 tile (tensor cores, float32 sums); the kernel reads that tile once, tests score,
label and column < row, and appends the hits of several tiles to a buffer.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from facedb.core.records import Float64Array, Int64Array
from facedb.join.error_bounds import TENSOR_CORE_ROUNDOFF
from facedb.join.gpu.cuda_device import CudaDevice
from facedb.join.gpu.device_rows import Precision
from facedb.join.tiles import Tile

_HEIGHT, _WIDTH = 8192, 32_768
_THREADS, _SPAN, _MAX_ROWS = 256, 4096, 2048

# One row of a tile at a time, 4096 columns a block: a thread holds 16 scores, read as four independent float4, and a warp
# whose 512 scores hold no candidate, as nearly all do, votes once and goes on. No barrier, no division.
_KERNEL = r"""
extern "C" __global__ void append_hits(
    const float* __restrict__ scores, const long long* __restrict__ row_labels,
    const long long* __restrict__ column_labels, const float lowest, const long long row, const long long column,
    const int height, const int width, const int stride, const unsigned int capacity, unsigned int* count, int2* hits)
{
    const int loads = 4, lane = threadIdx.x & 31, step = blockDim.x * 4, span = step * loads;
    const int start = blockIdx.x * span + threadIdx.x * 4;
    const float none = __int_as_float(0xff800000);  // -infinity
    for (int i = blockIdx.y; i < height; i += gridDim.y) {
        // Only columns before the row count; a block beyond them reads nothing.
        const long long before = row + i - column;
        const int limit = before < width ? (int)before : width;
        if ((int)blockIdx.x * span >= limit) continue;
        const float* line = scores + (long long)i * stride;
        float4 four[loads];
#pragma unroll
        for (int u = 0; u < loads; ++u) {
            const int j = start + u * step;
            four[u] = make_float4(none, none, none, none);
            if (j >= limit) continue;
            if (stride % 4 == 0) {
                four[u] = __ldcs((const float4*)(line + j));
            } else {  // Rows that start anywhere: FAISS lays its tile out without a gap.
                four[u].x = line[j];
                if (j + 1 < limit) four[u].y = line[j + 1];
                if (j + 2 < limit) four[u].z = line[j + 2];
                if (j + 3 < limit) four[u].w = line[j + 3];
            }
        }
        float best = none;
#pragma unroll
        for (int u = 0; u < loads; ++u)
            best = fmaxf(fmaxf(fmaxf(four[u].x, four[u].y), fmaxf(four[u].z, four[u].w)), best);
        if (!__any_sync(0xffffffffu, best >= lowest)) continue;
        const long long label = row_labels[i];
        unsigned int own = 0;
#pragma unroll
        for (int u = 0; u < loads; ++u) {
            const float values[4] = {four[u].x, four[u].y, four[u].z, four[u].w};
#pragma unroll
            for (int e = 0; e < 4; ++e) {
                const int j = start + u * step + e;
                if (values[e] >= lowest && j < limit && column_labels[j] != label) own |= 1u << (4 * u + e);
            }
        }
        // The warp takes its places in the buffer with one atomic: `place` counts the hits of the lanes up to this one.
        unsigned int place = __popc(own);
        for (int distance = 1; distance < 32; distance *= 2) {
            const unsigned int others = __shfl_up_sync(0xffffffffu, place, distance);
            if (lane >= distance) place += others;
        }
        unsigned int base = 0;
        if (lane == 31 && place) base = atomicAdd(count, place);
        place += __shfl_sync(0xffffffffu, base, 31) - __popc(own);
        for (; own; own &= own - 1) {
            const int bit = __ffs(own) - 1, j = start + (bit >> 2) * step + (bit & 3);
            if (place < capacity) hits[place] = make_int2((int)(row + i), (int)(column + j));
            ++place;
        }
    }
}
"""


class HalfPrecisionDevice(CudaDevice):
    """float16 rows, a float32 tile."""

    precision: Precision = "float16"
    method = "float16 products by cuBLAS"
    roundoff = TENSOR_CORE_ROUNDOFF

    @classmethod
    def size_of_tile(cls, panel_rows: int, tile_bytes: int) -> tuple[int, int]:
        width = min(_WIDTH, panel_rows)
        return max(1, min(_HEIGHT, panel_rows, tile_bytes // (4 * width))), width

    def open(self) -> None:
        self._kernel: Any = self._cupy.RawKernel(_KERNEL, "append_hits")
        self._scores: Any = None
        self._open_product()

    def close(self) -> None:
        if self._count is not None:
            self._close_product()
        self._scores = None
        super().close()

    def scores(self, rows: Int64Array, columns: Int64Array) -> Float64Array:
        with self._cupy.cuda.Device(self._device), self._stream:
            left, right = self._rows.gather(rows), self._rows.gather(columns)
            product = self._product(left, right).get()
            return np.asarray(product[:, : len(columns)], dtype=np.float64) / self._scale

    def start(self, tile: Tile, lowest: float) -> tuple[Any, Any]:
        # One float32 down, so that rounding the limit to float32 loses no candidate.
        limit = np.nextafter(np.float32(lowest), np.float32(-np.inf))
        height, width = tile.row_stop - tile.row, tile.column_stop - tile.column
        left, right = self._rows.rows(tile.row, tile.row_stop), self._rows.rows(tile.column, tile.column_stop)
        scores = self._product(left, right)
        arguments = (
            scores,
            self._labels[tile.row : tile.row_stop],
            self._labels[tile.column : tile.column_stop],
            limit,
            np.int64(tile.row),
            np.int64(tile.column),
            np.int32(height),
            np.int32(width),
            np.int32(scores.shape[1]),
            np.uint32(self._capacity),
            self._count,
            self._hits,
        )
        self._kernel((-(-width // _SPAN), min(height, _MAX_ROWS)), (_THREADS,), arguments)
        return left, right

    def _tile(self, height: int, stride: int) -> Any:
        """The float32 buffer of this stream as (height, stride)."""
        if self._scores is None or self._scores.size < height * stride:
            self._scores = self._cupy.empty(height * stride, self._cupy.float32)
        return self._scores[: height * stride].reshape(height, stride)

    def _open_product(self) -> None:
        """A handle of its own: CuPy keeps one per thread, and every block is searched by new threads."""
        from cupy_backends.cuda.libs import cublas

        self._cublas: Any = cublas
        self._handle = cublas.create()

    def _close_product(self) -> None:
        with self._cupy.cuda.Device(self._device):
            self._cublas.destroy(self._handle)

    def _product(self, left: Any, right: Any) -> Any:
        """``left`` (m, d) times ``right`` (n, d) transposed: float32 (m, n and up to 3 columns of anything).

        cuBLAS counts columns first: the row-major (m, n) result is its (n, m), the row-major operands its (d, n) and
        (d, m). Rows of the result start on 16-byte borders, as the kernel and cuBLAS like them.
        """
        cublas, runtime = self._cublas, self._cupy.cuda.runtime
        (m, d), n = left.shape, len(right)
        out = self._tile(m, -(-n // 4) * 4)
        one, zero = np.ones(1, np.float32), np.zeros(1, np.float32)
        cublas.setStream(self._handle, self._stream.ptr)
        cublas.gemmEx(
            self._handle,
            cublas.CUBLAS_OP_T,
            cublas.CUBLAS_OP_N,
            n,
            m,
            d,
            one.ctypes.data,
            right.data.ptr,
            runtime.CUDA_R_16F,
            d,
            left.data.ptr,
            runtime.CUDA_R_16F,
            d,
            zero.ctypes.data,
            out.data.ptr,
            runtime.CUDA_R_32F,
            out.shape[1],
            cublas.CUBLAS_COMPUTE_32F,
            cublas.CUBLAS_GEMM_DEFAULT_TENSOR_OP,
        )
        return out
