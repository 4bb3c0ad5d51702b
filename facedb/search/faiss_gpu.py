"""Engine ``faiss-gpu``: FAISS brute-force k-NN on slices of a gallery that lives on the GPU, made exact by `knn_search`.

Which route is fastest is a question for `tests/bench/gpu.py` on the GPU at hand; a `FaissRoute` names one. What FAISS
1.15 offers (read in its source, not timed): `bfKnn` takes float32, float16 and bfloat16, both sides alike; the cuVS
build takes over for float32 only; k is at most 2048 on the classic path, 16384 with cuVS; k = -1 returns every score.
A `GpuIndexFlat` that grows with the blocks does the same products behind one more copy, so slices of one matrix serve
as the index.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import Any

import numpy as np

from facedb.core.errors import EngineError
from facedb.core.models import Float32Array, Int64Array
from facedb.search.device_rows import DeviceRows, scale_of
from facedb.search.engine import EngineInfo
from facedb.search.gallery import Gallery
from facedb.search.knn_search import KnnSearcher
from facedb.search.nvidia import missing_driver
from facedb.search.quantise import TENSOR_CORE_ROUNDOFF, score_error
from facedb.search.sieve import Hits, Sieve

_MEMORY_SHARE = 0.6
_CLASSIC_MAX_K, _CUVS_MAX_K = 2048, 16_384


@dataclass(frozen=True, slots=True)
class FaissRoute:
    """``precision`` is float32, float16 or bfloat16; ``cuvs`` sends float32 through cuVS where FAISS was built with it."""

    precision: str = "float16"
    cuvs: bool = False


DEFAULT_ROUTE = FaissRoute()


class FaissGpuDevice:
    """The gallery on CUDA device ``device``; ``max_bytes`` limits it (default: 60 % of the free memory), panels beyond that.

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

    def _run(self, rows: Int64Array, column: int, column_stop: int, k: int, scores: Any, found: Any) -> None:
        cupy, faiss = self._cupy, self._faiss
        kind = {
            "float32": faiss.DistanceDataType_F32,
            "float16": faiss.DistanceDataType_F16,
            "bfloat16": faiss.DistanceDataType_BF16,
        }[self._route.precision]
        with cupy.cuda.Device(self._device):
            base, queries = self._rows.rows(column, column_stop), self._rows.gather(rows)
            # FAISS works on a stream of its own: what CuPy was asked to do must have happened before.
            cupy.cuda.get_current_stream().synchronize()
            params = faiss.GpuDistanceParams()
            params.metric = faiss.METRIC_INNER_PRODUCT
            params.k, params.dims, params.device = k, self._dim, self._device
            params.vectors = faiss.cast_integer_to_void_ptr(base.data.ptr)
            params.vectorType, params.numVectors, params.vectorsRowMajor = kind, len(base), True
            params.queries = faiss.cast_integer_to_void_ptr(queries.data.ptr)
            params.queryType, params.numQueries, params.queriesRowMajor = kind, len(queries), True
            params.outDistances = faiss.swig_ptr(scores)
            if found is not None:
                params.outIndices = faiss.swig_ptr(found)
                params.outIndicesType = faiss.IndicesDataType_I64
            params.use_cuvs = self._route.cuvs
            faiss.bfKnn(self._resources, params)
        scale = scale_of(self._route.precision)
        if scale != 1.0:
            scores /= np.float32(scale**2)


def probe() -> EngineInfo:
    """Whether FAISS for the GPU, CuPy and a CUDA device are here, and what is missing first."""
    if (missing := missing_driver()) is not None:
        return EngineInfo("faiss-gpu", False, missing)
    if importlib.util.find_spec("faiss") is None:
        return EngineInfo("faiss-gpu", False, "FAISS is not installed (the extra `gpu` brings it)")
    import faiss

    if not hasattr(faiss, "StandardGpuResources"):
        return EngineInfo("faiss-gpu", False, "the installed FAISS is the CPU build (the extra `gpu` brings the other)")
    if importlib.util.find_spec("cupy") is None:
        return EngineInfo("faiss-gpu", False, "CuPy is not installed (the extra `gpu` brings it)")
    count = int(faiss.get_num_gpus())
    if count == 0:
        return EngineInfo("faiss-gpu", False, "FAISS finds no CUDA GPU")
    return EngineInfo("faiss-gpu", True, f"FAISS on {count} GPU{'s' if count > 1 else ''}")


def open_searcher(gallery: Gallery, sieve: Sieve, threads: int) -> KnnSearcher:  # noqa: ARG001
    """A searcher over ``gallery`` on every GPU that FAISS sees, by the default route."""
    return open_route(gallery, sieve, DEFAULT_ROUTE)


def open_route(
    gallery: Gallery, sieve: Sieve, route: FaissRoute, *, max_bytes: int | None = None, devices: int | None = None
) -> KnnSearcher:
    """A searcher by one ``route``, for measuring; ``max_bytes`` per device makes it stream panels."""
    import faiss

    if route.cuvs and "CUVS" not in faiss.get_compile_options():
        raise EngineError("This FAISS was built without cuVS: install faiss-gpu-cuvs, or use a route without it.")
    numbers = range(devices or int(faiss.get_num_gpus()))
    return KnnSearcher(
        gallery, sieve.threshold, [FaissGpuDevice(gallery, sieve, number, route, max_bytes) for number in numbers]
    )
