"""The gallery on an accelerator, in lower precision: all of it when it fits, otherwise the rows that are being worked on.

Every function takes ``xp``, the array module (CuPy on a GPU; NumPy runs the same code for the tests).
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from facedb.core.records import Int64Array
from facedb.join.error_bounds import ALIGNMENT, MAX_NORM, SLACK
from facedb.join.gallery import Gallery
from facedb.join.sieve import Sieve

Precision = Literal["float32", "float16", "bfloat16", "int8"]

FLOAT16_SCALE = 256.0
"""Keeps the small values of a unit vector out of the subnormal float16 numbers."""
TF32_ROUNDOFF = 2.0**-10

_BYTES: dict[Precision, int] = {"float32": 4, "float16": 2, "bfloat16": 2, "int8": 1}
# Filling pinned memory is the work of a core at 5 to 10 GB/s; the bus behind it carries several times as much. Chunks are small
# because that memory has to be pinned first: 2 GB took 0.10 s so, 0.34 s in chunks of 32 MB (an H100, `tests/bench/README.md`).
_LOADERS = 8
_CHUNK_BYTES = 8 << 20


def rounded(xp: Any, vectors: Any, precision: Precision, scale: float) -> Any:
    """float32 ``vectors`` (m, d) times ``scale`` as a device multiplies them.

    That is float32, float16, bfloat16 given as its 16 bits, or int8 with zeros behind, up to a multiple of `ALIGNMENT` values.
    """
    if precision == "int8":
        codes = xp.zeros((len(vectors), _width(vectors.shape[1], precision)), np.int8)
        # The scale is 127 over the largest value, or a little more where float32 rounds it.
        codes[:, : vectors.shape[1]] = xp.clip(xp.rint(vectors * xp.float32(scale)), -127, 127).astype(np.int8)
        return codes
    if precision == "float16":
        return (vectors * xp.float32(scale)).astype(xp.float16)
    if precision == "bfloat16":
        bits = vectors.view(xp.uint32)
        return ((bits + (((bits >> xp.uint32(16)) & xp.uint32(1)) + xp.uint32(0x7FFF))) >> xp.uint32(16)).astype(
            xp.uint16
        )
    return vectors


def widened(xp: Any, lower: Any, precision: Precision, scale: float) -> Any:
    """The numbers that ``lower``, a result of ``rounded``, stands for, exactly, as float64 and without the scale."""
    if precision == "bfloat16":
        lower = (lower.astype(xp.uint32) << xp.uint32(16)).view(xp.float32)
    return lower.astype(xp.float64) / scale


def _width(dim: int, precision: Precision) -> int:
    return -(-dim // ALIGNMENT) * ALIGNMENT if precision == "int8" else dim


@dataclass(frozen=True, slots=True)
class DeviceFaces:
    """The arrays of a `Gallery` on a device: ``vectors`` float32 (n, d), ``identity_ids`` and ``image_ids`` int64 (n,)."""

    vectors: Any
    identity_ids: Any
    image_ids: Any


class DeviceRows:
    """Rows of ``gallery`` on the current device of ``xp``, ``width`` values each; ``max_bytes`` is what they may take.

    ``faces`` are the exact vectors beside them, to score candidates where they are found; None where they do not fit.
    ``scale`` is what the rows are multiplied by before they are rounded; products of them are ``scale`` squared too large.
    ``error`` is the largest ||x - rounded x||, measured on the device in float64; float32 is taken for TF32, to which
    a GPU may round it. Threads share one object. Rows that do not fit are uploaded when they are asked for and
    dropped when they have not been used for longest, so a gallery larger than the device is streamed once per block.
    """

    def __init__(self, xp: Any, gallery: Gallery, precision: Precision, max_bytes: int) -> None:
        self._xp, self._gallery, self._precision = xp, gallery, precision
        self.width = _width(gallery.dim, precision)
        self._item = self.width * _BYTES[precision]
        self.resident = len(gallery) * self._item <= max_bytes
        self._max_bytes, self._bytes = max_bytes, 0
        self._parts: OrderedDict[tuple[int, int], Any] = OrderedDict()
        self._lock = threading.Lock()
        self._all: Any = xp.empty((len(gallery) if self.resident else 0, self.width), self._kind())
        self.faces = self._room_for_faces()
        self._chunk_rows = max(1, _CHUNK_BYTES // (4 * gallery.dim))
        starts = range(0, len(gallery), self._chunk_rows)
        with ThreadPoolExecutor(_LOADERS) as pool:
            if self.faces is not None:
                list(pool.map(self._on_this_device(self._load_faces), starts))
            self.scale = {"float16": FLOAT16_SCALE, "int8": gallery.scale or 0.0}.get(precision, 1.0)
            if not self.scale:
                # float32, so that the rounding multiplies by exactly the number that divides the codes.
                peak = max((float(each) for each in pool.map(self._on_this_device(self._peak), starts)), default=1.0)
                self.scale = float(np.float32(127.0 / peak))
            # Nothing waits for the device until all is under way: only then is a number asked for.
            largest = list(pool.map(self._on_this_device(self._load), starts))
        worst = max((float(each) for each in largest), default=0.0)
        self.error = TF32_ROUNDOFF * MAX_NORM if precision == "float32" else float(np.sqrt(worst)) + SLACK

    def _on_this_device(self, load: Callable[[slice], Any]) -> Callable[[int], Any]:
        """``load`` for the chunk that begins at a row, on another thread, which begins on the first device."""
        number = self._xp.cuda.Device().id if hasattr(self._xp, "cuda") else None

        def run(start: int) -> Any:
            with nullcontext() if number is None else self._xp.cuda.Device(number):
                return load(slice(start, min(start + self._chunk_rows, len(self._gallery))))

        return run

    def _load_faces(self, part: slice) -> None:
        if self.faces is not None:
            self.faces.vectors[part] = self._xp.asarray(self._gallery.vectors[part])

    def _peak(self, part: slice) -> Any:
        """The largest absolute value."""
        vectors = self._gallery.vectors[part] if self.faces is None else self.faces.vectors[part]
        highest, lowest = vectors.max(), vectors.min()
        return self._xp.maximum(highest, -lowest) if self.faces is not None else max(highest, -lowest)

    def _load(self, part: slice) -> Any:
        """Round a chunk; the largest square of what that changes in a row."""
        xp = self._xp
        vectors = xp.asarray(self._gallery.vectors[part]) if self.faces is None else self.faces.vectors[part]
        lower = rounded(xp, vectors, self._precision, self.scale)
        if self.resident:
            self._all[part] = lower
        residual = vectors.astype(xp.float64) - widened(xp, lower[:, : vectors.shape[1]], self._precision, self.scale)
        return (residual * residual).sum(axis=1).max()

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
        return rounded(self._xp, self._xp.asarray(vectors), self._precision, self.scale)

    def _kind(self) -> Any:
        return {"float32": np.float32, "float16": np.float16, "bfloat16": np.uint16, "int8": np.int8}[self._precision]
