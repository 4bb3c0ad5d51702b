"""A table as lines of text: as wide as its cells where nobody watches, folded to the terminal where somebody does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import zip_longest

from rich.cells import cell_len, chop_cells

from facedb.core.row_schema import Column

_GAP = "  "
_READABLE = 10
"""A text that is folded into fewer columns than this is no longer read at a glance."""
_BREAKS = (" ", "/", "_-,;")


def shown(columns: Sequence[Column], body: Sequence[Sequence[str]], narrow: Sequence[str], width: int) -> list[int]:
    """The positions of the columns for lines of ``width``: all where they fit, else those called ``narrow`` and what fits beside them."""
    natural = _natural(columns, body)
    if not narrow or _line(natural) <= width:
        return list(range(len(columns)))
    chosen = [k for k, column in enumerate(columns) if column.name in narrow]
    for k in range(len(columns)):
        if k not in chosen and _line([natural[at] for at in (*chosen, k)]) <= width:
            chosen.append(k)
    return sorted(chosen)


def lines(
    columns: Sequence[Column],
    body: Sequence[Sequence[str]],
    width: int | None,
    emphasis: Callable[[str], str] = str,
) -> list[str]:
    """The header, in ``emphasis``, and the rows, in lines of ``width`` (None: no limit): longer texts are folded in their column.

    Numbers never are: where they leave texts no room to be read, the lines are as long as they must be.
    """
    widths = _widths(columns, body, width)
    made = []
    for number, row in enumerate([[column.name for column in columns], *body]):
        folded = [fold(cell, room) for cell, room in zip(row, widths, strict=True)]
        for parts in zip_longest(*folded, fillvalue=""):
            line = _GAP.join(_padded(*each) for each in zip(parts, widths, columns, strict=True)).rstrip()
            made.append(line if number else emphasis(line))
    return made


def fold(text: str, width: int) -> list[str]:
    """``text`` in pieces of at most ``width`` columns, which end after a word or a folder, where one ends in their second half."""
    pieces = []
    while cell_len(text) > width:
        piece = chop_cells(text, width)[0]
        ends = (max(map(piece.rfind, marks)) + 1 for marks in _BREAKS)
        cut = next((end for end in ends if cell_len(piece[:end]) > width // 2), len(piece))
        pieces.append(text[:cut].rstrip(" "))
        text = text[cut:].lstrip(" ")
    return [*pieces, text]


def _natural(columns: Sequence[Column], body: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(cell_len, (column.name, *(row[k] for row in body)))) for k, column in enumerate(columns)]


def _widths(columns: Sequence[Column], body: Sequence[Sequence[str]], width: int | None) -> list[int]:
    natural = _natural(columns, body)
    texts = [k for k, column in enumerate(columns) if not column.numeric]
    least = [min(n, _READABLE) if k in texts else n for k, n in enumerate(natural)]
    if width is None or _line(least) > width:
        return natural
    while (over := _line(natural) - width) > 0:
        # The widest gives way until it is as wide as the next one.
        widest = max(natural[k] for k in texts)
        those = [k for k in texts if natural[k] == widest]
        below = max((natural[k] for k in texts if natural[k] < widest), default=0)
        for k in those:
            natural[k] -= max(1, min(widest - below, over // len(those)))
    return natural


def _line(widths: Sequence[int]) -> int:
    return sum(widths) + len(_GAP) * (len(widths) - 1)


def _padded(text: str, width: int, column: Column) -> str:
    space = " " * (width - cell_len(text))
    return space + text if column.numeric else text + space
