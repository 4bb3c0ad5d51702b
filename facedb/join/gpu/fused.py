"""The product of a tile and the look at it in one kernel (Triton), so that no score is ever written to memory.

A program multiplies 128 rows with 256 columns of codes, int8 or float16, and keeps nothing but the largest product: where that reaches
the limit, as in one tile of thousands, it appends the number of its tile. Such hot tiles are computed again by the kernel of
`facedb.join.gpu.cuda`, which appends the pairs. Compaction in this kernel spilled registers; a maximum does not.

It is compiled in the tests, for wgmma and without a spilled register, and its arithmetic is checked in Triton's interpreter. It has **not
been run on a GPU**, and no engine uses it yet.
"""

from __future__ import annotations

from typing import Any

import triton
import triton.language as tl

HEIGHT, WIDTH, DEPTH = 128, 256, 64
"""Rows and columns of the tile of one program, and the values of a vector that it takes in at a time."""
WARPS, STAGES = 8, 3


@triton.jit
def hot_tiles(
    rows,  # (height, DIM) codes of rows `row` and on of the gallery
    columns,  # (width, DIM) codes of rows `column` and on
    hot,  # int32 (capacity,): the numbers of hot tiles, in any order
    count,  # int32 (1,): how many there are, also beyond the capacity
    lowest,
    row,
    column,
    height,
    width,
    capacity,
    DIM: tl.constexpr,
    ACCUMULATOR: tl.constexpr,
    HEIGHT: tl.constexpr,
    WIDTH: tl.constexpr,
    DEPTH: tl.constexpr,
):
    """Append the number of every tile that may hold a pair column < row with a product of at least ``lowest``, counted along the columns.

    A tile on the diagonal is appended always, for its rows meet themselves; there is one in each row of tiles. Programs beyond the
    last row or column take that one again, which adds no product that was not there.
    """
    down, across = tl.program_id(0), tl.program_id(1)
    # A tile that lies on or above the diagonal as a whole holds no pair.
    if column + across * WIDTH < row + down * HEIGHT + HEIGHT - 1:
        i = tl.minimum(down * HEIGHT + tl.arange(0, HEIGHT), height - 1)
        j = tl.minimum(across * WIDTH + tl.arange(0, WIDTH), width - 1)
        k = tl.arange(0, DEPTH)
        left = rows + i[:, None] * DIM + k[None, :]
        right = columns + j[None, :] * DIM + k[:, None]
        products = tl.zeros((HEIGHT, WIDTH), dtype=ACCUMULATOR)
        for _ in range(0, DIM, DEPTH):
            products = tl.dot(tl.load(left), tl.load(right), products, out_dtype=ACCUMULATOR)
            left += DEPTH
            right += DEPTH
        if tl.max(tl.max(products, axis=1), axis=0) >= lowest:
            place = tl.atomic_add(count, 1)
            if place < capacity:
                tl.store(hot + place, down * tl.num_programs(1) + across)


def compiled(codes: str, dim: int, capability: int = 90) -> Any:
    """The kernel for ``codes`` (``i8`` or ``fp16``) of ``dim`` values, a multiple of `DEPTH`, as machine code; needs no GPU."""
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    sums = "i32" if codes == "i8" else "fp32"
    signature = {"rows": f"*{codes}", "columns": f"*{codes}", "hot": "*i32", "count": "*i32", "lowest": sums}
    signature |= dict.fromkeys(("row", "column", "height", "width", "capacity"), "i32")
    constants = constants_of(codes, dim)
    signature |= dict.fromkeys(constants, "constexpr")
    # Rows start on cache line borders, which lets loads be copied into shared memory while others are multiplied.
    aligned = {(number,): [["tt.divisibility", 16]] for number in range(4)}
    source = ASTSource(fn=hot_tiles, signature=signature, constexprs=constants, attrs=aligned)
    return triton.compile(
        source, target=GPUTarget("cuda", capability, 32), options={"num_warps": WARPS, "num_stages": STAGES}
    )


def constants_of(codes: str, dim: int) -> dict[str, Any]:
    """What is fixed when the kernel is compiled: sums in int32 for int8, else in float32."""
    return {
        "DIM": dim,
        "ACCUMULATOR": tl.int32 if codes == "i8" else tl.float32,
        "HEIGHT": HEIGHT,
        "WIDTH": WIDTH,
        "DEPTH": DEPTH,
    }
