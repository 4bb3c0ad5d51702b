"""Named points between the smallest steps of a change to files, where a test may stop the process."""

from __future__ import annotations

from collections.abc import Callable

_watcher: Callable[[str], None] | None = None


def reached(point: str) -> None:
    """Say that ``point`` is reached; nothing happens unless a test watches."""
    if _watcher is not None:
        _watcher(point)


def watch(callback: Callable[[str], None] | None) -> None:
    """Call ``callback`` with the name of every point from now on; None ends it."""
    global _watcher
    _watcher = callback
