"""Values as a jsonb column can hold them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

_REFUSED = re.compile("[\0\ud800-\udfff]")


def storable(value: Any) -> Any:
    """``value`` with everything that jsonb refuses replaced: NUL and half characters by U+FFFD, NaN and infinity by None.

    Mappings and lists are followed; what JSON does not know becomes its text.
    """
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {_text(str(key)): storable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [storable(item) for item in value]
    return _text(str(value))


def _text(value: str) -> str:
    return _REFUSED.sub("\ufffd", value)
