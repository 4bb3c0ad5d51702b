"""Pictures in a terminal: pixels where it can draw them (sixel, kitty), else half blocks in 24-bit colour."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from io import BytesIO

from facedb.core.errors import UsageError

_COLUMNS_A_FACE = 18
_GAP = 4
_SIDE = 160


def can_draw() -> bool:
    """Whether stdout is a terminal that may be drawn in, and stdin is one that can be asked what it draws."""
    return (
        sys.stdout.isatty()
        and sys.stdin.isatty()
        and os.environ.get("TERM", "dumb") != "dumb"
        and "NO_COLOR" not in os.environ
        and _has_size()
    )


def _has_size() -> bool:
    """Whether the terminal on stdout says how large it is; a serial line and some terminals in containers do not."""
    size = os.get_terminal_size(sys.stdout.fileno())
    return size.columns > 0 and size.lines > 0


def draw(pictures: Sequence[bytes], *, indent: int = 0) -> None:
    """Print pictures (files) beside each other, as squares, in as many rows as they need."""
    if sys.stdout.isatty() and not sys.stdin.isatty():
        raise UsageError(
            "The terminal is asked what it can draw, and answers on stdin, where something else is now: run it without a pipe or <, "
            "or write a page with --sheet FILE."
        )
    if sys.stdout.isatty() and not _has_size():
        raise UsageError(
            "The terminal does not say how large it is: tell it (`stty columns 80 rows 24`), or write a page with --sheet FILE."
        )
    # Loaded where a picture is drawn: they take longer than the rest of a command, and one of them asks the terminal what it can.
    from PIL import Image
    from rich.console import Console
    from rich.padding import Padding
    from textual_image.renderable import HalfcellImage
    from textual_image.renderable import Image as Drawn

    # A terminal that gives no answer gets half blocks: nothing to warn of, let alone with a traceback.
    logging.getLogger("textual_image").setLevel(logging.ERROR)
    # tmux and the like take 24-bit colours without saying so; Apple's terminal does not take them.
    deep = os.environ.get("TERM_PROGRAM") != "Apple_Terminal"
    console = Console(file=sys.stdout, highlight=False, color_system="truecolor" if deep else "auto")
    room = max(1, (console.width - indent) // _COLUMNS_A_FACE)
    for start in range(0, len(pictures), room):
        row = pictures[start : start + room]
        strip = Image.new("RGBA", (len(row) * (_SIDE + _GAP) - _GAP, _SIDE), (0, 0, 0, 0))
        for k, data in enumerate(row):
            with Image.open(BytesIO(data)) as face:
                strip.paste(
                    face.convert("RGB").resize((_SIDE, _SIDE), Image.Resampling.LANCZOS), (k * (_SIDE + _GAP), 0)
                )
        # A half block is as high as it is wide, whatever a terminal says of its pixels.
        height = _COLUMNS_A_FACE // 2 if Drawn is HalfcellImage else None
        console.print(Padding(Drawn(strip, width=len(row) * _COLUMNS_A_FACE, height=height), (0, 0, 0, indent)))
