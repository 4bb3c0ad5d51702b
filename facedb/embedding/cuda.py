"""Whether CUDA works here, and if not, which library is missing."""

from __future__ import annotations

import ctypes
import io
import re
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import Final

PROVIDER: Final = "CUDAExecutionProvider"
_LIBRARY: Final = "libonnxruntime_providers_cuda.so"
_MISSING: Final = re.compile(r"([\w.+-]+\.(?:so|dll)[\w.]*): cannot open shared object file")
_PROBE_TIMEOUT_S: Final = 60

# The provider must not be opened before ONNX Runtime opens it itself, so another process tries.
_PROBE: Final = """
import ctypes, sys
import onnxruntime
onnxruntime.preload_dlls()
folder = sys.argv[1]
try:
    ctypes.CDLL(folder + "/libonnxruntime_providers_shared.so", mode=ctypes.RTLD_GLOBAL)
    ctypes.CDLL(folder + "/libonnxruntime_providers_cuda.so")
except OSError as fault:
    print(fault, file=sys.stderr)
    sys.exit(1)
"""


def device_count() -> int:
    """How many CUDA devices the driver counts; 0 without a driver."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return 0
    count = ctypes.c_int(0)
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return 0
    return count.value


def preload(runtime: ModuleType) -> None:
    """Load the CUDA libraries of the NVIDIA wheels; what that prints is not for stdout."""
    with redirect_stdout(io.StringIO()):
        runtime.preload_dlls()


def built_with_cuda(runtime: ModuleType) -> bool:
    """Whether this build of ONNX Runtime has the CUDA provider at all."""
    return PROVIDER in runtime.get_available_providers()


def why_not(runtime: ModuleType) -> str:
    """Why CUDA does not load, with the name of the missing library where one is missing; empty where nothing is wrong."""
    if not built_with_cuda(runtime):
        return f"the installed ONNX Runtime is the CPU build, without {_LIBRARY}"
    folder = Path(str(runtime.__file__)).parent / "capi"
    try:
        probe = subprocess.run(
            [sys.executable, "-c", _PROBE, str(folder)],
            capture_output=True,
            text=True,
            timeout=_PROBE_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as fault:
        return f"the CUDA provider could not be tried: {fault}"
    found = _MISSING.findall(probe.stderr)
    if found:
        return f"the library {found[-1]} is missing"
    if probe.returncode != 0:
        return (probe.stderr.strip().splitlines() or ["the CUDA provider does not load"])[-1]
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return "the library libcuda.so.1 of the NVIDIA driver is missing"
    return "" if device_count() else "the driver finds no CUDA device"
