"""Finding the container files of a source: one file, several named by a pattern, or all of a kind below a folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from facedb.core.errors import InputError
from facedb.core.files.file_kind import file_kind, is_pointer_or_page
from facedb.core.files.image_format import HEAD_BYTES
from facedb.core.records import ImageRecord
from facedb.core.rejects import Problem
from facedb.sources import problems
from facedb.sources.folder import Entry, entry_record, walk_tree
from facedb.sources.junk import left_aside
from facedb.sources.shards import expand

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
                if (problem := _stand_in(self.root / path)) is not None:
                    self.unusable(path, problem)
                yield path
            return
        for entry in walk_tree(self._folder, follow_links=self._follow_links):
            if entry.note is not None or left_aside(entry.path) is not None or not wanted(entry.path):
                yield entry
            elif (problem := _stand_in(entry.full_path)) is not None:
                yield replace(entry, note=problem, broken=True)
            else:
                yield entry.path

    def left_out(self, entry: Entry) -> ImageRecord:
        """Return the record of a name that is none of the containers: a problem where it cannot be read, else ignored."""
        if entry.broken or entry.note or left_aside(entry.path) is not None:
            return entry_record(entry, None)
        size, mtime_ns = (entry.status.st_size, entry.status.st_mtime_ns) if entry.status else (0, None)
        reason = replace(problems.OTHER_FILE, detail=f"Only {self._kind} are read from this source.")
        return ImageRecord(entry.path, None, size, mtime_ns, ignored=reason)

    def unusable(self, path: str, problem: Problem) -> ImageRecord:
        """Return the record of a container that cannot be used; raises InputError where the user named it."""
        if self.named:
            detail = problem.detail[:1].lower() + problem.detail[1:]
            raise InputError(f"{self.root / path} cannot be used: {detail}")
        return ImageRecord(path, None, *self.status(path), problem=problem)

    def status(self, path: str) -> tuple[int, int | None]:
        """Return size in bytes and time of change of a container; 0 and None where it is gone."""
        try:
            status = os.stat(self.root / path)
        except OSError:
            return 0, None
        return status.st_size, status.st_mtime_ns


def _stand_in(path: str | Path) -> Problem | None:
    """What is wrong with a file that only stands where a container should be, such as a Git LFS pointer; or None."""
    try:
        with open(path, "rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError:
        # The code that reads it says what is wrong with it.
        return None
    return problems.bad_record(f"It is {file_kind(head)}.") if is_pointer_or_page(head) else None
