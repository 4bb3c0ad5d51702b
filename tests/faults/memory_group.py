"""A control group of the kernel with a limit of memory, of version 1 or 2, for commands that a test starts in it."""

from __future__ import annotations

import os
import secrets
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.processes import until

_V1 = Path("/sys/fs/cgroup/memory")
_V2 = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class MemoryGroup:
    """``folder`` of a group; ``start`` commands with ``preexec_fn=group.enter``."""

    folder: Path
    version: int

    def allow(self, bytes_: int) -> None:
        """Set the limit."""
        (self.folder / ("memory.limit_in_bytes" if self.version == 1 else "memory.max")).write_text(str(bytes_))

    @property
    def enter(self) -> Callable[[], None]:
        """What a child does before it becomes the command, which it then shares with all that it starts."""
        procs = self.folder / "cgroup.procs"

        def move() -> None:
            procs.write_text(str(os.getpid()))

        return move

    def used(self) -> int:
        """The bytes of memory that its processes hold now, without what the kernel keeps of files."""
        names = ("total_rss", "total_shmem") if self.version == 1 else ("anon", "shmem")
        stat = dict(line.split() for line in (self.folder / "memory.stat").read_text().splitlines())
        return sum(int(stat[name]) for name in names)

    def gone(self) -> bool:
        """Kill what is left in it and take it away; False while the kernel still has some of it."""
        for pid in map(int, (self.folder / "cgroup.procs").read_text().split()):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        with suppress(OSError):
            self.folder.rmdir()
        return not self.folder.exists()

    def killed(self) -> int:
        """How many processes the kernel ended for want of memory."""
        events = self.folder / ("memory.oom_control" if self.version == 1 else "memory.events")
        return int(dict(line.split() for line in events.read_text().splitlines()).get("oom_kill", 0))


@contextmanager
def memory_group() -> Iterator[MemoryGroup]:
    """A group of this test's own; skips where none can be made. What is left in it at the end is killed."""
    group = _make()
    try:
        yield group
    finally:
        until(group.gone, f"the end of the control group {group.folder}")


def _make() -> MemoryGroup:
    version = 1 if _V1.is_dir() else 2
    folder = (_V1 if version == 1 else _V2) / f"facedb-test-{secrets.token_hex(4)}"
    try:
        if version == 2:
            (_V2 / "cgroup.subtree_control").write_text("+memory")
        folder.mkdir()
    except OSError as error:
        pytest.skip(f"no control group with a limit of memory can be made here ({error})")
    return MemoryGroup(folder, version)
