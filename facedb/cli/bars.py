"""Bars on a terminal: how far, how fast, how long still."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Task as RichTask
from rich.table import Column
from rich.text import Text

from facedb.core.counting import human
from facedb.core.files.paths import shown

# Work that ends sooner than this shows no bar.
_SHOW_AFTER_SECONDS = 1.0


class _Title(ProgressColumn):
    """What is done; it alone is cut where a terminal is too narrow for a bar on one line."""

    def render(self, task: RichTask) -> Text:
        return Text(task.description, no_wrap=True, overflow="ellipsis")


class _Rate(ProgressColumn):
    def render(self, task: RichTask) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if not speed else f"{human(speed)}/s")


class _Count(ProgressColumn):
    def render(self, task: RichTask) -> Text:
        total = "" if task.total is None else f"/{human(task.total)}"
        return Text(f"{human(task.completed)}{total} {task.fields['unit']}")


class Bar:
    """A task on a terminal."""

    def __init__(self, progress: Progress, title: str, total: int | None, unit: str) -> None:
        self._progress, self._title = progress, title
        self._id = progress.add_task(title, total=total, unit=unit)

    def advance(self, n: int = 1, note: str = "") -> None:
        """``n`` more are done."""
        self._progress.update(self._id, advance=n, description=f"{self._title} {shown(note)}".rstrip())

    def say(self, message: str) -> None:
        """Print one sentence above the bar."""
        self._progress.console.print(message)


@contextmanager
def shown_bar(title: str, total: int | None, unit: str) -> Iterator[Bar]:
    """A bar on stderr while the block runs; one that was quick leaves no trace."""
    console = Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)
    whole = Column(no_wrap=True)
    bar: ProgressColumn = SpinnerColumn() if total is None else BarColumn(bar_width=12, table_column=whole)
    left = () if total is None else (TimeRemainingColumn(table_column=whole),)
    progress = Progress(
        _Title(),
        bar,
        _Count(whole),
        _Rate(whole),
        TimeElapsedColumn(table_column=whole),
        *left,
        console=console,
        transient=True,
    )
    started = time.monotonic()
    with progress:
        yield Bar(progress, title, total, unit)
        progress.live.transient = time.monotonic() - started < _SHOW_AFTER_SECONDS
