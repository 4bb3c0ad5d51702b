"""What a look at a file means for its row: whether its bytes must be read, and whether they are what they were."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from facedb.core import rejects
from facedb.core.records import ImageRecord
from facedb.core.rejects import Problem
from facedb.dataset import image_rows
from facedb.dataset.intake.same_files import ALIAS_CODES
from facedb.dataset.intake.storable import storable_json

AWAY = (rejects.MISSING, rejects.UNREADABLE, rejects.DANGLING_LINK)
"""Codes of files that could not be read this time: what is known of their bytes stays until other bytes are seen."""


@dataclass(frozen=True, slots=True)
class Hashed:
    """A record with the SHA-256 of its bytes, or why they cannot be read."""

    record: ImageRecord
    result: bytes | OSError


def to_be_read(record: ImageRecord, before: image_rows.KnownImage | None) -> bool:
    """Whether the bytes must be hashed: everything that should be an image, unless size, time and place are as before."""
    if record.ignored or record.problem:
        return False
    if before is None or before.sha256 is None or record.mtime_ns is None:
        return True
    place = (record.size, record.mtime_ns, record.container, record.offset, record.length)
    return place != (before.size, before.mtime_ns, before.container, before.container_offset, before.container_length)


def row_of(
    record: ImageRecord,
    before: image_rows.KnownImage | None,
    found: Hashed | None,
    identities: Mapping[str, int],
    image_id: int,
) -> image_rows.ImageRow:
    """The row that a record makes, with what stays of the row that it had ``before`` (None: it is new)."""
    problem = record.problem
    if found is not None and isinstance(found.result, OSError):
        reason = found.result.strerror or str(found.result)
        problem = rejects.problem(rejects.UNREADABLE, f"The file cannot be read: {reason}.")
    status = "ignored" if record.ignored else "rejected" if problem else "ready"
    why = record.ignored or problem
    sha256: bytes | None = None
    if found is not None and isinstance(found.result, bytes):
        sha256 = found.result
    elif before is not None and (status == "ready" or (problem is not None and problem.code in AWAY)):
        sha256 = before.sha256
    if status == "ready" and before is not None and before.reject_code in ALIAS_CODES and sha256 == before.sha256:
        # Which names are one file is settled at the end; until then what was found the last time holds.
        status, why = before.status, Problem(str(before.reject_code), before.reject_detail or "")
    return image_rows.ImageRow(
        id=image_id,
        identity_id=identities[record.identity] if record.identity else None,
        status=status,
        reject_code=why.code if why else None,
        reject_detail=why.detail if why else None,
        path=record.path,
        size=record.size,
        mtime_ns=record.mtime_ns,
        sha256=sha256,
        container=record.container,
        container_offset=record.offset,
        container_length=record.length,
        box=record.box,
        landmarks=record.landmarks,
        extra=storable_json(record.extra),
    )


def is_void(row: image_rows.ImageRow, before: image_rows.KnownImage) -> bool:
    """Whether what models made of an image no longer holds; a file that is only out of reach keeps it."""
    if row.sha256 != before.sha256 or _face_of(row) != _face_of(before):
        return True
    return row.status != "ready" and row.reject_code not in (*AWAY, *ALIAS_CODES)


def differs(row: image_rows.ImageRow, before: image_rows.KnownImage) -> bool:
    """Whether a row differs from what the table holds."""
    label = before.identity_id if before.labelled_by == "person" else row.identity_id
    now = (
        row.size,
        row.mtime_ns,
        row.sha256,
        row.status,
        row.reject_code,
        label,
        row.container,
        row.container_offset,
        row.container_length,
        _face_of(row),
        row.extra or None,
    )
    return now != (
        before.size,
        before.mtime_ns,
        before.sha256,
        before.status,
        before.reject_code,
        before.identity_id,
        before.container,
        before.container_offset,
        before.container_length,
        _face_of(before),
        before.extra,
    )


def _face_of(image: image_rows.ImageRow | image_rows.KnownImage) -> tuple[bytes, bytes]:
    """Box and landmarks as the table keeps them, in float32: what a model cuts out depends on them."""
    return np.array(image.box or (), np.float32).tobytes(), np.array(image.landmarks or (), np.float32).tobytes()
