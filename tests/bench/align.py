"""How long one int8 tile takes, by where its rows start: `python tests/bench/align.py`.

Prints the least and the median milliseconds of thread time for a 512 x 1024 x 512 product by NumKong, with the rows 0 or 16
bytes behind a cache line border.
"""

from __future__ import annotations

import sys
import time

import numkong
import numpy as np

HEIGHT, WIDTH, DIM, ROUNDS = 512, 1024, 512, 40


def at_offset(codes: np.ndarray, offset: int) -> np.ndarray:
    """A copy of ``codes`` that starts ``offset`` bytes behind a cache line border."""
    raw = np.empty(codes.nbytes + 128, np.uint8)
    start = -raw.ctypes.data % 64 + offset
    out = raw[start : start + codes.nbytes].view(np.int8).reshape(codes.shape)
    out[:] = codes
    return out


def main() -> None:
    """Print one line per offset; the offsets take turns, so that a busy machine slows both."""
    codes = np.random.default_rng(0).integers(-60, 61, (HEIGHT, DIM), dtype=np.int8)
    panel = numkong.dots_pack(np.random.default_rng(1).integers(-60, 61, (WIDTH, DIM), dtype=np.int8))
    out = numkong.empty((HEIGHT, WIDTH), dtype="int32")
    rows = {offset: at_offset(codes, offset) for offset in (0, 16)}
    times: dict[int, list[float]] = {offset: [] for offset in rows}
    for _ in range(ROUNDS):
        for offset, left in rows.items():
            started = time.thread_time()
            numkong.dots_packed(left, panel, out=out)
            times[offset].append((time.thread_time() - started) * 1e3)
    for offset, taken in times.items():
        sys.stdout.write(f"{offset:2} bytes: {min(taken):.3f} ms at best, {np.median(taken):.3f} ms median\n")


if __name__ == "__main__":
    main()
