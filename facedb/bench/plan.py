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
from typing import Self

from facedb.core.defaults import BLOCK_ROWS
from facedb.join.error_bounds import ALIGNMENT
from facedb.join.integer import kernels
from facedb.join.processor import processor_name
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
    reads ``network`` bytes a second. ``known_by`` says in words where ``tera`` comes from.
    """

    name: str
    machines: int
    units: int
    tera: float
    share: float
    look: float
    memory: float
    network: float = 1.25e9
    known_by: str = ""

    @classmethod
    def of_gpus(cls, machines: int, gpus: int, tera: float | None, memory: float, network: float) -> Self:
        """Machines with so many ``gpus``, as fast as an H100 unless ``tera`` says otherwise."""
        known_by = f"{tera:g} as given" if tera else f"{GPU_TERA:g}, what a search of ten million faces did on an H100"
        return cls("GPUs", machines, gpus, tera or GPU_TERA, 1.0, 0.0, memory, network, known_by)

    @classmethod
    def of_threads(
        cls, machines: int, threads: int, tera: float | None, memory: float, network: float, *, dim: int
    ) -> Self:
        """Machines with so many ``threads``, as fast as one here with vectors of ``dim`` values unless ``tera`` says otherwise."""
        if tera:
            known_by = f"{tera:g} as given"
        else:
            best = kernels.measure(-(-dim // ALIGNMENT) * ALIGNMENT)[0]
            tera = best.tera_per_s or 0.0
            known_by = f"{tera:.2f} measured here ({best.name}, {processor_name()})"
        return cls("threads", machines, threads, tera, OF_THREAD, LOOK_SECONDS, memory, network, known_by)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A scan of ``faces`` x ``dim`` in blocks of ``rows`` by a ``fleet``, at a false match rate ``fmr``, computed; bytes, operations and
    seconds. ``held``: each machine holds all vectors."""

    fleet: Fleet
    faces: int
    dim: int
    rows: int
    fmr: float
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
        rows,
        fmr,
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
