"""Whether an NVIDIA driver, CuPy and a GPU are here, asked in an order that never ends the process.

FAISS aborts on every CUDA error but two (a GPU whose fabric manager is not up, a container whose driver does not match);
CuPy raises. So CuPy counts the GPUs, whoever uses them.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
from pathlib import Path

from facedb.core.errors import first_line

DRIVER = "libcuda.so.1"
PCI_DEVICES = Path("/sys/bus/pci/devices")

_VENDOR, _DISPLAY = "0x10de", "0x03"


def missing_driver() -> str | None:
    """What is missing, in words; None when the driver's library loads (which takes no GPU library and no time)."""
    try:
        ctypes.CDLL(DRIVER)
    except OSError:
        return f"no NVIDIA driver, {DRIVER}"
    return None


def card_present() -> bool:
    """Whether an NVIDIA GPU is plugged in, with a driver or without one."""
    for device in PCI_DEVICES.glob("*"):
        try:
            vendor, kind = ((device / name).read_text().strip() for name in ("vendor", "class"))
        except OSError:
            continue
        if vendor == _VENDOR and kind.startswith(_DISPLAY):
            return True
    return False


def missing_gpu() -> str | None:
    """What is missing for work on a GPU through CuPy, in words; None when nothing is."""
    if (missing := missing_driver()) is not None:
        return missing
    if importlib.util.find_spec("cupy") is None:
        return "CuPy is not installed (the extra `gpu` brings it)"
    try:
        import cupy

        count = int(cupy.cuda.runtime.getDeviceCount())
    except (ImportError, RuntimeError) as error:
        return f"no usable CUDA GPU ({first_line(error)})"
    return None if count else "no CUDA GPU"


def visible_gpus() -> list[str]:
    """The GPUs that this process sees, as CUDA_VISIBLE_DEVICES of another process names them; empty where `missing_gpu` tells why."""
    if missing_gpu() is not None:
        return []
    import cupy

    count = int(cupy.cuda.runtime.getDeviceCount())
    named = [name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")]
    return named[:count] if named != [""] else [str(number) for number in range(count)]


def driver_version() -> str:
    """The newest CUDA that the driver supports, in words; raises OSError without a driver."""
    number = ctypes.c_int(0)
    ctypes.CDLL(DRIVER).cuDriverGetVersion(ctypes.byref(number))
    return f"for CUDA {number.value // 1000}.{number.value % 1000 // 10}"
