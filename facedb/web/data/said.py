"""What was said before: the verdicts on a case or a photo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from facedb.web.data.faces import shown


@dataclass(frozen=True, slots=True)
class Said:
    """A verdict of the past."""

    verdict_id: int
    kind: str
    verdict: str
    target: str | None
    note: str | None
    by: str
    at: datetime


def said(row: Sequence[Any]) -> Said:
    """The verdict of a row with the columns of `Said`, its target as a person reads it."""
    return Said(*[*row[:3], None if row[3] is None else shown(row[3]), *row[4:]])
