"""The int8 kernels: their arithmetic in Triton's interpreter against NumPy, and their machine code. Triton needs no GPU for either."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

if find_spec("triton") is None:  # uv sync --group kernels
    pytest.skip("Triton (1 GB) is not installed: uv sync --group kernels", allow_module_level=True)

# Looked at when Triton is imported, by nothing but these tests.
os.environ["TRITON_INTERPRET"] = "1"
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:triton", "ignore::DeprecationWarning")

from facedb.join.gpu import int8_kernels  # noqa: E402
from facedb.join.gpu.int8_kernels import Shape, shape_of  # noqa: E402


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


def pairs_by_kernels(
    codes: np.ndarray,
    labels: np.ndarray,
    row: tuple[int, int],
    column: tuple[int, int],
    lowest: int,
    shape: Shape,
    *,
    capacity: int = 4096,
) -> tuple[set[tuple[int, int, int]], int]:
    """What both kernels append for the rows ``row`` (start, stop) against the columns ``column`` of ``codes``, and its count."""
    rows, columns = (np.ascontiguousarray(codes[start:stop]) for start, stop in (row, column))
    span = 2 * shape.width
    hot, hot_count = np.full(1024, -1, np.int32), np.zeros(1, np.int32)
    hits, count = np.full((capacity, 3), -1, np.int32), np.zeros(1, np.int32)
    codes_of = tuple(map(Tensor, (rows, columns)))
    labels_of = tuple(Tensor(np.ascontiguousarray(labels[start:stop])) for start, stop in (row, column))
    found, told = tuple(map(Tensor, (hot, hot_count))), tuple(map(Tensor, (hits, count)))
    borders = (lowest, row[0], column[0], row[1], column[1])
    grid = -(-len(rows) // shape.height), -(-len(columns) // span)
    for kernel in (int8_kernels.hot_tiles, int8_kernels.append_pairs):
        constants = int8_kernels.constants_of(kernel, codes.shape[1], shape)
        if kernel is int8_kernels.hot_tiles:
            kernel[grid](*codes_of, *found, *borders, span, **constants)
        else:
            kernel[(3, 1)](*codes_of, *labels_of, *found, *told, *borders, capacity, **constants)
    numbers = hot[: int(hot_count[0])].tolist()
    assert len(set(numbers)) == len(numbers)
    kept = [tuple(hit) for hit in hits[: min(int(count[0]), capacity)].tolist()]
    assert len(set(kept)) == len(kept)
    return set(kept), int(count[0])


def pairs_by_numpy(
    codes: np.ndarray, labels: np.ndarray, row: tuple[int, int], column: tuple[int, int], lowest: int
) -> set[tuple[int, int, int]]:
    """The same by the definition."""
    products = codes[row[0] : row[1]].astype(np.int64) @ codes[column[0] : column[1]].astype(np.int64).T
    i, j = np.arange(*row)[:, None], np.arange(*column)[None, :]
    wanted = (products >= lowest) & (j < i) & (labels[i] != labels[j])
    return {(int(a) + row[0], int(b) + column[0], int(products[a, b])) for a, b in np.argwhere(wanted)}


STRIPS, DEEP = Shape(64, 32, 64, 4, 2), Shape(64, 64, 32, 4, 3)


@pytest.mark.parametrize("shape", [STRIPS, DEEP])
@pytest.mark.parametrize(("row", "column"), [((300, 560), (0, 300)), ((100, 400), (100, 400)), ((0, 130), (200, 460))])
@pytest.mark.parametrize("lowest", [30_000, 5_000])
def test_the_kernels_find_the_pairs_of_the_definition(
    shape: Shape, row: tuple[int, int], column: tuple[int, int], lowest: int
) -> None:
    rng = np.random.default_rng(1)
    codes = rng.integers(-40, 41, (600, 64)).astype(np.int8)
    codes[310], codes[555], codes[399] = codes[20], codes[290], codes[101]
    labels = np.arange(600) // 3
    found, count = pairs_by_kernels(codes, labels, row, column, lowest, shape, capacity=1 << 16)
    assert found == pairs_by_numpy(codes, labels, row, column, lowest)
    assert count == len(found)


@pytest.mark.parametrize("shape", [STRIPS, DEEP])
def test_sums_of_the_largest_codes_are_exact_and_the_limit_itself_is_reached(shape: Shape) -> None:
    codes, labels = np.zeros((300, 64), np.int8), np.arange(300)
    codes[0], codes[200] = 127, 127
    largest = 64 * 127**2
    assert pairs_by_kernels(codes, labels, (150, 300), (0, 120), largest, shape) == ({(200, 0, largest)}, 1)
    assert pairs_by_kernels(codes, labels, (150, 300), (0, 120), largest + 1, shape) == (set(), 0)


def test_more_pairs_than_there_is_room_for_are_told_and_nothing_is_written_behind_the_buffer() -> None:
    codes, labels = np.ones((900, 64), np.int8), np.arange(900)
    found, count = pairs_by_kernels(codes, labels, (512, 900), (0, 512), 1, STRIPS, capacity=30)
    assert len(found) == 30
    # It stops soon after: one tile of each of three programs.
    assert 30 < count <= 30 + 3 * STRIPS.height * STRIPS.width


@pytest.mark.parametrize("codes", [64, 128, 192, 512, 1280])
def test_a_shape_fits_the_shared_memory_that_it_was_chosen_for(codes: int) -> None:
    for shared in (100 << 10, 164 << 10, 227 << 10):
        shape = shape_of(codes, shared)
        assert shape.shared_bytes(codes) <= shared
        assert codes % shape.depth == 0


COMPILE = """
import sys
from facedb.join.gpu import int8_kernels
codes = int(sys.argv[2])
code = int8_kernels.compiled(getattr(int8_kernels, sys.argv[1]), codes, int8_kernels.shape_of(codes, 232448), 90)
open(sys.argv[3], "wb").write(code.cubin)
sys.stdout.write(f"{code.shared_bytes} {code.more}")
"""


@pytest.mark.parametrize("codes", [128, 512, 1280])
def test_it_compiles_for_an_h100_to_tensor_core_instructions_without_a_spilled_register(
    codes: int, tmp_path: Path
) -> None:
    cubin = tmp_path / "hot.cubin"
    without = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    command = [sys.executable, "-W", "ignore", "-c", COMPILE, "hot_tiles", str(codes), str(cubin)]
    told = subprocess.run(command, env=without, capture_output=True, text=True, check=True).stdout
    shared_bytes, more = (int(word) for word in told.split())
    assert shared_bytes <= shape_of(codes, 232_448).shared_bytes(codes) <= 232_448
    assert 0 <= more <= 2
    tools = Path(str(find_spec("triton").origin)).parent / "backends" / "nvidia" / "bin"  # type: ignore[union-attr]
    used = subprocess.run([tools / "cuobjdump", "-res-usage", cubin], capture_output=True, text=True, check=True)
    words = dict(word.split(":", 1) for word in used.stdout.split() if word.startswith(("REG:", "STACK:", "LOCAL:")))
    assert (words["STACK"], words["LOCAL"]) == ("0", "0")
    assert "IGMMA" in subprocess.run([tools / "nvdisasm", cubin], capture_output=True, text=True, check=True).stdout
