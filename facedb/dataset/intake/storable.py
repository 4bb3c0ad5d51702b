"""Names, times and further columns that the table can hold; without NumPy, because plans check every path with it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from facedb.core import rejects
from facedb.core.errors import InputError
from facedb.core.files.paths import to_text
from facedb.core.rejects import Problem

NAME_BYTES = 2600
"""The longest path or label in its text form: what a b-tree entry holds, less its header and the other key."""
LAST_TIME = 2**63 - 1
_NOT_IN_JSONB = re.compile("[\0\ud800-\udfff]")


def storable_time(nanoseconds: int | None) -> int | None:
    """A time in nanoseconds since 1970, at the end of what a bigint holds where it lies beyond (years 1677 to 2262)."""
    return None if nanoseconds is None else max(-LAST_TIME - 1, min(LAST_TIME, nanoseconds))


def storable_json(value: Any) -> Any:
    """``value`` with everything that jsonb refuses replaced: NUL and half characters by U+FFFD, NaN and infinity by None.

    Mappings and lists are followed; what JSON does not know becomes its text.
    """
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {_text(str(key)): storable_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [storable_json(item) for item in value]
    return _text(str(value))


def _text(value: str) -> str:
    return _NOT_IN_JSONB.sub("\ufffd", value)


def fits(name: str) -> bool:
    """Whether the table can hold a path or label."""
    return wrong_name(name, "name") is None


def wrong_name(name: str, what: str) -> Problem | None:
    """Why the table cannot hold a path or label, which ``what`` names in the sentence; None where it can."""
    try:
        size = len(to_text(name).encode())
    except InputError:
        return rejects.problem(rejects.BAD_NAME, f"The {what} holds half a character, which no name can.")
    if size > NAME_BYTES:
        return rejects.problem(
            rejects.BAD_NAME, f"The {what} has {size:,} bytes; {NAME_BYTES:,} is the most that can be stored."
        )
    return None
