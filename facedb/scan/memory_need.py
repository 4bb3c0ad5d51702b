"""What a scan needs of memory, computed before its work: a refusal with the numbers, rather than an end by the kernel halfway."""

from __future__ import annotations

from facedb.core.machine import memory

_BYTES_PER_FACE = 400
_BYTES_PER_PAIR = 190
"""What each flagged pair takes while the findings are made of them: (901 - 169) MB for 4.0 million of 40,000 x 128."""

_WORKER_BYTES = 96 << 20
"""What a worker takes beside its faces: a tile of 120,000 x 256 came to 250 MB in all."""

_LEAST_BYTES = 40 << 20
"""What a scan of any size takes: libraries of engines cannot even be loaded in less, and say so in words that help nobody."""

_WORK_BYTES = 312 << 20
"""What tiles, their scores, samples and the study of folders take beside the gallery (16,000 x 512: 390 MB with it) ..."""
_WORK_TIMES = 12
"""... and no more than so many times the vectors of a small one."""


def expect_any() -> None:
    """Raise TooLittleMemoryError where no scan of any size would fit."""
    memory.expect(_LEAST_BYTES, "A scan of any size", "free some, or raise the limit.")


def of_gallery(faces: int, dim: int, *, held: bool = True) -> int:
    """The vectors (not where others hold them), their codes with the packed copy of a kernel, and per face its keys, labels and the
    folders it is compared with, in bytes."""
    working = _LEAST_BYTES + min(_WORK_BYTES, _WORK_TIMES * 4 * faces * dim)
    return faces * ((6 if held else 2) * dim + _BYTES_PER_FACE) + working


def left_beside_tile(faces: int, dim: int, wanted: int) -> int:
    """How many of the ``wanted`` bytes a worker may keep beside a tile of so many ``faces``: strips, the copy of them that is searched,
    and its codes. Refuses where the tile alone does not fit."""
    strips = 4 * faces * dim
    searched = 6 * faces * dim + _WORKER_BYTES
    memory.expect(
        strips + searched,
        f"A tile of {faces:,} faces x {dim} values",
        "free some, or leave the scan to workers with more.",
    )
    room = memory.available()
    return wanted if room is None else room - searched


def expect_gallery(needed: int, faces: int, dim: int) -> None:
    """Refuse a gallery that this machine cannot hold before it is loaded, rather than fail after the search."""
    memory.expect(
        needed,
        f"A scan of {faces:,} faces x {dim} values",
        "free some, scan fewer datasets at once (--datasets), or take a machine with more.",
    )


def of_pairs(pairs: float) -> int:
    """What so many flagged pairs take beside the gallery while findings are made of them, in bytes."""
    return round(pairs * _BYTES_PER_PAIR)
