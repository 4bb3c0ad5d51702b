"""What a finding is, in words: its class, what a face is to it, and from which confidence on it is likely or certain.

Without NumPy, so that a list of findings appears at once.
"""

from __future__ import annotations

import math
from enum import IntEnum

MOST = 9.2
SUREST = 1.0 / (1.0 + math.exp(-MOST))
"""No finding is more certain than this, because no model of chance is."""
LIKELY = 0.5
"""Findings from here on are likelier than not."""
CERTAIN = 0.95
"""Findings from here on are *certain*, everywhere: what `facedb plan --auto` may act on, and what *certain above* is read from."""


def side_at_home(margin: float | None, sure: float = LIKELY) -> int | None:
    """To which of two folders a photo that lies in both belongs, 0 or 1, by the ``margin`` of its finding (see `facedb.findings.homes`),
    which says how likely that is; None where it is not as ``sure``, or nothing tells."""
    return None if margin is None or not abs(margin) >= sure else int(margin < 0)


class Kind(IntEnum):
    """The classes of findings."""

    MERGE = 0
    STRAY = 1
    MIXED = 2
    DUPLICATE = 3
    LOOK_ALIKE = 4
    PHOTO = 5
    UNLABELLED = 6
    NEWCOMER = 7

    @property
    def word(self) -> str:
        """The name that people read."""
        return self.name.lower().replace("_", "-")

    @classmethod
    def called(cls, word: str) -> Kind:
        """The class with that name."""
        return cls[word.upper().replace("-", "_")]


class Role(IntEnum):
    """What a face is to a finding."""

    WRONG = 0
    """The stray, a member of the second group of a mixed folder, the face for which a photo is reported, or one without a label."""
    COPY = 1
    """A copy of a photo; all but the first may be dropped."""
    EXAMPLE = 2
    """The best pair of a merge or look-alike, or the foreign face that a stray, or one without a label, is closest to."""
