"""Words that must be one of a few: the error names them all, and the one that was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from facedb.core.errors import UsageError


def ending(word: str, choices: Iterable[str]) -> str:
    """How a sentence about a wrong word ends: ``: did you mean 'merge'?``, or a full stop where nothing is near."""
    near = difflib.get_close_matches(word.lower(), list(choices), n=1)
    return f": did you mean {near[0]!r}?" if near else "."


def one_of(what: str, word: str | None, choices: Iterable[str]) -> str | None:
    """``word`` itself if it is one of ``choices`` or None; raises UsageError that names the choices and the nearest one."""
    known = tuple(choices)
    if word is None or word in known:
        return word
    raise UsageError(f"{what} is one of {', '.join(known)}; not {word!r}{ending(str(word), known)}")


def within(what: str, value: float | None, low: float, high: float) -> float | None:
    """``value`` itself if it lies between ``low`` and ``high`` or is None; raises UsageError."""
    if value is None or low <= value <= high:
        return value
    raise UsageError(f"{what} lies between {low:g} and {high:g}; not {value:g}.")
