"""Engine ``cuda``: half-precision matrix products on the GPU (CuPy), and one kernel that keeps what may be flagged.

cuBLAS multiplies float16 tiles into a float32 tile (tensor cores, float32 sums); the kernel reads that tile once,
tests score, label and column < row, and appends the hits to a buffer. The sieve scores them on the GPU as well, where the
exact vectors fit beside the float16 ones, so that only flagged pairs leave it.
"""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np

from facedb.core.models import Float64Array, Int64Array
from facedb.search.append_search import AppendSearcher
from facedb.search.device_rows import FLOAT16_SCALE, DeviceRows
from facedb.search.engine import EngineInfo
from facedb.search.gallery import Gallery
from facedb.search.nvidia import missing_driver
from facedb.search.quantise import TENSOR_CORE_ROUNDOFF, score_error
from facedb.search.sieve import Hits, Sieve
from facedb.search.tiles import Tile

_HEIGHT, _WIDTH = 8192, 32_768
_CAPACITY = 1 << 22
_MEMORY_SHARE, _TILE_SHARE = 0.6, 0.2
_THREADS, _MAX_BLOCKS = 256, 8448
_STREAMS = 2  # While one stream waits for the host to fetch and rescore its hits, the other one computes.

# A block of threads first counts its hits in shared memory and takes its places in the buffer with one global atomic.
_KERNEL = r"""
extern "C" __global__ void append_hits(
    const float* __restrict__ scores, const long long* __restrict__ row_labels,
    const long long* __restrict__ column_labels, const float lowest, const long long row, const long long column,
    const int height, const int width, const unsigned int capacity, unsigned int* count, int2* hits)
{
    __shared__ unsigned int found, base;
    const long long total = (long long)height * width;
    const long long stride = (long long)gridDim.x * blockDim.x;
    for (long long start = (long long)blockIdx.x * blockDim.x; start < total; start += stride) {
        const long long place = start + threadIdx.x;
        if (threadIdx.x == 0) found = 0;
        __syncthreads();
        bool hit = false;
        int i = 0, j = 0;
        if (place < total && scores[place] >= lowest) {
            i = (int)(place / width);
            j = (int)(place % width);
            hit = column + j < row + i && row_labels[i] != column_labels[j];
        }
        unsigned int own = 0;
        if (hit) own = atomicAdd(&found, 1u);
        __syncthreads();
        if (threadIdx.x == 0 && found) base = atomicAdd(count, found);
        __syncthreads();
        if (hit && base + own < capacity) hits[base + own] = make_int2(i, j);
        __syncthreads();
    }
}
"""


