"""Finding the container files of a source: one file, several named by a pattern, or all of a kind below a folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from facedb.core.errors import InputError
from facedb.core.records import ImageRecord, Problem
from facedb.sources import problems
from facedb.sources.detect import expand
from facedb.sources.folder import Entry, entry_record, is_hidden, walk_tree

NameTest = Callable[[str], bool]


class Containers:
    """The containers at ``path``: ``root`` is the folder that their relative paths start from."""

    def __init__(self, path: Path, kind: str, *, follow_links: bool) -> None:
        self._kind = kind
        self._follow_links = follow_links
        path = path.absolute()
        self._folder = path if path.is_dir() else None
        files = [] if self._folder else expand(path) or [path]
        self.root = self._folder or Path(os.path.commonpath([file.parent for file in files]))
        self._files = [file.relative_to(self.root).as_posix() for file in files]

    @property
    def named(self) -> bool:
        """Whether the files were named by the user, who wants an error and not a record where one is unusable."""
        return self._folder is None

    def find(self, wanted: NameTest) -> Iterator[str | Entry]:
        """Yield the relative path of each file whose name passes ``wanted``, and the entry of each other name."""
        if self._folder is None:
            for path in self._files:
                if not (self.root / path).is_file():
                    raise InputError(f"There is no file {self.root / path}: check the path.")
                yield path
            return
        for entry in walk_tree(self._folder, follow_links=self._follow_links):
            readable = entry.note is None and not is_hidden(entry.path)
            yield entry.path if readable and wanted(entry.path) else entry

    def left_out(self, entry: Entry) -> ImageRecord:
        """Return the record of a name that is none of the containers: a problem where it cannot be read, else ignored."""
        if entry.broken or entry.note or is_hidden(entry.path):
            return entry_record(entry, None)
        size, mtime_ns = (entry.status.st_size, entry.status.st_mtime_ns) if entry.status else (0, None)
        reason = replace(problems.OTHER_FILE, detail=f"Only {self._kind} are read from this source.")
        return ImageRecord(entry.path, None, size, mtime_ns, ignored=reason)

    def unusable(self, path: str, problem: Problem) -> ImageRecord:
        """Return the record of a container that cannot be used; raises InputError where the user named it himself."""
        if self.named:
            raise InputError(f"{self.root / path} cannot be used: {problem.detail}")
        return ImageRecord(path, None, *self.status(path), problem=problem)

    def status(self, path: str) -> tuple[int, int | None]:
        """Return size in bytes and time of change of a container; 0 and None where it is gone."""
        try:
            status = os.stat(self.root / path)
        except OSError:
            return 0, None
        return status.st_size, status.st_mtime_ns
