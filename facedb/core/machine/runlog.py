"""A log file of each run below the data directory: what it said, did and how it ended; no vector, no argument, no secret.

The files are the owner's alone (0600), and the newest ones stay. Where none can be written, work goes on without.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from facedb.core.files.paths import printable_json

LOGGER = logging.getLogger("facedb")
SQL_LOGGER = logging.getLogger("facedb.sql")

KEPT = 50
"""Log files that stay; the oldest go when a run begins."""
_BYTES = 10 << 20


class JsonLines(logging.Formatter):
    """One JSON object a line: at, level, message, and for SQL its name, milliseconds and rows."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as a line."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {"at": at, "level": record.levelname.lower(), "message": record.getMessage()}
        line |= {key: record.__dict__[key] for key in ("query", "ms", "rows") if key in record.__dict__}
        return printable_json(json.dumps(line, ensure_ascii=False))


class _Bounded(logging.StreamHandler):  # type: ignore[type-arg]
    """Writes to one file until it is large enough for anybody; a full disk costs the log, not the run."""

    def emit(self, record: logging.LogRecord) -> None:
        if self.stream.tell() < _BYTES:
            super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002, N802 - the name is logging's
        with suppress(ValueError):
            self.stream.seek(_BYTES)


@contextmanager
def run_log(home: Path, command: str, *, verbose: bool) -> Iterator[None]:
    """Log the run of a command to a file of its own; ``verbose``: with the name and time of every statement."""
    handler = None if _of_somebody_else(home) else _opened(home / "logs", command)
    if handler is None:
        yield
        return
    level = LOGGER.level
    LOGGER.setLevel(logging.DEBUG if verbose else logging.INFO)
    LOGGER.addHandler(handler)
    began = time.monotonic()
    LOGGER.info("%s begins", command)
    how = "ended"
    try:
        yield
    except BaseException as error:
        how = f"ended with {type(error).__name__}: {error}" if str(error) else f"ended with {type(error).__name__}"
        raise
    finally:
        LOGGER.info("%s %s after %.1f s", command, how, time.monotonic() - began)
        LOGGER.removeHandler(handler)
        LOGGER.setLevel(level)
        with suppress(OSError):
            handler.stream.close()


def _of_somebody_else(home: Path) -> bool:
    """Whether root would leave files in another user's directory, which that user could neither add to nor remove."""
    return os.name == "posix" and os.geteuid() == 0 and home.is_dir() and home.stat().st_uid != 0


def _opened(folder: Path, command: str) -> _Bounded | None:
    name = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{os.getpid()}-{command.replace(' ', '-')}.log"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for old in sorted(folder.glob("*.log"))[: -KEPT + 1]:
            old.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        stream = os.fdopen(os.open(folder / name, flags, 0o600), "a", encoding="utf-8", errors="backslashreplace")
    except OSError:
        return None
    handler = _Bounded(stream)
    handler.setFormatter(JsonLines())
    return handler
