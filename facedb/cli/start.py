"""Where the command begins: Ctrl-C and its like are quiet from here on, also while the rest of facedb is still being imported."""

from __future__ import annotations

import os
import sys

from facedb.cli.interrupt import leave, on_interrupt


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
