"""Names as people type them: equal when they look equal, and the nearest ones when none is.

A Mac writes ``José`` with a combining accent (NFD), a keyboard without (NFC); copied text brings zero-width characters and
spaces of other kinds. The database keeps the bytes of a name; only the comparison with what a person typed is lenient.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from facedb.core.files.paths import display

_INVISIBLE = {"Cf", "Cc"}
_SPACES = re.compile(r"\s+")
_DIGITS = re.compile(r"[0-9]+")
_NEAR = 65.0
_BEHIND = 15.0
_SLIP = 85.0


def looks(name: str) -> str:
    """What a person sees of ``name``: NFC, one plain space for every run of spaces, nothing invisible.

    >>> looks("Jose\\u0301\\u00a0 Marti\\u0301\\u200b") == "José Martí"
    True
    """
    seen = "".join(c for c in name if c.isspace() or not (unicodedata.category(c) in _INVISIBLE or _is_selector(c)))
    return unicodedata.normalize("NFC", _SPACES.sub(" ", seen)).strip()


def alike(typed: str, names: Iterable[str]) -> list[str]:
    """Those of ``names`` that ``typed`` may mean: the name itself, else what looks like it or is printed like it."""
    known = list(names)
    if typed in known:
        return [typed]
    wanted = looks(typed)
    return [
        name for name in known if (wanted and wanted in (looks(name), looks(display(name)))) or display(name) == typed
    ]


def nearest(typed: str, names: Iterable[str], limit: int = 3) -> list[str]:
    """The names that are most like ``typed``, the best first; none that only share a letter or two, or are far behind the best."""
    # Only an unknown name needs it, and every command would pay for the import.
    from rapidfuzz import fuzz, process

    seen = {name: looks(name).casefold() for name in names}
    found = process.extract(looks(typed).casefold(), seen, scorer=fuzz.WRatio, limit=limit, score_cutoff=_NEAR)
    return [name for _, score, name in found if score >= found[0][1] - _BEHIND]


def slips(typed: str, names: Iterable[str]) -> list[str]:
    """The names from which ``typed`` is a slip of the keyboard or two away, the nearest first: not those that differ in a number.

    >>> slips("Bo Verna", ["Bo Verma", "Ida Imre"]), slips("person 7", ["person 8"]), slips("person 7", ["person 007"])
    (['Bo Verma'], [], ['person 007'])
    """
    from rapidfuzz import fuzz, process

    wanted = looks(typed).casefold()
    numbers = [int(digits) for digits in _DIGITS.findall(wanted)]
    seen = {name: looks(name).casefold() for name in names}
    seen = {name: text for name, text in seen.items() if [int(d) for d in _DIGITS.findall(text)] == numbers}
    return [name for _, _, name in process.extract(wanted, seen, scorer=fuzz.ratio, limit=3, score_cutoff=_SLIP)]


def _is_selector(character: str) -> bool:
    return "\ufe00" <= character <= "\ufe0f"
