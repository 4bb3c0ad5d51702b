"""The ``.npy`` format as a stream: header first, then rows in portions, never an unpickled object."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from facedb.core.records import Float32Array
from facedb.sources.arrays.vectors import LONGEST_VECTOR, rows_per_batch
from facedb.sources.tables.columns import label

_MAGIC = b"\x93NUMPY"
_LONGEST_HEADER = 1 << 16
_LARGEST_ROW = 1 << 17
_LAST_CHARACTER = 0x10FFFF


class BadArrayError(ValueError):
    """An array cannot be used; the text is a sentence that says why and what to do."""


class Readable(Protocol):
    """Anything to read bytes from, forward."""

    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes."""


class ArrayStream:
    """One array of a ``.npy`` file or ``.npz`` member, rows read in order.

    ``shape`` is (n, ...); raises BadArrayError for what is no such array, for arrays of Python objects and for
    arrays stored column by column.
    """

    def __init__(self, file: Readable, name: str) -> None:
        self._file = file
        self._name = name
        start = file.read(10)
        if not start.startswith(_MAGIC) or len(start) < 10:
            raise BadArrayError(f"{name} is not in the .npy format.")
        wide = start[6] > 1
        length_field = start[8:10] + (file.read(2) if wide else b"")
        length = int.from_bytes(length_field, "little")
        header = file.read(length) if length <= _LONGEST_HEADER else b""
        self.shape, self.dtype, by_column = _parse(header, name)
        if self.dtype.hasobject:
            raise BadArrayError(
                f"{name} is an array of Python objects, which is not unpickled as it could run any code: "
                f"save it again as text or numbers (for instance array.astype(str))."
            )
        if not self.shape:
            raise BadArrayError(f"{name} is a single value, not an array of rows.")
        if by_column and len(self.shape) > 1:
            raise BadArrayError(f"{name} is stored column by column: save np.ascontiguousarray of it.")
        self.row_bytes = self.dtype.itemsize * math.prod(self.shape[1:])
        if self.row_bytes > _LARGEST_ROW:
            raise BadArrayError(f"{name} has rows of {self.row_bytes:,} bytes; {_LARGEST_ROW:,} are the most.")
        self._left = self.shape[0]

    @property
    def rows(self) -> int:
        """How many rows the array has."""
        return self.shape[0]

    def read_rows(self, count: int) -> NDArray[Any]:
        """Return the next ``count`` rows (fewer at the end), read-only; BadArrayError where the file ends before."""
        count = min(count, self._left)
        size = count * self.row_bytes
        data = self._file.read(size)
        if len(data) != size:
            raise BadArrayError(f"{self._name} ends after {self.rows - self._left:,} of {self.rows:,} rows.")
        self._left -= count
        if not size:
            return np.zeros((count, *self.shape[1:]), self.dtype)
        return np.frombuffer(data, self.dtype).reshape(count, *self.shape[1:])


class VectorStream:
    """An ArrayStream that must hold one vector a row: float numbers of shape (n, d) or (n, 1, d)."""

    def __init__(self, file: Readable, name: str) -> None:
        self._array = ArrayStream(file, name)
        shape = self._array.shape
        if self._array.dtype.kind != "f":
            raise BadArrayError(f"{name} holds {self._array.dtype}, not floating-point vectors.")
        if not (len(shape) == 2 or (len(shape) == 3 and shape[1] == 1)) or shape[-1] == 0:
            raise BadArrayError(f"{name} has the shape {shape}: one vector a row, (n, d) or (n, 1, d), is needed.")
        if shape[-1] > LONGEST_VECTOR:
            raise BadArrayError(f"{name} has vectors of {shape[-1]:,} values; {LONGEST_VECTOR:,} are the most.")
        self.rows, self.row_bytes = shape[0], self._array.row_bytes
        self.dim = shape[-1]

    def read_rows(self, count: int) -> Float32Array:
        """Return the next ``count`` vectors (fewer at the end), float32 (count, d); what float32 cannot hold is inf."""
        rows = self._array.read_rows(count)
        with np.errstate(over="ignore"):
            return rows.reshape(len(rows), self.dim).astype(np.float32, copy=False)


class TextStream:
    """An ArrayStream that must hold one name a row: text, bytes or whole numbers of shape (n,) or (n, 1).

    With ``floats`` also numbers that a missing value turned into floats.
    """

    def __init__(self, file: Readable, name: str, *, floats: bool = False) -> None:
        self._array = ArrayStream(file, name)
        shape = self._array.shape
        if self._array.dtype.kind not in ("USiuf" if floats else "USiu"):
            raise BadArrayError(f"{name} holds {self._array.dtype}, not names or numbers.")
        if not (len(shape) == 1 or (len(shape) == 2 and shape[1] == 1)):
            raise BadArrayError(f"{name} has the shape {shape}: one name a row is needed.")
        self.rows, self.row_bytes = shape[0], self._array.row_bytes

    def read_rows(self, count: int) -> list[str]:
        """Return the next ``count`` names (fewer at the end); bytes that are not UTF-8 survive as surrogates.

        Of numbers, 7.0 is named 7, and what is not finite has no name.
        """
        values = self._array.read_rows(count).ravel()
        if values.dtype.kind == "U" and values.dtype.itemsize:
            characters = values.view(np.dtype(np.uint32).newbyteorder(values.dtype.byteorder))
            if characters.max(initial=0) > _LAST_CHARACTER:
                raise BadArrayError("A name holds a number that is not a character.")
        try:
            names = values.tolist()
        except (ValueError, UnicodeError) as error:
            raise BadArrayError(f"A name cannot be read as text: {error}.") from error
        if values.dtype.kind == "S":
            return [name.decode("utf-8", "surrogateescape") for name in names]
        if values.dtype.kind == "f":
            return [label(name) or "" for name in names]
        return names if values.dtype.kind == "U" else list(map(str, names))


def batch_sizes(*arrays: VectorStream | TextStream) -> Iterator[int]:
    """Yield how many rows to read at a time of ``arrays`` of one length until all are read."""
    rows = arrays[0].rows
    step = rows_per_batch(max(array.row_bytes for array in arrays))
    for start in range(0, rows, step):
        yield min(step, rows - start)


@lru_cache(maxsize=4096)
def _parse(header: bytes, name: str) -> tuple[tuple[int, ...], np.dtype[Any], bool]:
    try:
        fields = ast.literal_eval(header.decode("utf-8", "replace"))
        shape = tuple(int(length) for length in fields["shape"])
        dtype = np.lib.format.descr_to_dtype(fields["descr"])
        by_column = bool(fields["fortran_order"])
    except (ValueError, SyntaxError, TypeError, KeyError, MemoryError, RecursionError) as error:
        raise BadArrayError(f"{name} has a damaged header.") from error
    if any(length < 0 for length in shape):
        raise BadArrayError(f"{name} has a damaged header.")
    return shape, dtype, by_column