class CudaDevice:
    """One stream of work on CUDA device ``device`` over shared ``rows``; ``sieve`` is the one on the host.

    ``capacity`` is the number of hits its buffer holds, ``tile_bytes`` what its float32 tile may take.
    """

    def __init__(
        self, gallery: Gallery, device: int, rows: DeviceRows, sieve: Sieve, *, capacity: int, tile_bytes: int
    ) -> None:
        import cupy

        self._cupy: Any = cupy
        self._device, self._rows, self._capacity = device, rows, capacity
        self._sieve: Any = rows.sieve(sieve)
        self.width = min(_WIDTH, rows.panel_rows())
        self.height = max(1, min(_HEIGHT, rows.panel_rows(), tile_bytes // (4 * self.width)))
        self.epsilon = score_error(rows.error, gallery.dim, TENSOR_CORE_ROUNDOFF)
        with cupy.cuda.Device(device):
            self._stream: Any = cupy.cuda.Stream(non_blocking=True)
            self._kernel: Any = cupy.RawKernel(_KERNEL, "append_hits")
            self._scores: Any = None
            with self._stream:
                self._labels: Any = (
                    cupy.asarray(gallery.labels.astype(np.int64)) if rows.faces is None else rows.faces.labels
                )
                self._count: Any = cupy.zeros(1, cupy.uint32)
                self._hits: Any = cupy.empty((capacity, 2), cupy.int32)

    def append(self, tile: Tile, lowest: float) -> tuple[Any, Any] | None:
        cupy = self._cupy
        height, width = tile.row_stop - tile.row, tile.column_stop - tile.column
        # One float32 down, so that rounding the limit to float32 loses no candidate.
        limit = np.nextafter(np.float32(lowest * FLOAT16_SCALE**2), np.float32(-np.inf))
        with cupy.cuda.Device(self._device), self._stream:
            scores = self._product(
                self._rows.rows(tile.row, tile.row_stop), self._rows.rows(tile.column, tile.column_stop)
            )
            self._count.fill(0)
            blocks = min((height * width + _THREADS - 1) // _THREADS, _MAX_BLOCKS)
            arguments = (
                scores,
                self._labels[tile.row : tile.row_stop],
                self._labels[tile.column : tile.column_stop],
                limit,
                np.int64(tile.row),
                np.int64(tile.column),
                np.int32(height),
                np.int32(width),
                np.uint32(self._capacity),
                self._count,
                self._hits,
            )
            self._kernel((blocks,), (_THREADS,), arguments)
            count = int(self._count.get()[0])
            if count > self._capacity:
                return None
            hits = self._hits[:count].astype(np.int64)
            return hits[:, 0] + tile.row, hits[:, 1] + tile.column

    def keep(self, rows: Any, columns: Any) -> Hits | None:
        with self._cupy.cuda.Device(self._device), self._stream:
            if self._rows.faces is None:
                rows, columns = rows.get(), columns.get()
            kept: Hits | None = self._sieve.keep(rows, columns)
        return kept

    def scores(self, rows: Int64Array, columns: Int64Array) -> Float64Array:
        with self._cupy.cuda.Device(self._device), self._stream:
            product = self._product(self._rows.gather(rows), self._rows.gather(columns))
            return np.asarray(product.get(), dtype=np.float64) / FLOAT16_SCALE**2

    def close(self) -> None:
        self._rows.close()
        self._scores = self._hits = self._labels = self._sieve = None

    def _product(self, left: Any, right: Any) -> Any:
        """``left`` (m, d) times ``right`` (n, d) transposed: float32 (m, n) from float16, summed in float32.

        cuBLAS counts columns first: the row-major (m, n) result is its (n, m), the row-major operands its (d, n) and
        (d, m).
        """
        cupy = self._cupy
        from cupy_backends.cuda.libs import cublas

        (m, d), n = left.shape, len(right)
        if self._scores is None or self._scores.size < m * n:
            self._scores = cupy.empty(m * n, cupy.float32)
        out = self._scores[: m * n].reshape(m, n)
        one, zero = np.ones(1, np.float32), np.zeros(1, np.float32)
        handle = cupy.cuda.device.get_cublas_handle()
        cublas.setStream(handle, self._stream.ptr)
        cublas.gemmEx(
            handle,
            cublas.CUBLAS_OP_T,
            cublas.CUBLAS_OP_N,
            n,
            m,
            d,
            one.ctypes.data,
            right.data.ptr,
            cupy.cuda.runtime.CUDA_R_16F,
            d,
            left.data.ptr,
            cupy.cuda.runtime.CUDA_R_16F,
            d,
            zero.ctypes.data,
            out.data.ptr,
            cupy.cuda.runtime.CUDA_R_32F,
            n,
            cublas.CUBLAS_COMPUTE_32F,
            cublas.CUBLAS_GEMM_DEFAULT_TENSOR_OP,
        )
        return out


def probe() -> EngineInfo:
    """Whether CuPy and a CUDA device are here, and what is missing first."""
    if (missing := missing_driver()) is not None:
        return EngineInfo("cuda", False, missing)
    if importlib.util.find_spec("cupy") is None:
        return EngineInfo("cuda", False, "CuPy is not installed (the extra `gpu` brings it)")
    import cupy

    try:
        count = int(cupy.cuda.runtime.getDeviceCount())
    except cupy.cuda.runtime.CUDARuntimeError as error:
        return EngineInfo("cuda", False, f"there is no usable CUDA GPU ({error})")
    if count == 0:
        return EngineInfo("cuda", False, "there is no CUDA GPU")
    name = cupy.cuda.runtime.getDeviceProperties(0)["name"].decode()
    return EngineInfo("cuda", True, f"float16 tensor cores on {count} x {name}")


def open_searcher(gallery: Gallery, sieve: Sieve, threads: int) -> AppendSearcher:  # noqa: ARG001
    """A searcher over ``gallery`` on every GPU that CUDA sees."""
    return open_devices(gallery, sieve)


def open_devices(
    gallery: Gallery, sieve: Sieve, *, max_bytes: int | None = None, capacity: int = _CAPACITY
) -> AppendSearcher:
    """A searcher with a limit on the memory of the gallery and the hits of a buffer, for tests and measurements."""
    import cupy

    devices: list[CudaDevice] = []
    for number in range(int(cupy.cuda.runtime.getDeviceCount())):
        with cupy.cuda.Device(number):
            free = int(cupy.cuda.runtime.memGetInfo()[0])
            rows = DeviceRows(cupy, gallery, "float16", max_bytes or int(free * _MEMORY_SHARE))
            cupy.cuda.get_current_stream().synchronize()
        tile_bytes = int(free * _TILE_SHARE / _STREAMS)
        devices += [
            CudaDevice(gallery, number, rows, sieve, capacity=capacity, tile_bytes=tile_bytes) for _ in range(_STREAMS)
        ]
    return AppendSearcher(gallery, sieve.threshold, devices)
