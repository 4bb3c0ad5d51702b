"""One file under several names is one image: links, folders that were given twice, a list and its folder.

Only files with equal bytes can be one file, so only those are looked at, on the disk and as they are now:

- names that resolve to the same path are one image, whatever source or label gave them;
- names with the same device and inode are one image too, except hard links under different labels: those are two claims
  about one photo, of which one is wrong, and a scan has to show it.

The first name that has a label and leads through no link stands; the others are rows that say whose names they are.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from facedb.core.files.paths import display
from facedb.core.rejects import OTHER_LABEL, SAME_FILE
from facedb.dataset.places import source_rows
from facedb.dataset.places.source_rows import EqualFile
from facedb.db.connection import Connection

ALIAS_CODES = (SAME_FILE, OTHER_LABEL)

Change = tuple[int, str, str | None, str | None]


@dataclass(frozen=True, slots=True)
class _Seen:
    """A file as it is on the disk now; ``real`` is its resolved path, ``linked`` says that its name leads through a link."""

    file: EqualFile
    real: str
    inode: tuple[int, int]
    links: int
    linked: bool


def settle_same_files(conn: Connection, dataset_id: int) -> tuple[int, int]:
    """Bring the rows of a dataset in line with which of its names are one file.

    Returns how many names are another name of a file, and how many of those carry another label. The caller commits.
    """
    source_rows.lock_dataset(conn, dataset_id)
    changes: list[Change] = []
    roots: dict[str, str | None] = {}
    aliases = relabelled = 0
    for _, group in groupby(source_rows.equal_files(conn, dataset_id), key=lambda file: file.sha256):
        for change, code in _settled(list(group), roots):
            aliases += code is not None
            relabelled += code == OTHER_LABEL
            if change is not None:
                changes.append(change)
    source_rows.settle(conn, changes)
    return aliases, relabelled


def _settled(group: Sequence[EqualFile], roots: dict[str, str | None]) -> Iterable[tuple[Change | None, str | None]]:
    """For each file of equal bytes: how its row must change (None: not at all), and the code for a name that is not a file of its own."""
    seen = [found for file in group if (found := _look(file, roots)) is not None]
    owners: list[_Seen] = []
    for found in sorted(seen, key=lambda s: (s.file.identity_id is None, s.linked, s.file.id)):
        owner = next((o for o in owners if _is_one(o, found)), None)
        if owner is None:
            owners.append(found)
            yield _change(found.file, "ready", None, None), None
            continue
        labels = {owner.file.identity_id, found.file.identity_id} - {None}
        code = OTHER_LABEL if len(labels) > 1 else SAME_FILE
        detail = f"Another name of {display(Path(owner.file.root) / owner.file.path)}" + (
            ", which has another label." if code == OTHER_LABEL else "."
        )
        yield _change(found.file, "rejected" if code == OTHER_LABEL else "ignored", code, detail), code
    here = {(found.file.path, found.file.identity_id) for found in seen}
    for file in group:
        # What is gone while its bytes are here under another name would only be a duplicate of itself. Where the whole root
        # is gone it may be a disk that is not mounted: then only what has the same name here as there has moved.
        if seen and _is_gone(file) and (_root(file, roots) is not None or (file.path, file.identity_id) in here):
            yield _change(file, "vanished", None, None), None


def _is_one(a: _Seen, b: _Seen) -> bool:
    if a.real == b.real:
        return True
    if a.inode != b.inode:
        return False
    # One link and two paths: the same folder is mounted twice, so even other labels make no second photo.
    return a.file.identity_id == b.file.identity_id or None in (a.file.identity_id, b.file.identity_id) or a.links == 1


def _look(file: EqualFile, roots: dict[str, str | None]) -> _Seen | None:
    root = _root(file, roots)
    if root is None:
        return None
    path = Path(file.root) / file.path
    try:
        status = path.stat()
        real = os.path.realpath(path)
    except (OSError, ValueError):
        return None
    plain = str(Path(root) / os.path.normpath(file.path))
    return _Seen(file, real, (status.st_dev, status.st_ino), status.st_nlink, linked=real != plain)


def _is_gone(file: EqualFile) -> bool:
    try:
        (Path(file.root) / file.path).lstat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):
        return False
    return False


def _root(file: EqualFile, roots: dict[str, str | None]) -> str | None:
    """The resolved root of a file, None where it is not there."""
    if file.root not in roots:
        roots[file.root] = os.path.realpath(file.root) if Path(file.root).is_dir() else None
    return roots[file.root]


def _change(file: EqualFile, status: str, code: str | None, detail: str | None) -> Change | None:
    return None if (file.status, file.code, file.detail) == (status, code, detail) else (file.id, status, code, detail)
