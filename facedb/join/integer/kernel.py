"""What a kernel is: a library that multiplies int8 codes exactly.

It multiplies rows of codes (h, k) with a panel of columns (w, k), packed once, into int32 (h, w) without rounding.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Multiply = Callable[[NDArray[Any], Any], None]
"""Of rows (h, k) converted and C-contiguous, and a panel of w columns: fills the output (h, w) it is bound to with the products."""


class Kernel(Protocol):
    """A library that multiplies int8 codes; its methods are called from several threads at once."""

    height: int
    width: int
    """Rows and columns of the tiles that it multiplies fastest; the int32 products of one stay in the second-level cache."""

    @property
    def name(self) -> str: ...

    @property
    def largest(self) -> int:
        """The largest code, on both sides of zero, whose products it adds without an error here."""

    def missing(self) -> str | None:
        """Why it cannot be used here, None if it can."""

    def pack(self, codes: NDArray[np.int8]) -> Any:
        """A panel of columns from their codes, C-contiguous (w, k)."""

    def convert(self, codes: NDArray[np.int8]) -> NDArray[Any]:
        """The codes (n, k) of rows in the form that ``multiplier`` takes, changed in place; converted twice they are codes again."""

    def multiplier(self, output: NDArray[np.int32]) -> Multiply:
        """A function (rows (h, k) converted and C-contiguous, panel of w columns) that fills ``output`` (h, w) with the products."""
