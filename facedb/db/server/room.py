"""Room on the disk of the embedded server, which stops, and does not start again, where its log finds none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from psycopg import errors

from facedb.core.errors import DatabaseError
from facedb.core.files.paths import display
from facedb.core.machine.disk import free, megabytes

NEEDED = 64 << 20
"""Bytes that must be free: two segments of the log (16 MB each) while a third and a batch of rows are written."""


def expect(data: Path) -> None:
    """Raise DatabaseError where less is free than the server needs to go on."""
    if free(data) < NEEDED:
        raise DatabaseError(full(data))


def full(data: Path) -> str:
    """The sentence for a disk that has no room for the server."""
    return (
        f"The disk of the embedded database is full: {display(data)} has {megabytes(free(data))} free, and PostgreSQL needs at "
        f"least {megabytes(NEEDED)} to work; make room and run the command again, which goes on from what is finished."
    )


@contextmanager
def named(data: Path) -> Iterator[None]:
    """Say where the disk is that the server found full inside the block."""
    try:
        yield
    except DatabaseError as error:
        if isinstance(error.__cause__, errors.DiskFull) or (error.__cause__ is not None and free(data) < NEEDED // 4):
            raise DatabaseError(full(data)) from error
        raise
