"""A folder of images: one sub-folder per identity, whatever lies in between."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from facedb.core.errors import cannot_read
from facedb.core.files.paths import QUARANTINE
from facedb.core.records import ImageRecord
from facedb.core.rejects import Problem
from facedb.sources import problems
from facedb.sources.files import inspect_file
from facedb.sources.identity import identity_rule
from facedb.sources.junk import left_aside
from facedb.sources.options import SourceOptions

Place = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Entry:
    """One name in a tree that is not a readable folder.

    ``note`` is set where it must not be opened; ``broken`` says that this is a problem, not a reason to leave it out.
    """

    full_path: str
    path: str
    status: os.stat_result | None
    note: Problem | None = None
    broken: bool = False


def walk_tree(root: Path, *, follow_links: bool) -> Iterator[Entry]:
    """Yield everything below ``root`` that is not a folder, and the folders that cannot be read, sorted per folder.

    What plans put into quarantine is left out: the dataset does not hold it any more.
    Only the names of one folder are held at once. A followed link to a folder that holds it is a cycle and ends there.
    Raises InputError where the root itself cannot be listed.
    """
    base = os.fspath(root)
    try:
        status = os.stat(base)
        names = [name for name in _sorted_names(base) if name != QUARANTINE]
    except OSError as error:
        raise cannot_read(f"The folder {base}", error) from error
    yield from _walk(base, "", names, (_place(status),), follow_links)


def _walk(
    folder: str, prefix: str, names: list[str], ancestors: tuple[Place, ...], follow_links: bool
) -> Iterator[Entry]:
    # A stack of half-read folders instead of recursion: deep trees must not meet the recursion limit.
    stack: list[tuple[str, str, list[str], tuple[Place, ...]]] = [(folder, prefix, names[::-1], ancestors)]
    while stack:
        folder, prefix, pending, ancestors = stack[-1]
        if not pending:
            stack.pop()
            continue
        name = pending.pop()
        full_path, path = f"{folder}/{name}", prefix + name
        try:
            status = os.lstat(full_path)
            if stat.S_ISLNK(status.st_mode):
                target = _link_target(full_path)
                if isinstance(target, Problem):
                    yield Entry(full_path, path, status, target, broken=True)
                    continue
                if not follow_links:
                    yield Entry(full_path, path, status, problems.LINK_NOT_FOLLOWED)
                    continue
                status = target
            if not stat.S_ISDIR(status.st_mode):
                special = None if stat.S_ISREG(status.st_mode) else problems.NOT_A_FILE
                yield Entry(full_path, path, status, special, broken=special is not None)
                continue
            place = _place(status)
            if place in ancestors:
                yield Entry(full_path, path, status, problems.CYCLIC_LINK, broken=True)
                continue
            names = _sorted_names(full_path)
        except OSError as error:
            yield Entry(full_path, path, None, problems.unreadable(error, "file or folder"), broken=True)
            continue
        stack.append((full_path, path + "/", names[::-1], (*ancestors, place)))


def _sorted_names(folder: str) -> list[str]:
    # Plain names, not DirEntry objects: a folder of a million files then costs its names and no more.
    return sorted(os.listdir(folder))


def _link_target(full_path: str) -> os.stat_result | Problem:
    try:
        return os.stat(full_path)
    except FileNotFoundError:
        return problems.DANGLING_LINK
    except OSError as error:
        return problems.unreadable(error, "link's target")


def _place(status: os.stat_result) -> Place:
    return status.st_dev, status.st_ino


class FolderSource:
    """Every file below a folder; the identity is found in the path, files at the top have none."""

    format = "folder"
    remarks: Sequence[str] = ()

    def __init__(self, root: Path, options: SourceOptions) -> None:
        self.root = root.absolute()
        self._identity = identity_rule(options)
        self._follow_links = options.follow_links

    def records(self) -> Iterator[ImageRecord]:
        """Yield one record per file, hidden ones and known by-products included (as ignored), sorted by name within each folder."""
        for entry in walk_tree(self.root, follow_links=self._follow_links):
            yield entry_record(entry, self._identity(entry.path))

    def count_hint(self) -> None:
        """Return None: counting would cost as much as reading the tree."""


def entry_record(entry: Entry, identity: str | None) -> ImageRecord:
    """Return the record of one entry of a tree, opening the file only where that can tell something."""
    size = entry.status.st_size if entry.status else 0
    mtime_ns = entry.status.st_mtime_ns if entry.status else None
    if entry.broken:
        return ImageRecord(entry.path, identity, size, mtime_ns, problem=entry.note)
    reason = entry.note or left_aside(entry.path)
    if reason is not None:
        return ImageRecord(entry.path, identity, size, mtime_ns, ignored=reason)
    return inspect_file(entry.full_path, entry.path, identity, named=False, status=entry.status)
