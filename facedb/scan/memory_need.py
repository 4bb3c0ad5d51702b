"""What a scan needs of memory, computed before its work: a refusal with the numbers, rather than being killed by the kernel halfway."""

from __future__ import annotations

from facedb.core.machine import memory

_LEAST_BYTES = 40 << 20
"""What a scan of any size takes: in less, the libraries of engines cannot even be loaded, and fail with messages that help nobody."""

_WORK_BYTES = 60 << 20
"""What tiles, samples and libraries that are loaded late take (51 MB of 16,000 x 512, less of larger ones: `tests/bench/README.md`) ..."""
_WORK_PER_VALUE = 64
"""... and no more than so many bytes a value of a small gallery (12 MB of 400 x 512)."""

_STUDY_PER_VALUE = 20
"""A value of a folder: its sum (8 bytes), its centre (4), and two copies of the latter or one of the former while cores are compared."""

_WORKER_BYTES = 96 << 20
"""What a worker takes beside its faces: a tile of 120,000 x 256 came to 250 MB in all."""

PAIR_BYTES = 256
"""What a flagged pair takes while findings are made of it; 12 while it waits."""
_LINK_BYTES = 320
"""A link and the findings of links: 575 MB of 13.0 million pairs, a million at once, in 942 thousand links, 567 of 1.5 in 1,019."""

_EVALUATED_FACE_BYTES = 400
"""What an evaluation keeps of a face beside what a scan does: its copy of the labels, its hashes, its picture."""


def expect_any() -> None:
    """Raise TooLittleMemoryError where no scan of any size would fit."""
    memory.expect(_LEAST_BYTES, "A scan of any size", "free some, or raise the limit.")


def of_gallery(faces: int, dim: int, folders: int, *, held: bool = True) -> int:
    """What a scan that knows who its ``faces`` are, in how many ``folders``, takes from there on, few flagged pairs assumed, in bytes:
    the vectors (not where others hold them), their codes, and what the study of folders keeps."""
    values = faces * dim
    working = min(_WORK_BYTES, _WORK_PER_VALUE * values)
    return (5 if held else 1) * values + _STUDY_PER_VALUE * folders * dim + working


def left_beside_tile(faces: int, dim: int, wanted: int) -> int:
    """How many of the ``wanted`` bytes a worker may keep beside a tile of so many ``faces``: strips, the copy of them that is searched,
    and its codes. Refuses where the tile alone does not fit."""
    strips = 4 * faces * dim
    searched = 5 * faces * dim + _WORKER_BYTES
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


def of_findings(pairs: float, links: float) -> int:
    """What findings take of so many ``pairs`` that are looked at together, and of all ``links``, in bytes."""
    return round(PAIR_BYTES * pairs + _LINK_BYTES * links)


def expect_findings(pairs: float, links: float) -> None:
    """Refuse findings that do not fit, before a search that leads to so many, or before they are made: pairs that are found are kept."""
    memory.expect(
        of_findings(pairs, links),
        f"Making findings of about {links:,.0f} links",
        "give it more and run this again, or scan with a higher threshold.",
    )


def of_evaluation(faces: int, dim: int, folders: int, pairs: float, links: float) -> int:
    """What the evaluation of a scan takes before it has read anything, in bytes: at first its vectors and a copy with mistakes, then that
    copy alone with what a scan takes; ``pairs`` and ``links`` as `of_findings` takes them."""
    vectors = max(of_gallery(faces, dim, folders), 8 * faces * dim)
    return vectors + _EVALUATED_FACE_BYTES * faces + of_findings(pairs, links)
