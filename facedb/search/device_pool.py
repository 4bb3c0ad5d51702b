"""Several devices at work on one block: each takes the next task when it is free."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from facedb.core.models import Int64Array
from facedb.search.sieve import Hits, Sieve

Device = TypeVar("Device")
Task = TypeVar("Task")
Candidates = Iterator[tuple[Int64Array, Int64Array]]


def hits_of(
    devices: Sequence[Device], tasks: Iterable[Task], candidates: Callable[[Device, Task], Candidates], sieve: Sieve
) -> Iterator[Hits]:
    """What ``sieve`` keeps of the ``candidates`` (rows, columns) of every task; a failing device stops the others."""
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
                    hits = sieve.keep(rows, columns)
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
