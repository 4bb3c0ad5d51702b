"""Engine ``cuda``: our own search on NVIDIA GPUs, through CuPy; `open_searcher` takes int8 in one kernel or float16 by cuBLAS."""

from __future__ import annotations

import importlib.util

from facedb.core.errors import EngineError, first_line
from facedb.join.gallery import Gallery
from facedb.join.gpu.append_search import AppendSearcher
from facedb.join.gpu.cuda_device import CudaDevice
from facedb.join.gpu.device_rows import DeviceRows
from facedb.join.gpu.half_precision_device import HalfPrecisionDevice
from facedb.join.gpu.nvidia import missing_gpu
from facedb.join.searcher import EngineInfo
from facedb.join.sieve import Sieve

_CAPACITY = 1 << 22
_MEMORY_SHARE, _TILE_SHARE = 0.6, 0.2
_STREAMS = 2  # While one stream waits for the host to sieve its hits, the other one computes.

# Chance pairs grow tenfold in 0.07 of the score: with a larger epsilon the candidates, not the products, would take the time.
_WIDEST_EPSILON = 0.07
_LEAST_CAPABILITY = 80


def probe() -> EngineInfo:
    """Whether CuPy and a CUDA device are here, and what is missing first."""
    if (missing := missing_gpu()) is not None:
        return EngineInfo("cuda", False, missing)
    import cupy

    count, name = cupy.cuda.runtime.getDeviceCount(), cupy.cuda.runtime.getDeviceProperties(0)["name"].decode()
    return EngineInfo("cuda", True, f"tensor cores on {count} x {name}")


def open_searcher(gallery: Gallery, sieve: Sieve, threads: int, comparisons: int) -> AppendSearcher:  # noqa: ARG001
    """A searcher over ``gallery`` on every GPU that CUDA sees; its ``method`` says how it multiplies, and why not faster."""
    why_not = _missing_for_int8()
    if why_not is None:
        from facedb.join.gpu.int8_device import Int8Device

        try:
            searcher = open_devices(gallery, sieve, Int8Device)
        except EngineError as error:
            why_not = first_line(error)
        else:
            if searcher.epsilon <= _WIDEST_EPSILON:
                return searcher
            searcher.close()
            why_not = "int8 codes would be too coarse for this gallery"
    searcher = open_devices(gallery, sieve, HalfPrecisionDevice)
    searcher.method += f" ({why_not})"
    return searcher


def _missing_for_int8() -> str | None:
    """What the int8 kernels need and is not here, in words."""
    import cupy

    if importlib.util.find_spec("triton") is None:
        return "int8 in a quarter of the time needs Triton, which the extra `gpu` brings"
    oldest = min(int(cupy.cuda.Device(n).compute_capability) for n in range(cupy.cuda.runtime.getDeviceCount()))
    return None if oldest >= _LEAST_CAPABILITY else "int8 needs a GPU of compute capability 8.0 or newer"


def open_devices(
    gallery: Gallery,
    sieve: Sieve,
    kind: type[CudaDevice],
    *,
    max_bytes: int | None = None,
    capacity: int = _CAPACITY,
) -> AppendSearcher:
    """A searcher by ``kind``, with a limit on the memory of the gallery and the hits of a buffer, for tests and measurements."""
    import cupy

    devices: list[CudaDevice] = []
    for number in range(int(cupy.cuda.runtime.getDeviceCount())):
        with cupy.cuda.Device(number):
            free = int(cupy.cuda.runtime.memGetInfo()[0])
            rows = DeviceRows(cupy, gallery, kind.precision, max_bytes or int(free * _MEMORY_SHARE))
            cupy.cuda.get_current_stream().synchronize()
        tile_bytes = int(free * _TILE_SHARE / _STREAMS)
        devices += [
            kind(gallery, number, rows, sieve, capacity=capacity, tile_bytes=tile_bytes) for _ in range(_STREAMS)
        ]
    searcher = AppendSearcher(gallery, sieve.threshold, devices)
    searcher.method = kind.method
    return searcher
