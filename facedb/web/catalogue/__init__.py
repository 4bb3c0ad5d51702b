"""Every word and sentence of the page, a module for each of its parts, so that it can be translated.

``{name}`` is filled in; where a ``{count}`` of 1 reads otherwise, the key with ``.one`` behind it says so.
"""

from __future__ import annotations

from typing import Final

from facedb.web.catalogue import answers, case, frame, hints, keys, overview, people, plans, queue

PARTS: Final = (frame, answers, queue, case, hints, keys, overview, people, plans)
TEXT: Final[dict[str, str]] = {key: words for part in PARTS for key, words in part.TEXT.items()}


def text(key: str, **values: object) -> str:
    """The words of a key, filled in; raises KeyError for one that is not there."""
    words = TEXT[key]
    if values.get("count") == 1:
        words = TEXT.get(f"{key}.one", words)
    return words.format(**values) if values else words
