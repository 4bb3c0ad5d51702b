"""Which format is this? Decided by looking, never by guessing between two."""

from __future__ import annotations

import lzma
import os
import zlib
from collections import Counter, deque
from collections.abc import Iterator
from pathlib import Path

from facedb.core.errors import InputError, cannot_read
from facedb.core.files import magic
from facedb.core.files.file_kind import file_kind, is_pointer_or_page
from facedb.core.files.image_format import image_format
from facedb.sources.archives.recordio import MAGIC_BYTES
from facedb.sources.extensions import has_image_extension
from facedb.sources.image_bytes import is_compressed, open_compressed
from facedb.sources.junk import left_aside
from facedb.sources.shards import expand

_LOOK_AT = 20_000
_LOOK_DEEP = 4

_SUFFIXES = (
    (".csv", "csv"),
    (".tsv", "csv"),
    (".jsonl", "jsonl"),
    (".ndjson", "jsonl"),
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
_TOGETHER = frozenset(("npz", "npy", "rec", "tar", "parquet"))
CHOOSE = "say which with --format (folder, list, csv, jsonl, parquet, npz, npy, rec, tar)"


def detect_format(path: Path | str) -> str:
    """Return the name of the format of what lies at ``path``, which may be a pattern for shards.

    A folder of nothing but parquet files is a dataset in parquet; beside images they are tables about them. A folder is
    looked at down to its fourth level and its 20,000th name. Raises InputError where nothing is there, or where what is
    there could be read in two ways.
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
    kind = next(iter(kinds))
    if len(kinds) == 1 and kind in _TOGETHER:
        return kind
    raise InputError(
        f"{path} names {_listed(kinds)}: files of one kind of {', '.join(sorted(_TOGETHER))} can be named together."
    )


def by_name(name: str) -> str | None:
    """Return the format that the last suffix of a file name stands for, or None."""
    lower = name.lower()
    return next((kind for suffix, kind in _SUFFIXES if lower.endswith(suffix)), None)


def _detect_file(path: Path) -> str:
    try:
        with path.open("rb") as file:
            head = file.read(512)
    except OSError as error:
        raise cannot_read(str(path), error) from error
    if image_format(head):
        raise InputError(f"{path} is a single image: give the folder that holds it.")
    if is_pointer_or_page(head):
        raise InputError(f"{path} is {file_kind(head)}.")
    kind = _by_content(head, path)
    named = file_kind(head)
    if kind is None and named is not None:
        raise InputError(f"{path} is {named}.")
    kind = kind or by_name(path.name)
    if kind is None:
        raise InputError(f"{path} is not a kind of source that facedb knows: {CHOOSE}.")
    return kind


def _by_content(head: bytes, path: Path) -> str | None:
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith(MAGIC_BYTES):
        return "rec"
    if head.startswith(b"\x93NUMPY"):
        return "npy"
    if head.startswith(magic.ZIP) and (b".npy" in head[:256] or by_name(path.name) == "npz"):
        return "npz"
    if head[257:262] == b"ustar" or (is_compressed(head) and _holds_tar(path)):
        return "tar"
    return None


def _holds_tar(path: Path) -> bool:
    if by_name(path.name) == "tar":
        return True
    try:
        with open_compressed(os.fspath(path)) as stream:
            return stream.read(512)[257:262] == b"ustar"
    except (OSError, EOFError, zlib.error, lzma.LZMAError):
        return False


def _detect_folder(path: Path) -> str:
    kinds: Counter[str] = Counter()
    tables = 0
    for name in _names(path):
        kind = by_name(name)
        if kind in _IN_A_FOLDER and not name.endswith(".idx"):
            kinds[kind] += 1
        elif has_image_extension(name):
            kinds["folder"] += 1
        elif kind == "parquet":
            tables += 1
    if not kinds and tables:
        return "parquet"
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
                if left_aside(entry.name) is not None:
                    continue
                if entry.is_dir(follow_symlinks=False):
                    if depth < _LOOK_DEEP:
                        folders.append((entry.path, depth + 1))
                else:
                    yield entry.name


def _listed(kinds: Counter[str]) -> str:
    words = {"folder": "images"}
    return " and ".join(f"{count:,} {words.get(kind, '.' + kind)}" for kind, count in sorted(kinds.items()))
