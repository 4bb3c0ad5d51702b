"""Talk on stderr: a bar with rate and time left on a terminal, plain lines elsewhere."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

from facedb.core.counting import human
from facedb.core.files.paths import shown
from facedb.core.machine.runlog import LOGGER, SQL_LOGGER, JsonLines
from facedb.core.progress import Task

_PLAIN_LINE_EVERY_SECONDS = 10.0


class _Lines:
    def __init__(self, say: Callable[[str], object], title: str, total: int | None, unit: str) -> None:
        self._say, self._title, self._total, self._unit = say, title, total, unit
        self._done, self._note = 0, ""
        self._start = self._last = time.monotonic()

    def advance(self, n: int = 1, note: str = "") -> None:
        self._done, self._note = self._done + n, shown(note)
        now = time.monotonic()
        if now - self._last >= _PLAIN_LINE_EVERY_SECONDS:
            self._last = now
            self._say(self.line(now))

    def line(self, now: float) -> str:
        spent = max(now - self._start, 1e-9)
        rate = self._done / spent
        of = "" if self._total is None else f" of {human(self._total)}"
        left = "" if not self._total or not rate else f", {(self._total - self._done) / rate:.0f} s left"
        title = f"{self._title} {self._note}".rstrip()
        return f"{title}: {human(self._done)}{of} {self._unit}, {human(rate)} {self._unit}/s{left}"


class ConsoleReporter:
    """The Reporter of the command line; ``quiet`` drops everything but errors.

    ``form`` json: each sentence is a JSON object on a line of its own; ``verbose``: also every statement with its time.
    """

    def __init__(self, *, quiet: bool = False, verbose: bool = False, form: Literal["text", "json"] = "text") -> None:
        self._quiet = quiet
        self._form = form
        hide_log()
        if form == "json" or verbose:
            show_log(form, logging.WARNING if quiet else logging.DEBUG if verbose else logging.INFO)
        # While a bar is shown, it says what there is to say, so that the two do not write over each other.
        self._beside: Callable[[str], None] | None = None

    @contextmanager
    def task(self, title: str, total: int | None, unit: str) -> Iterator[Task]:
        """Show a bar, or a line every ten seconds where stderr is no terminal."""
        title = shown(title)
        LOGGER.info("%s: %s %s", title, "?" if total is None else total, unit)
        if self._quiet or self._form == "json" or not sys.stderr.isatty():
            yield _Lines(self.say, title, total, unit)
            return
        # Loaded where a bar is shown: every command would pay for the import.
        from facedb.cli.bars import shown_bar

        with shown_bar(title, total, unit) as bar:
            self._beside = bar.say
            try:
                yield bar
            finally:
                self._beside = None

    def say(self, message: str) -> None:
        """Print one sentence on stderr."""
        LOGGER.info("%s", message)
        if self._quiet or self._form == "json":
            return
        if self._beside is not None:
            self._beside(shown(message))
        else:
            sys.stderr.write(f"{shown(message)}\n")
            sys.stderr.flush()


def complain(message: str) -> None:
    """Print an error on stderr, also when quiet."""
    if any(isinstance(handler, _Shown) and handler.form == "json" for handler in LOGGER.handlers):
        LOGGER.error("%s", message)
        return
    sys.stderr.write(f"facedb: {shown(message)}\n")


class _Shown(logging.StreamHandler):  # type: ignore[type-arg]
    """The log on stderr: as JSON lines, or only the statements beside what is said anyway."""

    def __init__(self, form: Literal["text", "json"], level: int) -> None:
        super().__init__(sys.stderr)
        self.form = form
        self.setLevel(level)
        if form == "json":
            self.setFormatter(JsonLines())
        else:
            self.addFilter(lambda record: record.name == SQL_LOGGER.name)


def show_log(form: Literal["text", "json"], level: int) -> None:
    """Show the log of facedb on stderr from ``level`` up."""
    LOGGER.addHandler(_Shown(form, level))
    LOGGER.setLevel(min(level, logging.INFO))


def hide_log() -> None:
    """Show it no longer."""
    for handler in [handler for handler in LOGGER.handlers if isinstance(handler, _Shown)]:
        LOGGER.removeHandler(handler)
