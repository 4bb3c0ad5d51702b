"""Engine ``faiss-gpu``: FAISS multiplies a gallery that lives on the GPU; `FaissRoute` names how.

The default is the fastest on an H100 (`tests/bench/README.md`): bfloat16 is the precision in which `bfKnn` uses the tensor cores, and
writing whole tiles spares the selection of the k best and the trouble with k.
"""

from __future__ import annotations

import importlib.util

from facedb.core.errors import EngineError, first_line
from facedb.join.gallery import Gallery
from facedb.join.gpu.append_search import AppendSearcher
from facedb.join.gpu.cuda import open_devices
from facedb.join.gpu.faiss_devices import (
    FaissGpuDevice,
    FaissHalfTileDevice,
    FaissIndexDevice,
    FaissRoute,
    FaissTileDevice,
)
from facedb.join.gpu.knn_search import KnnSearcher
from facedb.join.gpu.nvidia import missing_gpu
from facedb.join.searcher import EngineInfo
from facedb.join.sieve import Sieve

DEFAULT_ROUTE = FaissRoute("bfloat16", way="tiles")


def probe() -> EngineInfo:
    """Whether FAISS for the GPU, CuPy and a CUDA device are here, and what is missing first."""
    if (missing := missing_gpu()) is not None:
        return EngineInfo("faiss-gpu", False, missing)
    if importlib.util.find_spec("faiss") is None:
        return EngineInfo("faiss-gpu", False, "FAISS is not installed (the extra `gpu` brings it)")
    try:
        import faiss
    except (ImportError, RuntimeError, OSError) as error:
        # faiss-gpu-cuvs 1.15.0 takes any libcuvs and does not load with the newest; pip before 24.1 picks it.
        return EngineInfo("faiss-gpu", False, f"FAISS does not load ({first_line(error)})")
    if not hasattr(faiss, "StandardGpuResources"):
        return EngineInfo("faiss-gpu", False, "the installed FAISS is the CPU build (the extra `gpu` brings the other)")
    count = int(faiss.get_num_gpus())
    if count == 0:
        return EngineInfo("faiss-gpu", False, "FAISS finds no CUDA GPU")
    return EngineInfo("faiss-gpu", True, f"FAISS on {count} GPU{'s' if count > 1 else ''}")


def open_searcher(gallery: Gallery, sieve: Sieve, threads: int, comparisons: int) -> AppendSearcher | KnnSearcher:  # noqa: ARG001
    """A searcher over ``gallery`` on every GPU that FAISS sees, by the default route."""
    return open_route(gallery, sieve, DEFAULT_ROUTE)


def open_route(
    gallery: Gallery, sieve: Sieve, route: FaissRoute, *, max_bytes: int | None = None
) -> AppendSearcher | KnnSearcher:
    """A searcher by one ``route``, for measuring; ``max_bytes`` per device makes it stream panels."""
    import faiss

    if route.cuvs and "CUVS" not in faiss.get_compile_options():
        raise EngineError("This FAISS was built without cuVS: install faiss-gpu-cuvs, or use a route without it.")
    if route.way == "tiles":
        kind = FaissHalfTileDevice if route.precision == "float16" else FaissTileDevice
        return open_devices(gallery, sieve, kind, max_bytes=max_bytes)
    numbers = range(int(faiss.get_num_gpus()))
    make = FaissIndexDevice if route.way == "index" else FaissGpuDevice
    return KnnSearcher(gallery, sieve.threshold, [make(gallery, sieve, number, route, max_bytes) for number in numbers])
