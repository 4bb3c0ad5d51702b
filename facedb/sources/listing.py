"""A text file with one image path a line, such as ``objects.txt``, or each ended by a zero byte (``find -print0``)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from facedb.core.errors import InputError
from facedb.core.records import ImageRecord
from facedb.sources import problems
from facedb.sources.files import inspect_file
from facedb.sources.identity import IdentityRule, identity_rule
from facedb.sources.options import SourceOptions
from facedb.sources.paths import below

_CHUNK = 1 << 16
_BOM = b"\xef\xbb\xbf"


class ListSource:
    """The files that a list names; a path that comes twice in the list comes out twice."""

    format = "list"

    def __init__(self, path: Path, options: SourceOptions) -> None:
        self._list = path.absolute()
        self.root = (options.root or self._list.parent).absolute()
        self._identity = identity_rule(options)

    def records(self) -> Iterator[ImageRecord]:
        """Yield one record per line that is not blank, in the order of the list."""
        for line in _lines(self._list):
            yield named_file(self.root, os.fsdecode(line), self._identity)

    def count_hint(self) -> int | None:
        """Return the number of lines."""
        return count_lines(self._list)


def named_file(root: Path, given: str, identity: IdentityRule) -> ImageRecord:
    """Return the record of a file that a list or table names as an image, its identity found by the rule."""
    path = below(root, given)
    if path is None:
        detail = f"The path leads out of {root}: name the folder that holds all the images as the root."
        return ImageRecord(given, None, 0, problem=replace(problems.OUTSIDE_ROOT, detail=detail))
    return inspect_file(os.path.join(root, path), path, identity(path), named=True)


def count_lines(path: Path) -> int | None:
    """Return how many lines a file has, or names that end in a zero byte; None where it cannot be read."""
    try:
        with path.open("rb") as file:
            end = b"\0" if b"\0" in file.read(_CHUNK) else b"\n"
            file.seek(0)
            lines, last = 0, end
            while chunk := file.read(1 << 20):
                lines += chunk.count(end)
                last = chunk[-1:]
            return lines + (last != end)
    except OSError:
        return None


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            start = file.read(_CHUNK)
            file.seek(len(_BOM) if start.startswith(_BOM) else 0)
            if b"\0" in start:
                yield from _ended_by_zero(iter(lambda: file.read(_CHUNK), b""))
                return
            for line in file:
                name = line.rstrip(b"\r\n")
                if name.strip():
                    yield name
    except OSError as error:
        raise InputError(f"The list {path} cannot be read: {error.strerror}.") from error


def _ended_by_zero(chunks: Iterator[bytes]) -> Iterator[bytes]:
    rest = b""
    for chunk in chunks:
        *names, rest = (rest + chunk).split(b"\0")
        yield from filter(None, names)
    if rest:
        yield rest
