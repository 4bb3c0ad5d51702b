"""The product of a tile and the look at it in one kernel (Triton), so that no score is ever written to memory.

``hot_tiles`` multiplies int8 codes and keeps nothing of a small tile but its largest product: where that reaches the limit, as in one
of dozens, it appends the number of its tile. ``append_pairs`` multiplies the hot ones again and appends their pairs. Both sums are
exact, so they agree. Compaction in the first kernel spilled registers; a maximum does not.

A strip of rows stays in shared memory while the columns pass by, as far as it fits there (`shape_of`): at 512 values the second-level
cache hands out a third of what tiles of 128 x 256 would ask of it, and that is what they wait for. Compiled without a GPU in the tests;
timed on an H100 in `tests/bench/README.md`.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import triton
import triton.language as tl
from triton.errors import TritonError

from facedb.core.errors import EngineError, first_line


class Shape(NamedTuple):
    """The small tile of one program: ``height`` rows, ``width`` columns, ``depth`` values at a time, and how it is worked on."""

    height: int
    width: int
    depth: int
    warps: int
    stages: int

    def shared_bytes(self, codes: int) -> int:
        """Shared memory of a program on rows of ``codes`` values, to a kilobyte; ``stages`` times what does not stay."""
        rows = self.height * (codes if self.depth == codes else self.depth * self.stages)
        return rows + self.width * self.depth * self.stages + 1024


def shape_of(codes: int, shared_bytes: int) -> Shape:
    """The fastest shape for rows of ``codes`` values (a multiple of 64) on a GPU with ``shared_bytes`` of shared memory for a program."""
    strips = [Shape(256, 64, codes, 8, 3), Shape(256, 64, codes, 8, 2), Shape(128, 64, codes, 8, 2)]
    if codes <= 128:
        # A look takes as long as the product of so few values: more programs at a time hide it.
        strips = [Shape(128, 128, codes, 4, 3)]
    # Triton's ranges are powers of two.
    fitting = [each for each in strips if codes & (codes - 1) == 0 and each.shared_bytes(codes) <= shared_bytes]
    if fitting:
        return fitting[0]
    return Shape(128, 128, 128 if codes % 128 == 0 else 64, 4, 3)


@triton.jit
def products_of(rows, columns, i, j, DIM: tl.constexpr, HEIGHT: tl.constexpr, WIDTH: tl.constexpr, DEPTH: tl.constexpr):
    """The products int32 (HEIGHT, WIDTH) of the rows ``i`` with the columns ``j``."""
    k = tl.arange(0, DEPTH)
    left = rows + i[:, None] * DIM + k[None, :]
    right = columns + j[None, :] * DIM + k[:, None]
    products = tl.zeros((HEIGHT, WIDTH), dtype=tl.int32)
    for _ in range(0, DIM, DEPTH):
        products = tl.dot(tl.load(left), tl.load(right), products, out_dtype=tl.int32)
        left += DEPTH
        right += DEPTH
    return products


@triton.jit
def tell(products, lowest, hot, count, number):
    """Append ``number`` to ``hot`` if a product reaches ``lowest``."""
    reached = tl.max(tl.max(products, axis=1), axis=0) >= lowest
    place = tl.atomic_add(count, 1, mask=reached, sem="relaxed")
    tl.store(hot + place, number, mask=reached)


@triton.jit
def hot_tiles(
    rows,  # int8 (height, DIM): the codes of rows `row` to `row_stop` of the gallery
    columns,  # int8 (width, DIM): those of rows `column` to `column_stop`
    hot,  # int32, one for every small tile: the numbers of hot ones, in any order
    count,  # int32 (1,): how many there are
    lowest,
    row,
    column,
    row_stop,
    column_stop,
    span,  # the columns of one program, a multiple of WIDTH
    DIM: tl.constexpr,
    HEIGHT: tl.constexpr,
    WIDTH: tl.constexpr,
    DEPTH: tl.constexpr,
    STAGES: tl.constexpr,
):
    """Append the number of every small tile that may hold a pair column < row with a product of at least ``lowest``, along the columns.

    A tile on the diagonal is appended always, for its rows meet themselves; there are few. Programs beyond the last row or column
    take that one again, which adds no product that was not there.
    """
    first = row + tl.program_id(0) * HEIGHT
    start = column + tl.program_id(1) * span
    # A tile that lies on or above the diagonal as a whole holds no pair.
    end = tl.minimum(tl.minimum(start + span, column_stop), first + HEIGHT - 1)
    number = tl.program_id(0) * tl.cdiv(column_stop - column, WIDTH)
    i = tl.minimum(first + tl.arange(0, HEIGHT), row_stop - 1) - row
    if DEPTH == DIM:
        k = tl.arange(0, DIM)
        left = tl.load(rows + i[:, None] * DIM + k[None, :])
        for at in tl.range(start, end, WIDTH, num_stages=STAGES):
            j = tl.minimum(at + tl.arange(0, WIDTH), column_stop - 1) - column
            right = tl.load(columns + j[None, :] * DIM + k[:, None])
            products = tl.dot(left, right, out_dtype=tl.int32)
            tell(products, lowest, hot, count, number + (at - column) // WIDTH)
    else:
        for at in range(start, end, WIDTH):
            j = tl.minimum(at + tl.arange(0, WIDTH), column_stop - 1) - column
            products = products_of(rows, columns, i, j, DIM, HEIGHT, WIDTH, DEPTH)
            tell(products, lowest, hot, count, number + (at - column) // WIDTH)


@triton.jit
def append_pairs(
    rows,  # as above
    columns,
    row_labels,  # int64 (height,): the identities of the rows
    column_labels,
    hot,
    hot_count,
    hits,  # int32 (capacity, 3): row, column and product of pairs, in any order
    count,  # int32 (1,): how many there are; where they are more than the capacity, at least one more
    lowest,
    row,
    column,
    row_stop,
    column_stop,
    capacity,
    DIM: tl.constexpr,
    HEIGHT: tl.constexpr,
    WIDTH: tl.constexpr,
    DEPTH: tl.constexpr,
):
    """Append the pairs column < row of different identities with a product of at least ``lowest`` in the tiles that ``hot`` numbers."""
    across = tl.cdiv(column_stop - column, WIDTH)
    for place in range(tl.program_id(0), tl.load(hot_count), tl.num_programs(0)):
        # Nothing more is counted once the buffer has run over: the pieces are searched again, and 32 bits stay enough.
        if tl.load(count, volatile=True) <= capacity:
            number = tl.load(hot + place)
            i = number // across * HEIGHT + tl.arange(0, HEIGHT)
            j = number % across * WIDTH + tl.arange(0, WIDTH)
            some_i, some_j = tl.minimum(i, row_stop - row - 1), tl.minimum(j, column_stop - column - 1)
            products = products_of(rows, columns, some_i, some_j, DIM, HEIGHT, WIDTH, DEPTH)
            label, other = tl.load(row_labels + some_i), tl.load(column_labels + some_j)
            wanted = (products >= lowest) & (label[:, None] != other[None, :])
            wanted &= (row + i)[:, None] > (column + j)[None, :]
            wanted &= ((row + i) < row_stop)[:, None] & ((column + j) < column_stop)[None, :]
            one = tl.full((HEIGHT, WIDTH), 1, tl.int32)
            at = tl.atomic_add(count + one * 0, one, mask=wanted, sem="relaxed")
            wanted &= at < capacity
            tl.store(hits + at * 3, (row + i)[:, None] + one * 0, mask=wanted)
            tl.store(hits + at * 3 + 1, (column + j)[None, :] + one * 0, mask=wanted)
            tl.store(hits + at * 3 + 2, products, mask=wanted)


_POINTERS = {
    "rows": "*i8",
    "columns": "*i8",
    "row_labels": "*i64",
    "column_labels": "*i64",
    "hot": "*i32",
    "hot_count": "*i32",
    "hits": "*i32",
    "count": "*i32",
}


class MachineCode(NamedTuple):
    """A kernel as a ``cubin`` with its entry ``name``, for ``threads`` and ``shared_bytes`` of memory a program.

    ``more`` null pointers follow its own arguments: the memory that Triton hands to kernels that ask for some, as these do not.
    """

    cubin: bytes
    name: str
    threads: int
    shared_bytes: int
    more: int


def compiled(kernel: Any, codes: int, shape: Shape, capability: int) -> MachineCode:
    """``kernel`` for rows of ``codes`` values on compute ``capability`` (90 for 9.0); needs no GPU, and is kept in Triton's cache.

    Raises EngineError where Triton cannot.
    """
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    constants = constants_of(kernel, codes, shape)
    names = [name for name in kernel.arg_names if name not in constants]
    signature = {name: _POINTERS.get(name, "i32") for name in names} | dict.fromkeys(constants, "constexpr")
    # Arrays start on cache line borders, which lets loads be copied into shared memory while others are multiplied.
    aligned = {(place,): [["tt.divisibility", 16]] for place in (names.index("rows"), names.index("columns"))}
    source = ASTSource(fn=kernel, signature=signature, constexprs=constants, attrs=aligned)
    options = {"num_warps": shape.warps, "num_stages": shape.stages}
    try:
        machine = triton.compile(source, target=GPUTarget("cuda", capability, 32), options=options)
    except (TritonError, RuntimeError, OSError) as error:
        raise EngineError(f"Triton does not compile for this GPU: {first_line(error)}") from error
    entry = re.search(r"\.entry\s[^(]*\(([^)]*)\)", machine.asm["ptx"])
    parameters = entry.group(1).count(".param") if entry else len(names)
    facts = machine.metadata
    return MachineCode(machine.asm["cubin"], facts.name, 32 * shape.warps, facts.shared, parameters - len(names))


def constants_of(kernel: Any, codes: int, shape: Shape) -> dict[str, int]:
    """What is fixed when ``kernel`` is compiled."""
    values = {
        "DIM": codes,
        "HEIGHT": shape.height,
        "WIDTH": shape.width,
        "DEPTH": shape.depth,
        "STAGES": shape.stages,
    }
    return {name: value for name, value in values.items() if name in kernel.arg_names}
