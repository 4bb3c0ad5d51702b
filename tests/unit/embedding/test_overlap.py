"""The ordered map over threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from facedb.embedding.overlap import grouped, ordered_map


def test_results_come_in_the_order_of_the_items() -> None:
    def slow_first(item: int) -> int:
        time.sleep(0.02 if item % 5 == 0 else 0)
        return item * item

    assert list(ordered_map(slow_first, range(50), threads=4, window=8)) == [item * item for item in range(50)]


def test_the_source_is_read_in_the_callers_thread_and_never_far_ahead() -> None:
    read = 0

    def source() -> Iterator[int]:
        nonlocal read
        for item in range(1000):
            assert threading.current_thread() is threading.main_thread()
            read += 1
            yield item

    taken = 0
    for _ in ordered_map(lambda item: item, source(), threads=2, window=10):
        taken += 1
        assert read <= taken + 9
    assert taken == 1000


def test_the_work_goes_on_while_the_consumer_is_away() -> None:
    done = threading.Semaphore(0)

    def work(item: int) -> int:
        done.release()
        return item

    results = ordered_map(work, range(100), threads=2, window=20)
    next(results)
    for _ in range(20):
        assert done.acquire(timeout=60)
    results.close()


def test_an_exception_is_raised_where_its_result_would_be() -> None:
    def work(item: int) -> int:
        if item == 3:
            raise ValueError("three")
        return item

    results = ordered_map(work, range(10), threads=2, window=4)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="three"):
        next(results)


def test_closing_drops_what_has_not_started_and_leaves_no_thread() -> None:
    started: list[int] = []

    def work(item: int) -> int:
        started.append(item)
        time.sleep(0.05)
        return item

    results = ordered_map(work, range(10_000), threads=2, window=200)
    next(results)
    results.close()
    assert len(started) < 200, "those within the window were not dropped"
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("facedb-embed")]


def test_groups_end_at_their_weight_or_length() -> None:
    items = [1, 1, 1, 5, 0, 0, 0, 0, 2]
    assert list(grouped(items, lambda item: item, 3, 4)) == [[1, 1, 1], [5], [0, 0, 0, 0], [2]]
    assert list(grouped([], lambda item: item, 3, 4)) == []
