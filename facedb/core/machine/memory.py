"""How much memory this process may still take: what the machine has left, its container allows, and its own limit leaves."""

from __future__ import annotations

import os
import resource
from pathlib import Path

from facedb.core.errors import FacedbError

_CGROUP = Path("/sys/fs/cgroup")
# A limit on addresses also counts the stacks and arenas of threads, of which most is never touched.
_ADDRESSES = 384 << 20


# What the loader of libraries says.
_NOT_LOADED = ("cannot allocate memory", "Cannot allocate memory", "failed to map segment")


class TooLittleMemoryError(FacedbError):
    """Work needs more memory than there is, which was computed before it began."""


def available(cgroup: Path = _CGROUP) -> int | None:
    """Bytes that can still be taken; None where this system does not say."""
    known = [room for room in (_machine(), _container(cgroup), _limit()) if room is not None]
    return max(0, min(known)) if known else None


def expect(needed: int, what: str, advice: str) -> None:
    """Raise TooLittleMemoryError before work that takes ``needed`` bytes where they are not there."""
    room = available()
    if room is not None and needed > room:
        raise TooLittleMemoryError(
            f"{what} takes about {needed / 1e6:,.0f} MB of memory and only {room / 1e6:,.0f} MB are available: {advice}"
        )


def has(needed: int) -> bool:
    """Whether ``needed`` bytes can be taken, as far as this system says."""
    room = available()
    return room is None or needed <= room


def addresses_are_limited() -> bool:
    """Whether this process has a limit of addresses, by which a file in memory counts as well."""
    return resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY


def is_short(error: BaseException) -> bool:
    """Whether an error says that there was no memory: for an array, a thread, or a library that was to be loaded."""
    if isinstance(error, MemoryError):
        return True
    said = str(error)
    return "start new thread" in said or (_limit() is not None and any(words in said for words in _NOT_LOADED))


def limit_in_words() -> str:
    """The limit of addresses of this process in brackets, empty where there is none."""
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    return "" if soft == resource.RLIM_INFINITY else f" (the limit of this process, ulimit -v, is {soft / 1e6:,.0f} MB)"


def _machine() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    found = next((line.split()[1] for line in lines if line.startswith("MemAvailable:")), None)
    return None if found is None else int(found) * 1024


def _container(cgroup: Path) -> int | None:
    try:
        limit, used = ((cgroup / name).read_text(encoding="ascii").strip() for name in ("memory.max", "memory.current"))
        cached = dict(line.split() for line in (cgroup / "memory.stat").read_text(encoding="ascii").splitlines())
    except (OSError, ValueError):
        return None
    if not limit.isdecimal():
        return None
    # What the kernel keeps of files it gives back when it is asked.
    return int(limit) - int(used) + int(cached.get("inactive_file", 0))


def _limit() -> int | None:
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    if soft == resource.RLIM_INFINITY:
        return None
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except OSError:
        return None
    return soft - pages * os.sysconf("SC_PAGE_SIZE") - _ADDRESSES
