"""The gallery on an accelerator, in lower precision: all of it when it fits, otherwise the rows that are being worked on.

Every function takes ``xp``, the array module (CuPy on a GPU; NumPy runs the same code for the tests).
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np

from facedb.core.records import Int64Array
from facedb.join.error_bounds import MAX_NORM, SLACK
from facedb.join.gallery import Gallery
from facedb.join.sieve import Sieve

FLOAT16_SCALE = 256.0
TF32_ROUNDOFF = 2.0**-10

_CHUNK_ROWS = 16_384
# Filling pinned memory is the work of a core at 5 to 10 GB/s; the bus behind it carries several times as much.
_LOADERS = 4


def scale_of(precision: str) -> float:
    """What ``rounded`` multiplies by: 2**8 keeps the small values of a unit vector out of the subnormal float16 numbers."""
    return FLOAT16_SCALE if precision == "float16" else 1.0


def rounded(xp: Any, vectors: Any, precision: str) -> Any:
    """float32 ``vectors`` (m, d) as a device multiplies them: float32, scaled float16, or bfloat16 given as its 16 bits."""
    if precision == "float16":
        return (vectors * xp.float32(FLOAT16_SCALE)).astype(xp.float16)
    if precision == "bfloat16":
        bits = vectors.view(xp.uint32)
        return ((bits + (((bits >> xp.uint32(16)) & xp.uint32(1)) + xp.uint32(0x7FFF))) >> xp.uint32(16)).astype(
            xp.uint16
        )
    return vectors


def widened(xp: Any, lower: Any, precision: str) -> Any:
    """The numbers that ``lower``, a result of ``rounded``, stands for, exactly, as float64 and without the scale."""
    if precision == "bfloat16":
        lower = (lower.astype(xp.uint32) << xp.uint32(16)).view(xp.float32)
    return lower.astype(xp.float64) / scale_of(precision)


@dataclass(frozen=True, slots=True)
class DeviceFaces:
    """The arrays of a `Gallery` on a device: ``vectors`` float32 (n, d), ``identity_ids`` and ``image_ids`` int64 (n,)."""

    vectors: Any
    identity_ids: Any
    image_ids: Any


class DeviceRows:
    """Rows of ``gallery`` on the current device of ``xp``; ``max_bytes`` is what they may take.

    ``faces`` are the exact vectors beside them, to score candidates where they are found; None where they do not fit.
    ``error`` is the largest ||x - rounded x||, measured on the device in float64; float32 is taken for TF32, to which
    a GPU may round it. Threads share one object. Rows that do not fit are uploaded when they are asked for and
    dropped when they have not been used for longest, so a gallery larger than the device is streamed once per block.
    """

    def __init__(self, xp: Any, gallery: Gallery, precision: str, max_bytes: int) -> None:
        self._xp, self._gallery, self._precision = xp, gallery, precision
        self._item = gallery.dim * (4 if precision == "float32" else 2)
        self.resident = len(gallery) * self._item <= max_bytes
        self._max_bytes, self._bytes = max_bytes, 0
        self._parts: OrderedDict[tuple[int, int], Any] = OrderedDict()
        self._lock = threading.Lock()
        self._all: Any = xp.empty((len(gallery) if self.resident else 0, gallery.dim), self._kind())
        self.faces = self._room_for_faces()
        number = xp.cuda.Device().id if hasattr(xp, "cuda") else None

        def load(start: int) -> Any:
            stop = min(start + _CHUNK_ROWS, len(gallery))
            # A new thread begins on the first device.
            with nullcontext() if number is None else xp.cuda.Device(number):
                vectors = xp.asarray(gallery.vectors[start:stop])
                lower = rounded(xp, vectors, precision)
                if self.resident:
                    self._all[start:stop] = lower
                if self.faces is not None and precision != "float32":
                    self.faces.vectors[start:stop] = vectors
                residual = vectors.astype(xp.float64) - widened(xp, lower, precision)
                return (residual * residual).sum(axis=1).max()

        with ThreadPoolExecutor(_LOADERS) as pool:
            # Nothing waits for the device until all is under way: only then is a number asked for.
            largest = list(pool.map(load, range(0, len(gallery), _CHUNK_ROWS)))
        worst = max((float(each) for each in largest), default=0.0)
        self.error = TF32_ROUNDOFF * MAX_NORM if precision == "float32" else float(np.sqrt(worst)) + SLACK

    def _room_for_faces(self) -> DeviceFaces | None:
        xp, gallery = self._xp, self._gallery
        more = 16 * len(gallery) + (0 if self._precision == "float32" else 4 * gallery.vectors.size)
        if not self.resident or len(gallery) * self._item + more > self._max_bytes:
            return None
        vectors = self._all if self._precision == "float32" else xp.empty(gallery.vectors.shape, np.float32)
        return DeviceFaces(
            vectors, *(xp.asarray(each.astype(np.int64)) for each in (gallery.identity_ids, gallery.image_ids))
        )

    def sieve(self, host: Sieve) -> Sieve:
        """``host``, or one like it on the device, if the faces are there: it takes and gives the same pairs."""
        return host if self.faces is None else Sieve(self.faces, host.threshold)

    def panel_rows(self, least: int = 4096) -> int:
        """How many rows may be asked for at once: all of them, or a quarter of what fits."""
        return max(len(self._gallery), 1) if self.resident else max(least, self._max_bytes // (4 * self._item))

    def rows(self, start: int, stop: int) -> Any:
        """Rows ``start`` to ``stop`` on the device, contiguous."""
        if self.resident:
            return self._all[start:stop]
        with self._lock:
            if (start, stop) not in self._parts:
                needed = (stop - start) * self._item
                self._settle()
                while self._parts and self._bytes + needed > self._max_bytes:
                    (first, last), _ = self._parts.popitem(last=False)
                    self._bytes -= (last - first) * self._item
                self._parts[start, stop] = self._upload(self._gallery.vectors[start:stop])
                self._bytes += needed
                self._settle()
            self._parts.move_to_end((start, stop))
            return self._parts[start, stop]

    def gather(self, rows: Int64Array) -> Any:
        """The given rows on the device, contiguous."""
        if len(rows) and int(rows[-1]) - int(rows[0]) == len(rows) - 1 and bool((np.diff(rows) == 1).all()):
            return self.rows(int(rows[0]), int(rows[-1]) + 1)
        if self.resident:
            return self._all[self._xp.asarray(rows)]
        return self._upload(self._gallery.vectors[rows])

    def close(self) -> None:
        """Drop everything that is on the device."""
        self._parts.clear()
        self._all, self._bytes, self.faces = None, 0, None

    def _settle(self) -> None:
        """Wait for the device: another thread's stream may still read what is dropped, or read at once what is new."""
        if hasattr(self._xp, "cuda"):
            self._xp.cuda.runtime.deviceSynchronize()

    def _upload(self, vectors: Any) -> Any:
        return rounded(self._xp, self._xp.asarray(vectors), self._precision)

    def _kind(self) -> Any:
        return {"float32": np.float32, "float16": np.float16, "bfloat16": np.uint16}[self._precision]
