"""Leaving out what ``--exclude`` names: the rows stay, as ignored ones that say why."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from facedb.core.errors import UsageError
from facedb.core.records import ImageRecord, VectorBatch
from facedb.sources import problems
from facedb.sources.source import Source

_PIECES = re.compile(r"\*\*/?|\*|\?|\[!?[^\]]+\]|.", re.DOTALL)


def pattern(globs: Sequence[str]) -> re.Pattern[str]:
    """Return the expression that finds what ``globs`` name in a relative path.

    A glob without ``/`` names a file or folder anywhere (``thumb_*``, ``@old``), one with ``/`` a path from the root
    (``ann/2019/*``); ``*`` and ``?`` stop at ``/``, ``**`` does not. A folder stands for all below it. Upper and lower case differ.
    Raises UsageError for a glob that names nothing.
    """
    parts = []
    for glob in globs:
        name = glob.removeprefix("./").rstrip("/")
        anchored = "/" in name
        name = name.lstrip("/")
        if not name:
            raise UsageError(f"--exclude {glob!r} names nothing: give a name or a path, such as 'thumb_*'.")
        parts.append(("" if anchored else "(?:.*/)?") + _translated(name, glob) + "(?:/.*)?")
    return re.compile("|".join(parts), re.DOTALL)


def _translated(name: str, glob: str) -> str:
    texts = []
    for piece in _PIECES.findall(name):
        if piece == "**/":
            texts.append("(?:.*/)?")
        elif piece == "**":
            texts.append(".*")
        elif piece == "*":
            texts.append("[^/]*")
        elif piece == "?":
            texts.append("[^/]")
        elif piece.startswith("[") and len(piece) > 2:
            negated = piece[1] == "!"
            inner = piece[1 + negated : -1].replace("\\", "\\\\").replace("[", "\\[").replace("^", "\\^")
            texts.append(f"[{'^/' if negated else ''}{inner}]")
        else:
            texts.append(re.escape(piece))
    text = "".join(texts)
    try:
        re.compile(text)
    except re.error as error:
        raise UsageError(f"--exclude {glob!r} is not a pattern of names ({error}): correct it.") from error
    return text


class Excluding:
    """A source whose records that a pattern names are ignored, whatever else is wrong with them."""

    def __init__(self, source: Source, globs: Sequence[str]) -> None:
        self._source = source
        self._pattern = pattern(globs)

    @property
    def format(self) -> str:
        """The name of the format."""
        return self._source.format

    @property
    def root(self) -> Path:
        """The folder that all paths are relative to."""
        return self._source.root

    @property
    def remarks(self) -> Sequence[str]:
        """What the source has to say of itself."""
        return self._source.remarks

    def records(self) -> Iterator[ImageRecord | VectorBatch]:
        """Yield what the source yields, with what is excluded as ignored records."""
        for item in self._source.records():
            if isinstance(item, VectorBatch):
                yield from self._rows(item)
            elif self._pattern.fullmatch(item.path):
                yield replace(item, ignored=problems.EXCLUDED, problem=None)
            else:
                yield item

    def count_hint(self) -> int | None:
        """Return what the source returns."""
        return self._source.count_hint()

    def _rows(self, batch: VectorBatch) -> Iterator[ImageRecord | VectorBatch]:
        out = [self._pattern.fullmatch(path) is not None for path in batch.paths]
        if not any(out):
            yield batch
            return
        kept = np.flatnonzero(~np.array(out))
        if len(kept):
            yield batch.take(kept)
        for path, identity, left_out in zip(batch.paths, batch.identities, out, strict=True):
            if left_out:
                yield ImageRecord(path, identity, 4 * batch.vectors.shape[1], ignored=problems.EXCLUDED)
