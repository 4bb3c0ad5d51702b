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
_NEAR = 60.0


def looks(name: str) -> str:
    """What a person sees of ``name``: NFC, one plain space for every run of spaces, nothing invisible.

    >>> looks("Jose\\u0301\\u00a0 Marti\\u0301\\u200b") == "José Martí"
    True
    """
    spaced = _SPACES.sub(" ", name)
    seen = "".join(c for c in spaced if unicodedata.category(c) not in _INVISIBLE and not _is_selector(c))
    return unicodedata.normalize("NFC", seen).strip()


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
    """The names that are most like ``typed``, the best first; none that only share a letter or two."""
    # Only an unknown name needs it, and every command would pay for the import.
    from rapidfuzz import fuzz, process

    seen = {name: looks(name).casefold() for name in names}
    found = process.extract(looks(typed).casefold(), seen, scorer=fuzz.WRatio, limit=limit, score_cutoff=_NEAR)
    return [name for _, _, name in found]


def _is_selector(character: str) -> bool:
    return "\ufe00" <= character <= "\ufe0f"
