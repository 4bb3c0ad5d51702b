"""What a scan of any size would take, computed: nothing is searched, only the kernel of this machine is measured.

With n faces of d values there are n (n - 1) / 2 pairs and d multiplications and additions for each, 2 d operations. A thread that does s
operations a second on a hot tile, `OF_THREAD` of that on one tile after another, and looks over the product of each pair in
`LOOK_SECONDS`, needs n (n - 1) / 2 (2 d / (s `OF_THREAD`) + `LOOK_SECONDS`) seconds for all; t threads on each of w machines a (t w)-th
of that. A prefix, where it pays, makes it less. A GPU is taken at `GPU_TERA` 10^12 int8 operations a second, what a whole search did.

The vectors are 4 n d bytes, written once as chunks. A worker that holds all of them, in `WHOLE_TIMES` their bytes, reads them once; one
that does not, reads the columns of each tile again: n (n - 1) / 2 / h vectors in all, where h is the height of a tile, the faces of a
block. Each machine reads over its network what its workers need, if the store of the chunks keeps up; without chunks all of it comes out
of one database, at `DATABASE_BYTES` a second.
"""

from __future__ import annotations

from dataclasses import dataclass

from facedb.core.defaults import BLOCK_ROWS
from facedb.scan.tiles.ledger import BLOCKS_WIDE
from facedb.scan.tiles.worker import WHOLE_TIMES

LOOK_SECONDS = 27e-6 / 512**2
"""The maximum of a tile of 512 x 512 takes 18 us of thread time and binding its arrays 9 (tests/bench/README.md)."""
OF_THREAD = 0.86
"""Of the speed on a hot tile, what products reach on one tile after another: 0.85 to 0.87 at 512 and 128 values (tests/bench/README.md)."""
DATABASE_BYTES = 0.3e9
"""The server's own COPY of 147,000 x 512 vectors a second, on one connection (`facedb bench load`)."""
GPU_TERA = 1196.0
"""10,000,000 x 512 in 42.8 s on one H100, from the first product to the last flagged pair (tests/bench/README.md)."""
PAIR_BYTES = 107
"""A flagged pair with its two indexes: 272,273 of them were 29.1 MB."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """``machines`` that each have ``units`` (threads, or GPUs) of ``tera`` 10^12 operations a second.

    Of these a ``share`` is reached, and ``look`` seconds come on top for each pair; ``memory`` bytes hold vectors in each machine, which
    reads ``network`` bytes a second.
    """

    name: str
    machines: int
    units: int
    tera: float
    share: float
    look: float
    memory: float
    network: float = 1.25e9


@dataclass(frozen=True, slots=True)
class Estimate:
    """A scan of ``faces`` x ``dim`` by a ``fleet``, computed; bytes, operations and seconds. ``held``: each machine holds all vectors."""

    fleet: Fleet
    faces: int
    dim: int
    pairs: int
    operations: float
    vector_bytes: int
    held: bool
    read_bytes: float
    read_seconds: float
    database_seconds: float
    tiles: int
    chance_pairs: float
    pair_bytes: float
    seconds: float


def tile_columns(rows: int) -> int:
    """The faces that a tile of blocks of ``rows`` is wide."""
    return BLOCKS_WIDE * max(rows, BLOCK_ROWS)


def estimate(fleet: Fleet, faces: int, dim: int, *, fmr: float, rows: int = BLOCK_ROWS) -> Estimate:
    """What ``fleet`` needs for a scan of ``faces`` x ``dim`` in blocks of ``rows``, at a false match rate ``fmr``."""
    pairs = faces * (faces - 1) // 2
    operations = 2.0 * dim * pairs
    vector_bytes = 4 * dim * faces
    held = WHOLE_TIMES * vector_bytes <= fleet.memory
    read = float(vector_bytes) * fleet.machines if held else 4.0 * dim * pairs / rows
    return Estimate(
        fleet,
        faces,
        dim,
        pairs,
        operations,
        vector_bytes,
        held,
        read,
        read / (fleet.machines * fleet.network),
        read / DATABASE_BYTES,
        max(1, pairs // (rows * tile_columns(rows))),
        pairs * fmr,
        pairs * fmr * PAIR_BYTES,
        (operations / (fleet.tera * 1e12 * fleet.share) + pairs * fleet.look) / (fleet.machines * fleet.units),
    )


def in_words(seconds: float) -> str:
    """Seconds as a person says them."""
    for unit, size in (("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"


def sized(count: float) -> str:
    """A number of bytes as a person says it (10^9 bytes are a GB)."""
    for unit, size in (("PB", 1e15), ("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if count >= size:
            return f"{count / size:,.1f} {unit}"
    return f"{count:,.0f} bytes"
