"""Which format is this? Decided by looking, never by guessing between two."""

from __future__ import annotations

import glob
import os
from collections import Counter, deque
from collections.abc import Iterator
from pathlib import Path

from facedb.core.errors import InputError
from facedb.core.image_format import image_format
from facedb.sources.extensions import has_image_extension
from facedb.sources.reading import is_compressed
from facedb.sources.recordio import MAGIC_BYTES

_LOOK_AT = 20_000
_LOOK_DEEP = 4

_SUFFIXES = (
    (".csv", "csv"),
    (".tsv", "csv"),
    (".parquet", "parquet"),
    (".pq", "parquet"),
    (".npz", "npz"),
    (".npy", "npy"),
    (".rec", "rec"),
    (".idx", "rec"),
    (".tar", "tar"),
    (".tar.gz", "tar"),
    (".tgz", "tar"),
    (".tar.bz2", "tar"),
    (".tar.xz", "tar"),
    (".txt", "list"),
    (".lst", "list"),
)
# Tables and lists beside images say something about them and do not make the folder another kind of source.
_IN_A_FOLDER = frozenset(("npz", "npy", "rec", "tar"))
CHOOSE = "say which with --format (folder, list, csv, parquet, npz, npy, rec, tar)"


def detect_format(path: Path | str) -> str:
    """Return the name of the format of what lies at ``path``, which may hold ``*``, ``?`` and ``[]`` for shards.

    A folder is looked at down to its fourth level and its 20,000th name. Raises InputError where nothing is there, or
    where what is there could be read in two ways.
    """
    path = Path(path)
    if path.is_dir():
        return _detect_folder(path)
    if path.exists():
        return _detect_file(path)
    shards = expand(path)
    if not shards:
        raise InputError(f"There is nothing at {path}: check the path.")
    kinds = Counter(by_name(shard.name) or "other files" for shard in shards)
    if len(kinds) == 1 and "tar" in kinds:
        return "tar"
    raise InputError(f"{path} names {_listed(kinds)}: only tar shards can be named together; {CHOOSE}.")


def expand(path: Path) -> list[Path]:
    """Return the paths that a pattern names, sorted; empty where ``path`` is no pattern or names nothing."""
    return [Path(name) for name in sorted(glob.glob(os.fspath(path)))] if glob.has_magic(os.fspath(path)) else []


def by_name(name: str) -> str | None:
    """Return the format that the last suffix of a file name stands for, or None."""
    lower = name.lower()
    return next((kind for suffix, kind in _SUFFIXES if lower.endswith(suffix)), None)


def _detect_file(path: Path) -> str:
    try:
        with path.open("rb") as file:
            head = file.read(512)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error
    if image_format(head):
        raise InputError(f"{path} is a single image: give the folder that holds it.")
    kind = _by_content(head) or by_name(path.name)
    if kind is None:
        raise InputError(f"{path} is no kind of source that is known here: {CHOOSE}.")
    return kind


def _by_content(head: bytes) -> str | None:
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith(MAGIC_BYTES):
        return "rec"
    if head.startswith(b"\x93NUMPY"):
        return "npy"
    if head.startswith(b"PK\x03\x04") and b".npy" in head[:256]:
        return "npz"
    if head[257:262] == b"ustar" or is_compressed(head):
        return "tar"
    return None


def _detect_folder(path: Path) -> str:
    kinds: Counter[str] = Counter()
    for name in _names(path):
        kind = by_name(name)
        if kind in _IN_A_FOLDER and not name.endswith(".idx"):
            kinds[kind] += 1
        elif has_image_extension(name):
            kinds["folder"] += 1
    if len(kinds) > 1:
        raise InputError(f"{path} holds {_listed(kinds)}, so it can be read in more than one way: {CHOOSE}.")
    return next(iter(kinds), "folder")


def _names(top: Path) -> Iterator[str]:
    # Level by level, so that a first identity with many images does not hide what lies beside it.
    folders: deque[tuple[str, int]] = deque([(os.fspath(top), 1)])
    seen = 0
    while folders:
        folder, depth = folders.popleft()
        try:
            entries = os.scandir(folder)
        except OSError:
            continue
        with entries:
            for entry in entries:
                seen += 1
                if seen > _LOOK_AT:
                    return
                if entry.name.startswith("."):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    if depth < _LOOK_DEEP:
                        folders.append((entry.path, depth + 1))
                else:
                    yield entry.name


def _listed(kinds: Counter[str]) -> str:
    words = {"folder": "images"}
    return " and ".join(f"{count:,} {words.get(kind, '.' + kind)}" for kind, count in sorted(kinds.items()))
