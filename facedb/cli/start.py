"""Where the command begins: Ctrl-C is quiet from here on, also while the rest of facedb is still being imported."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from types import FrameType


def leave(_number: int, _frame: FrameType | None) -> None:
    """End this process at once on Ctrl-C, while nothing has begun, or nothing is left, that had to be ended in order."""
    # An exception would surface in the middle of an import.
    os.write(2, b"facedb: interrupted.\n")
    os._exit(130)


def on_ctrl_c(handler: Callable[[int, FrameType | None], object]) -> None:
    """Set the handler of SIGINT, which a shell ignores in what belongs into the background, and so it stays."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, handler)


def fill_streams() -> None:
    """Put nothing where stdin, stdout or stderr were closed: the next file or socket would take their place, and what is printed."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            while os.open(os.devnull, os.O_RDWR) < number:
                pass
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115 - it stays open


def main() -> None:
    """Import and run the command line; see `facedb.cli.app.main`."""
    on_ctrl_c(leave)
    fill_streams()
    from facedb.cli import app

    app.main()
