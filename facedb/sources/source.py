"""What every format offers to the rest of facedb."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from facedb.core.records import ImageRecord, VectorBatch

ROWS_PER_BATCH = 8192


class Source(Protocol):
    """A place that faces and labels come from; read as a stream, in an order that is the same on every run."""

    @property
    def format(self) -> str:
        """The name of the format, as ``--format`` takes it."""
        ...

    @property
    def root(self) -> Path:
        """The folder that the paths and containers of all records are relative to."""
        ...

    @property
    def remarks(self) -> Sequence[str]:
        """What a person should know about how the source was read, in sentences; complete once it has been read to its end."""
        ...

    def records(self) -> Iterator[ImageRecord | VectorBatch]:
        """Yield one record for every file (or member, or row) seen, good or not.

        A batch of vectors stands for as many rows. Raises InputError where the source as a whole cannot be read.
        """
        ...

    def count_hint(self) -> int | None:
        """Return about how many files or rows there are, where that is cheap to know."""
        ...
