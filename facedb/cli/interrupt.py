"""Ctrl-C, SIGTERM and the end of a terminal: who handles them, and the quick way out of this process."""

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
