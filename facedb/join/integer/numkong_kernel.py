"""Integer products by NumKong (Apache-2.0): AMX, AVX-512 VNNI, AVX-VNNI, AVX2, NEON or plain C, whatever the processor has."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facedb.join.error_bounds import LARGEST_CODE
from facedb.join.integer.kernel import Multiply


class NumKong:
    """int8 x int8 with sums in int32; the fastest where there is AMX."""

    name = "NumKong"
    largest = LARGEST_CODE
    height, width = 512, 512

    def missing(self) -> str | None:
        return None if importlib.util.find_spec("numkong") else "NumKong is not installed"

    def pack(self, codes: NDArray[np.int8]) -> Any:
        import numkong

        return numkong.dots_pack(codes)

    def convert(self, codes: NDArray[np.int8]) -> NDArray[Any]:
        return codes

    def multiplier(self, output: NDArray[np.int32]) -> Multiply:
        import numkong

        dots: Any = numkong.dots_packed
        tensor = numkong.from_pointer(output.ctypes.data, output.shape, "int32", owner=output)

        def product(rows: NDArray[Any], panel: Any) -> None:
            dots(rows, panel, out=tensor)

        return product
