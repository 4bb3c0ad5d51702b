"""FAISS at work on a GPU, in three ways: k-NN on slices of the gallery, k-NN in an index that grows, and whole tiles.

What FAISS 1.15.1 offers (read in the library; timed by `tests/bench/gpu.py`):

- `bfKnn` in float32 multiplies without tensor cores (math mode without TF32), through cuVS as well; in float16 with
  CUBLAS_COMPUTE_32F_PEDANTIC, which rules them out, and never through cuVS; in bfloat16 through cublasSgemmEx, with them.
- `GpuIndexFlatIP` with ``useFloat16`` and ``use_cuvs`` is the one way to float16 on tensor cores.
- k is at most 2048 on the classic path, 16384 with cuVS; beyond that FAISS ends the process. k = -1 writes every score.
- Output on the host is uploaded before it is downloaded, so large tiles stay on the GPU.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from facedb.core.records import Float32Array, Int64Array
from facedb.join.error_bounds import TENSOR_CORE_ROUNDOFF, score_error
from facedb.join.gallery import Gallery
from facedb.join.gpu.device_rows import DeviceRows, Precision
from facedb.join.gpu.half_precision_device import HalfPrecisionDevice
from facedb.join.sieve import Hits, Sieve

_MEMORY_SHARE = 0.6
_CLASSIC_MAX_K, _CUVS_MAX_K = 2048, 16_384


@dataclass(frozen=True, slots=True)
class FaissRoute:
    """``precision`` is float32, float16 or bfloat16; ``cuvs`` sends what cuVS can do there, where FAISS was built with it.

    ``way`` is "tiles" (FAISS writes every score of a tile, the kernel of `cuda` keeps the hits), "knn" (k-NN on slices of the
    gallery) or "index" (k-NN in an index that grows with the blocks, float16).
    """

    precision: Literal["float32", "float16", "bfloat16"] = "float16"
    cuvs: bool = False
    way: Literal["tiles", "knn", "index"] = "knn"


class FaissGpuDevice:
    """k-NN on slices of the gallery on CUDA device ``device``; ``max_bytes`` (default: 60 % of the free memory), then panels.

    ``sieve`` is the one on the host.
    """

    def __init__(
        self, gallery: Gallery, sieve: Sieve, device: int, route: FaissRoute, max_bytes: int | None = None
    ) -> None:
        import cupy
        import faiss

        self._cupy: Any = cupy
        self._faiss: Any = faiss
        self._dim, self._device, self._route = gallery.dim, device, route
        with cupy.cuda.Device(device):
            budget = max_bytes or int(cupy.cuda.runtime.memGetInfo()[0] * _MEMORY_SHARE)
            self._rows = DeviceRows(cupy, gallery, route.precision, budget)
            # FAISS takes its memory beside CuPy, which has kept what it needed on the way.
            cupy.get_default_memory_pool().free_all_blocks()
            self._sieve: Any = self._rows.sieve(sieve)
            self._resources: Any = faiss.StandardGpuResources()
        self.epsilon = score_error(self._rows.error, gallery.dim, TENSOR_CORE_ROUNDOFF)
        self.max_k = _CUVS_MAX_K if route.cuvs and route.precision == "float32" else _CLASSIC_MAX_K
        self.max_columns = self._rows.panel_rows()

    def knn(self, rows: Int64Array, column: int, column_stop: int, k: int) -> tuple[Float32Array, Int64Array]:
        scores = np.empty((len(rows), k), np.float32)
        found = np.empty((len(rows), k), np.int64)
        self._run(rows, column, column_stop, k, scores, found)
        return scores, found + column

    def scores(self, rows: Int64Array, column: int, column_stop: int) -> Float32Array:
        scores = np.empty((len(rows), column_stop - column), np.float32)
        self._run(rows, column, column_stop, -1, scores, None)
        return scores

    def keep(self, rows: Any, columns: Any) -> Hits | None:
        with self._cupy.cuda.Device(self._device):
            if self._rows.faces is not None:
                rows, columns = self._cupy.asarray(rows), self._cupy.asarray(columns)
            kept: Hits | None = self._sieve.keep(rows, columns)
        return kept

    def close(self) -> None:
        self._rows.close()
        self._resources = self._sieve = None
        with self._cupy.cuda.Device(self._device):
            self._cupy.get_default_memory_pool().free_all_blocks()

    def _run(self, rows: Int64Array, column: int, column_stop: int, k: int, scores: Any, found: Any) -> None:
        cupy, faiss = self._cupy, self._faiss
        with cupy.cuda.Device(self._device):
            base, queries = self._rows.rows(column, column_stop), self._rows.gather(rows)
            # FAISS works on a stream of its own: what CuPy was asked to do must have happened before.
            cupy.cuda.get_current_stream().synchronize()
            params = _products(faiss, self._route.precision, self._device, queries, base, k)
            params.outDistances = faiss.swig_ptr(scores)
            if found is not None:
                params.outIndices = faiss.swig_ptr(found)
                params.outIndicesType = faiss.IndicesDataType_I64
            params.use_cuvs = self._route.cuvs
            faiss.bfKnn(self._resources, params)
            # Copies to pageable memory have ended by now, and the operands are read; this makes sure of it.
            self._resources.syncDefaultStreamCurrentDevice()
        if self._rows.scale != 1.0:
            scores /= np.float32(self._rows.scale**2)


class FaissIndexDevice(FaissGpuDevice):
    """As `FaissGpuDevice`; the rows before a block are searched in one `GpuIndexFlatIP` a panel, which grows with the blocks.

    FAISS rounds float32 to float16 itself and unscaled: components below 2**-14 are off by 2**-25 at most, all others as
    `DeviceRows` measured. Comparisons inside a block take the way of `FaissGpuDevice`.
    """

    def __init__(
        self, gallery: Gallery, sieve: Sieve, device: int, route: FaissRoute, max_bytes: int | None = None
    ) -> None:
        super().__init__(gallery, sieve, device, route, max_bytes)
        self._gallery = gallery
        error = self._rows.error + gallery.dim**0.5 * 2.0**-25
        self.epsilon = score_error(error, gallery.dim, TENSOR_CORE_ROUNDOFF)
        self._panels: dict[int, Any] = {}

    def knn(self, rows: Int64Array, column: int, column_stop: int, k: int) -> tuple[Float32Array, Int64Array]:
        panel = self._panel(column, column_stop)
        if panel is None:
            return super().knn(rows, column, column_stop, k)
        faiss = self._faiss
        scores, found = np.empty((len(rows), k), np.float32), np.empty((len(rows), k), np.int64)
        queries = self._gallery.vectors[int(rows[0]) : int(rows[-1]) + 1]
        if len(queries) != len(rows):
            queries = self._gallery.vectors[rows]
        with self._cupy.cuda.Device(self._device):
            panel.search_c(len(rows), faiss.swig_ptr(queries), k, faiss.swig_ptr(scores), faiss.swig_ptr(found))
            self._resources.syncDefaultStreamCurrentDevice()
        return scores, found + column

    def close(self) -> None:
        self._panels.clear()
        super().close()

    def _panel(self, column: int, column_stop: int) -> Any:
        """The index of the columns from ``column`` to ``column_stop``, no more and no less; None if there cannot be one."""
        if not self._rows.resident or column % self.max_columns:
            return None
        faiss, wanted = self._faiss, column_stop - column
        if column not in self._panels:
            config = faiss.GpuIndexFlatConfig()
            config.device, config.useFloat16, config.use_cuvs = self._device, True, self._route.cuvs
            self._panels[column] = faiss.GpuIndexFlatIP(self._resources, self._dim, config)
        panel = self._panels[column]
        if panel.ntotal > wanted:
            return None
        if panel.ntotal < wanted:
            fresh = self._gallery.vectors[column + int(panel.ntotal) : column_stop]
            panel.add_c(len(fresh), faiss.swig_ptr(fresh))
        return panel


class FaissTileDevice(HalfPrecisionDevice):
    """`HalfPrecisionDevice` with FAISS' product: `bfKnn` with k = -1 writes the scores of a tile, the same kernel reads them."""

    precision: Precision = "bfloat16"
    method = "bfloat16 products by FAISS"

    def _open_product(self) -> None:
        import faiss

        self._faiss: Any = faiss
        self._resources: Any = faiss.StandardGpuResources()
        # Every score of a tile needs no memory beside the tile; FAISS would take 1.5 GB, and pin 256 MB of the host's.
        self._resources.setTempMemory(1 << 20)
        self._resources.setPinnedMemory(0)
        # On CuPy's stream, so that product and kernel follow each other without the host.
        self._resources.setDefaultStream(self._device, self._faiss.cast_integer_to_cudastream_t(self._stream.ptr))

    def _close_product(self) -> None:
        self._stream.synchronize()
        self._resources = None

    def _product(self, left: Any, right: Any) -> Any:
        faiss = self._faiss
        out = self._tile(len(left), len(right))
        params = _products(faiss, self.precision, self._device, left, right, -1)
        params.outDistances = faiss.cast_integer_to_float_ptr(out.data.ptr)
        faiss.bfKnn(self._resources, params)
        return out


class FaissHalfTileDevice(FaissTileDevice):
    """`FaissTileDevice` in float16."""

    precision: Precision = "float16"
    method = "float16 products by FAISS"


def _products(faiss: Any, precision: Precision, device: int, queries: Any, base: Any, k: int) -> Any:
    """The parameters of `bfKnn` for ``queries`` (m, d) against ``base`` (n, d), both on ``device``; the outputs are still to be named."""
    kind = {
        "float32": faiss.DistanceDataType_F32,
        "float16": faiss.DistanceDataType_F16,
        "bfloat16": faiss.DistanceDataType_BF16,
    }[precision]
    params = faiss.GpuDistanceParams()
    params.metric = faiss.METRIC_INNER_PRODUCT
    params.k, params.dims, params.device = k, queries.shape[1], device
    params.vectors = faiss.cast_integer_to_void_ptr(base.data.ptr)
    params.vectorType, params.numVectors, params.vectorsRowMajor = kind, len(base), True
    params.queries = faiss.cast_integer_to_void_ptr(queries.data.ptr)
    params.queryType, params.numQueries, params.queriesRowMajor = kind, len(queries), True
    return params
