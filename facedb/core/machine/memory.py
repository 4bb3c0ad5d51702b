"""How much memory this process may still take: what the machine has left, its container allows, and its own limit leaves."""

from __future__ import annotations

import ctypes
import errno
import os
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from facedb.core.errors import FacedbError

_CGROUP = Path("/sys/fs/cgroup")
_OWN_GROUPS = Path("/proc/self/cgroup")
# Where the embedded server shares a limit, a listing of some rows was ended by the kernel with 45 MB left. NumPy's OpenBLAS ends the
# process, or sends it a Ctrl-C, where there are fewer addresses than it takes.
_LEAST_BYTES = 72 << 20
# A limit on addresses also counts the stacks and arenas of threads, of which most is never touched: so many, as soon as they all run.
_UNTOUCHED = 384 << 20

# Each with its place in /proc/self/statm.
_LIMITS = (resource.RLIMIT_AS, 0), (resource.RLIMIT_DATA, 5)

# What the loader of libraries says.
_NOT_LOADED = ("cannot allocate memory", "Cannot allocate memory", "failed to map segment")


class _Files(NamedTuple):
    """What the files of a group are called in one version of control groups, and where it has its groups."""

    controller: str
    limit: str
    used: str
    cached: str
    cached_twice: str


_FILES = (
    _Files("", "memory.max", "memory.current", "inactive_file", "active_file"),
    _Files("memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file", "total_active_file"),
)


class TooLittleMemoryError(FacedbError):
    """Work needs more memory than there is, which was computed before it began."""


def available(cgroup: Path = _CGROUP, own: Path = _OWN_GROUPS) -> int | None:
    """Bytes that can still be taken; None where this system does not say."""
    known = [room for room in (_machine(), _container(cgroup, own), _limit()) if room is not None]
    return max(0, min(known)) if known else None


def expect(needed: int, what: str, advice: str) -> None:
    """Raise TooLittleMemoryError before work that takes ``needed`` bytes where they are not available."""
    room = available()
    if room is not None and needed > room:
        raise TooLittleMemoryError(
            f"{what} takes about {max(1, round(needed / 1e6)):,} MB of memory and only {room / 1e6:,.0f} MB are available: {advice}"
        )


def expect_any_work() -> None:
    """Raise TooLittleMemoryError where no command would fit, before libraries are loaded that would fail in their own ways."""
    expect(_LEAST_BYTES, "Any work", "free some, or raise the limit.")


def has(needed: int) -> bool:
    """Whether ``needed`` bytes can be taken, as far as this system says."""
    room = available()
    return room is None or needed <= room


def give_back() -> None:
    """Hand memory that was freed back to the system: glibc keeps it for each thread, which doubled what large pictures took."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if os.name == "posix" else None
    if trim is not None:
        trim(0)


def addresses_are_limited() -> bool:
    """Whether this process has a limit of addresses, by which a file in memory counts as well."""
    return resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY


def is_short(error: BaseException) -> bool:
    """Whether an error says that there was no memory: for an array, a file, a thread, or a library that was to be loaded."""
    said = str(error)
    if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM or "start new thread" in said:
        return True
    # What Python says where it had no memory for the error itself; without a limit it would be a fault of a library.
    return limit_in_words() != "" and (isinstance(error, SystemError) or any(words in said for words in _NOT_LOADED))


def limit_in_words() -> str:
    """The limit of addresses, or else of data, of this process in brackets, empty where there is none."""
    for (which, _), letter in zip(_LIMITS, "vd", strict=True):
        soft, _ = resource.getrlimit(which)
        if soft != resource.RLIM_INFINITY:
            return f" (the limit of this process, ulimit -{letter}, is {soft / 1e6:,.0f} MB)"
    return ""


def _machine() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    found = next((line.split()[1] for line in lines if line.startswith("MemAvailable:")), None)
    return None if found is None else int(found) * 1024


def container_limit(cgroup: Path = _CGROUP, own: Path = _OWN_GROUPS) -> int | None:
    """The least limit of the groups that this process is in, in bytes; None where none has one."""
    return min((limit for limit, _ in _groups(cgroup, own)), default=None)


def _container(cgroup: Path, own: Path) -> int | None:
    return min((room for _, room in _groups(cgroup, own)), default=None)


def _groups(cgroup: Path, own: Path) -> Iterator[tuple[int, int]]:
    """The limit of each group that this process is in and what is left of it: of version 2 and 1, its own one and those above."""
    try:
        lines = [line.split(":", 2) for line in own.read_text(encoding="utf-8").splitlines()]
    except OSError:
        lines = []
    inside = {controller: Path(path.lstrip("/")) for _, controller, path in (line for line in lines if len(line) == 3)}
    for files in _FILES:
        place = inside.get(files.controller, Path())
        # A container sees its own group as the root, and the path that it is given may be the one on the host.
        for path in dict.fromkeys([place, *place.parents, Path()]):
            found = _group(cgroup / files.controller / path, files)
            if found is not None:
                yield found


def _group(folder: Path, files: _Files) -> tuple[int, int] | None:
    try:
        limit, used = ((folder / name).read_text(encoding="ascii").strip() for name in (files.limit, files.used))
        stat = dict(line.split() for line in (folder / "memory.stat").read_text(encoding="ascii").splitlines())
    except (OSError, ValueError):
        return None
    if not limit.isdecimal():
        return None
    # The kernel gives back what it caches of files when memory is needed; files read more than once count half, as in its own
    # MemAvailable.
    kept = int(stat.get(files.cached, 0)) + int(stat.get(files.cached_twice, 0)) // 2
    return int(limit), int(limit) - int(used) + kept


def _limit() -> int | None:
    """What the limits of this process leave: of its addresses (``ulimit -v``) and of its data (``ulimit -d``)."""
    limits = [(resource.getrlimit(which)[0], field) for which, field in _LIMITS]
    if all(soft == resource.RLIM_INFINITY for soft, _ in limits):
        return None
    try:
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()
    except OSError:
        return None
    size = os.sysconf("SC_PAGE_SIZE")
    # Threads that run already have theirs.
    untouched = max(0, _UNTOUCHED - (int(pages[0]) - int(pages[1])) * size)
    return min(soft - int(pages[field]) * size for soft, field in limits if soft != resource.RLIM_INFINITY) - untouched
