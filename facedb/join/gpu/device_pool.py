"""Several devices at work on one block: each takes the next task when it is free."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

from facedb.join.sieve import Hits

Candidates = Iterator[tuple[Any, Any]]


class SievingDevice(Protocol):
    """A device that can tell which of its candidates are flagged."""

    def keep(self, rows: Any, columns: Any) -> Hits | None:
        """`Sieve.keep` for the pairs that this device proposed, scored on it where it holds the vectors."""


Device = TypeVar("Device", bound=SievingDevice)
Task = TypeVar("Task")


def hits_of(
    devices: Sequence[Device], tasks: Iterable[Task], candidates: Callable[[Device, Task], Candidates]
) -> Iterator[Hits]:
    """What the devices keep of the ``candidates`` (rows, columns) of every task; a failing device stops the others."""
    waiting = deque(tasks)

    def run(device: Device) -> list[Hits]:
        found: list[Hits] = []
        try:
            while True:
                try:
                    task = waiting.popleft()
                except IndexError:
                    return found
                for rows, columns in candidates(device, task):
                    hits = device.keep(rows, columns)
                    if hits is not None:
                        found.append(hits)
        except BaseException:
            waiting.clear()
            raise

    with ThreadPoolExecutor(len(devices), thread_name_prefix="facedb-device") as pool:
        runs = [pool.submit(run, device) for device in devices]
        try:
            for each in runs:
                yield from each.result()
        except BaseException:
            waiting.clear()
            raise
