"""The kernels of the engine int8, and which of them is the fastest on this machine.

Each candidate first proves on the largest codes it takes that its sums neither saturate nor wrap, then multiplies a hot tile of the real
shape for some milliseconds of thread time; the fastest one does the work. The rows of a join do not depend on the choice.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facedb.join.error_bounds import aligned_empty
from facedb.join.integer.kernel import Kernel
from facedb.join.integer.numkong_kernel import NumKong
from facedb.join.integer.onnx_kernel import OnnxRuntime

_TRIAL_SECONDS = 0.004
_TRIALS = 3


@dataclass(frozen=True, slots=True)
class KernelSpeed:
    """A kernel by ``name`` and its speed on one thread: 10**12 additions and multiplications a second, or what keeps it out."""

    name: str
    tera_per_s: float | None
    why_not: str | None


KERNELS: tuple[Kernel, ...] = (NumKong(), OnnxRuntime())
DEFAULT = KERNELS[0]


def multiply(kernel: Kernel, rows: NDArray[np.int8], columns: NDArray[np.int8]) -> NDArray[np.int32]:
    """The products (m, n) of codes (m, k) and (n, k) by ``kernel``."""
    output = aligned_empty((len(rows), len(columns)), np.dtype(np.int32))
    kernel.multiplier(output)(kernel.convert(rows.copy()), kernel.pack(np.ascontiguousarray(columns)))
    return output


def why_not(kernel: Kernel, width: int) -> str | None:
    """What keeps ``kernel`` from multiplying codes of ``width`` values, None if nothing does: it is put to the proof."""
    missing = kernel.missing()
    if missing is not None:
        return missing
    rng = np.random.default_rng(width)
    rows = aligned_empty((48, width), np.dtype(np.int8))
    rows[:] = rng.choice(np.array([-kernel.largest, kernel.largest], np.int8), rows.shape)
    rows[:2], rows[2] = kernel.largest, -kernel.largest
    # Sums of integers below 2**53 are exact in float64, whatever their order.
    wide = rows.astype(np.float64)
    if not np.array_equal(multiply(kernel, rows, rows[:33]), wide @ wide[:33].T):
        return f"its sums of codes of +-{kernel.largest} are wrong here"
    return None


@functools.cache
def measure(width: int) -> tuple[KernelSpeed, ...]:
    """The speed of every kernel on a hot tile of its own shape, of ``width`` codes a row, fastest first."""
    faults = {kernel.name: why_not(kernel, width) for kernel in KERNELS}
    trials = {kernel.name: _trial(kernel, width) for kernel in KERNELS if faults[kernel.name] is None}
    best = dict.fromkeys(trials, np.inf)
    # They take turns, so that a busy moment of the machine does not decide.
    for _ in range(_TRIALS):
        for name, trial in trials.items():
            best[name] = min(best[name], trial())
    work = {kernel.name: 2e-12 * kernel.height * kernel.width * width for kernel in KERNELS}
    speeds = [
        KernelSpeed(name, work[name] / best[name] if name in best else None, fault) for name, fault in faults.items()
    ]
    return tuple(sorted(speeds, key=lambda speed: -(speed.tera_per_s or 0.0)))


def fastest(width: int) -> Kernel:
    """The kernel that multiplied codes of ``width`` values the fastest."""
    name = measure(width)[0].name
    return next(kernel for kernel in KERNELS if kernel.name == name)


def in_words(speeds: tuple[KernelSpeed, ...]) -> str:
    """The measurement as part of a sentence."""
    told = [
        f"{speed.name} {speed.tera_per_s:.2f}" if speed.tera_per_s is not None else f"{speed.name}: {speed.why_not}"
        for speed in speeds
    ]
    return f"10^12 operations a second and thread: {', '.join(told)}"


def _trial(kernel: Kernel, width: int) -> Callable[[], float]:
    """A function that multiplies a tile for some milliseconds and returns the least seconds of thread time of one product."""
    rng = np.random.default_rng(0)
    codes = aligned_empty((max(kernel.height, kernel.width), width), np.dtype(np.int8))
    codes[:] = rng.integers(-60, 61, codes.shape, dtype=np.int8)
    panel = kernel.pack(codes[: kernel.width])
    rows = kernel.convert(codes[: kernel.height])
    product = kernel.multiplier(aligned_empty((kernel.height, kernel.width), np.dtype(np.int32)))
    product(rows, panel)

    def trial() -> float:
        least, end = np.inf, time.perf_counter() + _TRIAL_SECONDS
        while True:
            started = time.thread_time()
            product(rows, panel)
            least = min(least, time.thread_time() - started)
            if time.perf_counter() >= end:
                return float(least)

    return trial
