"""Whether an NVIDIA driver is here: the cheapest question to ask before a GPU library is imported."""

from __future__ import annotations

import ctypes

DRIVER = "libcuda.so.1"


def missing_driver() -> str | None:
    """What is missing, in words; None when the driver's library loads (which takes no GPU library and no time)."""
    try:
        ctypes.CDLL(DRIVER)
    except OSError:
        return f"no NVIDIA driver, {DRIVER}"
    return None
