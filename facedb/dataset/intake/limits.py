"""What the table can hold of an input; what goes beyond is one reject, and the rest goes on.

A b-tree of PostgreSQL takes no entry above 2,704 bytes, a bigint no time after the year 2262, and text neither zero bytes
nor half characters.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from facedb.core import rejects
from facedb.core.files.image_format import LARGEST_FILE
from facedb.core.files.paths import are_plain
from facedb.core.records import ImageRecord, VectorBatch
from facedb.core.rejects import Problem
from facedb.dataset.intake.storable import LAST_TIME, NAME_BYTES, storable_time, wrong_name

FILE_BYTES = LARGEST_FILE
_KEPT_OF_A_NAME = 1000
_LONGEST_CHARACTER = 4


def admit(record: ImageRecord) -> ImageRecord:
    """``record`` as the table can hold it: with a problem and a name that fits where it goes beyond a limit."""
    problem = record.problem
    path, reason = _path(record.path)
    if reason is not None:
        problem = reason
    identity = record.identity
    if identity is not None and (wrong := wrong_name(identity, "label")) is not None:
        identity, problem = None, wrong
    container = record.container
    if container is not None and (wrong := wrong_name(container, "name of the container")) is not None:
        return ImageRecord(path, identity, _size(record.size), problem=wrong)
    box, landmarks = record.box, record.landmarks
    if not (_real(box) and _real(landmarks)):
        box = landmarks = None
        problem = problem or rejects.problem(rejects.BAD_RECORD, "The box or a landmark is not a number that fits.")
    if max(record.size, record.length or 0) > FILE_BYTES and record.ignored is None:
        problem = problem or rejects.problem(
            rejects.TOO_LARGE, f"The file has {record.size:,} bytes; a photo has at most {FILE_BYTES:,}."
        )
    return replace(
        record,
        path=path,
        identity=identity,
        problem=problem,
        box=box,
        landmarks=landmarks,
        size=_size(record.size),
        mtime_ns=storable_time(record.mtime_ns),
        ignored=None if problem else record.ignored,
    )


def admit_vectors(batch: VectorBatch) -> tuple[VectorBatch, list[ImageRecord]]:
    """The rows of a batch that the table can hold, and the others as records with their problem."""
    refused: list[ImageRecord] = []
    if _all_fit(batch.paths) and _all_fit([name for name in set(batch.identities) if name]):
        return batch, refused
    kept: list[int] = []
    for k, (path, identity) in enumerate(zip(batch.paths, batch.identities, strict=True)):
        record = admit(ImageRecord(path, identity, 4 * batch.vectors.shape[1]))
        if record.problem is None:
            kept.append(k)
        else:
            refused.append(record)
    if not refused:
        return batch, refused
    return batch.take(kept), refused


def refused_by_the_table(record: ImageRecord, why: str) -> ImageRecord:
    """A record without anything that the table could refuse, in place of one that it refused nevertheless."""
    path, _ = _path(record.path)
    detail = f"The database cannot hold what the source says of it: {why}."
    return ImageRecord(path, None, _size(record.size), problem=rejects.problem(rejects.BAD_RECORD, detail))


def _all_fit(names: Sequence[str]) -> bool:
    """Whether every name certainly fits, by one check of all: checking each would be half the work of an ingest of vectors."""
    return _LONGEST_CHARACTER * max(map(len, names), default=0) <= NAME_BYTES and are_plain(names)


def _path(path: str) -> tuple[str, Problem | None]:
    """The path itself, or one that stands for it with the reason; equal paths give equal ones on every run."""
    wrong = wrong_name(path, "path")
    if wrong is None:
        return path, None
    plain = path.encode("utf-8", "backslashreplace").replace(b"\0", b"\\0")
    head = plain[:_KEPT_OF_A_NAME].decode("utf-8", "ignore")
    digest = hashlib.sha256(path.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"{head}…{digest}", wrong


def _size(size: int) -> int:
    return max(0, min(LAST_TIME, size))


def _real(values: tuple[float, ...] | None) -> bool:
    if values is None:
        return True
    with np.errstate(over="ignore"):
        try:
            return bool(np.isfinite(np.asarray(values, np.float64).astype(np.float32)).all())
        except (OverflowError, TypeError, ValueError):
            return False
