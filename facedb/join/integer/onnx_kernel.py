"""Integer products by ONNX Runtime's `MatMulInteger`: unsigned rows with zero point 128 by signed columns, sums in int32.

Twice to four times as fast as NumKong on processors with VNNI and without AMX, more than twice with AVX2 alone (README). On x86 without
VNNI the runtime adds two products in int16, where large ones saturate (onnxruntime pull request 12088), and only then in int32. So the
codes are smaller there: unsigned rows of at most 128 + 79 by columns of at most 79 make two products of 32,706 < 2**15.
"""

from __future__ import annotations

import functools
import importlib.util
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facedb.join.error_bounds import LARGEST_CODE
from facedb.join.integer.kernel import Multiply
from facedb.join.processor import saturates_unsigned

LARGEST_IN_INT16 = 79
"""The largest code of which two products with zero point 128 stay below 2**15."""

_ZERO_POINT = 128
_UINT8, _INT8, _INT32 = 2, 3, 6


class OnnxRuntime:
    """uint8 x int8 of codes of at most ``largest`` (None: what this processor adds without an error).

    The runtime comes with the extras `cpu` and `gpu`.
    """

    # Its loops take 24 rows and 256 columns at a time; it packs both sides anew in every call, the columns least often in a high tile.
    height, width = 768, 256

    def __init__(self, largest: int | None = None) -> None:
        self._largest = largest

    @property
    def largest(self) -> int:
        return self._largest or (LARGEST_IN_INT16 if saturates_unsigned() else LARGEST_CODE)

    @property
    def name(self) -> str:
        return "ONNX Runtime" if self.largest == LARGEST_CODE else f"ONNX Runtime (codes to {self.largest})"

    def missing(self) -> str | None:
        if importlib.util.find_spec("onnxruntime") is None:
            return "ONNX Runtime is not installed (the extra `cpu` or `gpu` brings it)"
        return None

    def pack(self, codes: NDArray[np.int8]) -> Any:
        return _value_of(np.ascontiguousarray(codes.T))

    def convert(self, codes: NDArray[np.int8]) -> NDArray[Any]:
        unsigned = codes.view(np.uint8)
        # x + 128 modulo 256; padding becomes the zero point and adds nothing.
        np.bitwise_xor(unsigned, np.uint8(_ZERO_POINT), out=unsigned)
        return unsigned

    def multiplier(self, output: NDArray[np.int32]) -> Multiply:
        return _Multiplier(output)


class _Multiplier:
    """Fills one output; bound once, since binding an array by its address in every call takes 3 us of 120 to 500."""

    def __init__(self, output: NDArray[np.int32]) -> None:
        self._session = _session()
        self._binding: Any = self._session.io_binding()
        # Holds the array, which the binding does not.
        self._output = _value_of(output)
        self._binding.bind_ortvalue_output("products", self._output)

    def __call__(self, rows: NDArray[Any], panel: Any) -> None:
        self._binding.bind_ortvalue_input("rows", _value_of(rows))
        self._binding.bind_ortvalue_input("columns", panel)
        self._session.run_with_iobinding(self._binding)


def _value_of(array: NDArray[Any]) -> Any:
    """A C-contiguous ``array`` as the runtime takes it, without a copy; holds the array."""
    import onnxruntime

    return onnxruntime.OrtValue.ortvalue_from_numpy(array)


@functools.cache
def _session() -> Any:
    """The one session that all threads share; each call runs on the thread that makes it."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model(), options, providers=["CPUExecutionProvider"])


def model() -> bytes:
    """The ONNX model products = MatMulInteger(rows, columns, zero point of rows), as protocol buffer bytes.

    Field numbers are those of onnx.proto3; written by hand because 200 bytes do not justify a dependency on `onnx`.
    """
    zero = _message(_number(2, _UINT8), _number(5, _ZERO_POINT), _text(8, "zero"))
    node = _message(
        *(_text(1, name) for name in ("rows", "columns", "zero")), _text(2, "products"), _text(4, "MatMulInteger")
    )
    graph = _message(
        _bytes(1, node),
        _text(2, "products"),
        _bytes(5, zero),
        _bytes(11, _value("rows", _UINT8)),
        _bytes(11, _value("columns", _INT8)),
        _bytes(12, _value("products", _INT32)),
    )
    return _message(_number(1, 8), _bytes(7, graph), _bytes(8, _number(2, 10)))


def _value(name: str, element: int) -> bytes:
    """A matrix of unknown size."""
    shape = _bytes(1, b"") + _bytes(1, b"")
    return _message(_text(1, name), _bytes(2, _bytes(1, _message(_number(1, element), _bytes(2, shape)))))


def _message(*fields: bytes) -> bytes:
    return b"".join(fields)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _text(field: int, value: str) -> bytes:
    return _bytes(field, value.encode())


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])
