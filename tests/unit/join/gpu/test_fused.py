"""The fused kernel: its arithmetic in Triton's interpreter against NumPy, and its machine code. Triton needs no GPU for either.

uv pip install triton && pytest tests/unit/join/gpu/test_fused.py
"""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

if find_spec("triton") is None:
    pytest.skip("Triton (1 GB) is not installed: uv pip install triton", allow_module_level=True)

# Looked at when Triton is imported, by nothing but these tests.
os.environ["TRITON_INTERPRET"] = "1"
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:triton", "ignore::DeprecationWarning")

HEIGHT, WIDTH = 128, 256


class Tensor:
    """A NumPy array with the few methods of a torch tensor that the interpreter asks for."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array
        self.dtype = f"torch.{array.dtype}"
        self.shape = array.shape

    def data_ptr(self) -> int:
        return int(self.array.ctypes.data)

    def untyped_storage(self) -> Tensor:
        return self

    def cpu(self) -> Tensor:
        return self

    def copy_(self, other: Tensor) -> None:
        assert np.shares_memory(other.array, self.array) or not self.array.size

    def new_empty(self, *_: Any, **__: Any) -> Tensor:
        return Tensor(self.array[:0])

    def set_(self, storage: Tensor, *_: Any) -> None:
        self.__init__(storage.array)  # type: ignore[misc]

    def storage_offset(self) -> int:
        return 0

    def size(self) -> tuple[int, ...]:
        return self.array.shape

    def stride(self) -> tuple[int, ...]:
        return tuple(step // self.array.itemsize for step in self.array.strides)


def hot_by_kernel(
    codes: np.ndarray, row: tuple[int, int], column: tuple[int, int], lowest: float, capacity: int = 64
) -> tuple[set[int], int]:
    """What the kernel appends for the rows ``row`` (start, stop) against the columns ``column`` of ``codes``, and its count."""
    from facedb.join.gpu.fused import constants_of, hot_tiles

    rows, columns = (np.ascontiguousarray(codes[start:stop]) for start, stop in (row, column))
    hot, count = np.full(capacity, -1, np.int32), np.zeros(1, np.int32)
    grid = -(-len(rows) // HEIGHT), -(-len(columns) // WIDTH)
    arguments = (row[0], column[0], len(rows), len(columns), capacity)
    kind = "i8" if codes.dtype == np.int8 else "fp16"
    limit = int(lowest) if kind == "i8" else float(lowest)
    constants = constants_of(kind, codes.shape[1])
    hot_tiles[grid](*map(Tensor, (rows, columns, hot, count)), limit, *arguments, **constants)
    return set(hot[hot >= 0].tolist()), int(count[0])


def hot_by_numpy(
    codes: np.ndarray, row: tuple[int, int], column: tuple[int, int], lowest: float
) -> tuple[set[int], set[int]]:
    """The tiles that hold a pair column < row of at least ``lowest``; and those that lie on the diagonal, which may be told too."""
    wide = codes.astype(np.float64)
    products = wide[row[0] : row[1]] @ wide[column[0] : column[1]].T
    i = np.arange(products.shape[0])[:, None] + np.zeros(products.shape, np.int64)
    j = np.arange(products.shape[1])[None, :] + np.zeros(products.shape, np.int64)
    across = -(-(column[1] - column[0]) // WIDTH)
    number = i // HEIGHT * across + j // WIDTH
    before = j + column[0] < i + row[0]
    hot = set(number[before & (products >= lowest)].tolist())
    touched = {int(n) for n in np.unique(number) if before[number == n].any() and not before[number == n].all()}
    return hot, touched


@pytest.mark.parametrize("kind", [np.int8, np.float16])
@pytest.mark.parametrize(("row", "column"), [((300, 560), (0, 300)), ((100, 400), (100, 400)), ((0, 130), (200, 460))])
def test_the_kernel_tells_the_tiles_that_hold_a_candidate_and_none_beside_them(
    kind: type, row: tuple[int, int], column: tuple[int, int]
) -> None:
    rng = np.random.default_rng(1)
    codes = rng.integers(-40, 41, (600, 64)).astype(np.int8)
    codes[310], codes[555] = codes[20], codes[290]
    if kind is np.float16:
        codes = (codes / np.linalg.norm(codes.astype(float), axis=1, keepdims=True)).astype(np.float16)
    lowest = 0.9 if kind is np.float16 else 30_000
    wanted, diagonal = hot_by_numpy(codes, row, column, lowest)
    found, count = hot_by_kernel(codes, row, column, lowest)
    assert count == len(found)
    assert wanted <= found <= wanted | diagonal


def test_sums_of_the_largest_codes_are_exact_and_the_limit_itself_is_hot() -> None:
    codes = np.zeros((300, 128), np.int8)
    codes[0], codes[200] = 127, 127
    assert hot_by_kernel(codes, (150, 300), (0, 120), 128 * 127**2)[0] == {0}
    assert hot_by_kernel(codes, (150, 300), (0, 120), 128 * 127**2 + 1)[0] == set()


def test_more_hot_tiles_than_there_is_room_for_are_counted() -> None:
    codes = np.ones((900, 64), np.int8)
    found, count = hot_by_kernel(codes, (512, 900), (0, 512), 1, capacity=3)
    assert (len(found), count) == (3, 8)


COMPILE = """
import sys
from facedb.join.gpu.fused import compiled
machine = compiled(sys.argv[1], 512)
open(sys.argv[2], "wb").write(machine.asm["cubin"])
sys.stdout.write(machine.asm["ptx"])
"""


@pytest.mark.parametrize("codes", ["i8", "fp16"])
def test_it_compiles_for_an_h100_to_tensor_core_instructions_without_a_spilled_register(
    codes: str, tmp_path: Path
) -> None:
    cubin = tmp_path / "hot.cubin"
    without = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    command = [sys.executable, "-c", COMPILE, codes, str(cubin)]
    ptx = subprocess.run(command, env=without, capture_output=True, text=True, check=True).stdout
    assert "wgmma.mma_async" in ptx
    found = find_spec("triton")
    assert found is not None
    assert found.origin is not None
    tool = Path(found.origin).parent / "backends" / "nvidia" / "bin" / "cuobjdump"
    told = subprocess.run([tool, "-res-usage", cubin], capture_output=True, text=True, check=True)
    words = (told.stdout + told.stderr).split()
    used = dict(word.split(":", 1) for word in words if word.startswith(("REG:", "STACK:", "LOCAL:")))
    assert int(used["REG"]) <= 192
    assert (used["STACK"], used["LOCAL"]) == ("0", "0")
