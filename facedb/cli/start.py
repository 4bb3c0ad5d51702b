"""Where the command begins: Ctrl-C and its like are quiet from here on, also while the rest of facedb is still being imported."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from types import FrameType


def leave(_number: int, _frame: FrameType | None) -> None:
    """End this process at once, while nothing has begun, or nothing is left, that had to be ended in order."""
    # An exception would surface in the middle of an import. Workers that a scan starts are quiet, as it may need them no more by then.
    if "--quiet" not in sys.argv:
        with suppress(OSError):
            os.write(2, b"facedb: interrupted.\n")
    os._exit(130)


def on_interrupt(handler: Callable[[int, FrameType | None], object]) -> None:
    """Set the handler of Ctrl-C, SIGTERM and the end of a terminal; what a shell or nohup had ignored stays ignored."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)


def fill_streams() -> None:
    """Put nothing where stdin, stdout or stderr were closed: the next file or socket would take their place, and what is printed."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            while os.open(os.devnull, os.O_RDWR) < number:
                pass
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115 - it stays open


def main() -> None:
    """Import and run the command line; see `facedb.cli.app.main`."""
    on_interrupt(leave)
    fill_streams()
    from facedb.core.machine import memory

    try:
        from facedb.cli import app
    except (ImportError, MemoryError, OSError, SystemError) as error:
        if not memory.is_short(error):
            raise
        os.write(2, f"facedb: There is not enough memory{memory.limit_in_words()} to begin; give it more.\n".encode())
        os._exit(1)
    app.main()
