"""Cells that a spreadsheet would run as a formula, written so that it shows them, and read back as they were."""

from __future__ import annotations

import re

_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_DEFUSED = re.compile(r"'+[=+\-@\t\r]")


def defused(cell: str) -> str:
    """``cell`` with an apostrophe in front where a spreadsheet would take it for a formula (OWASP: CSV injection).

    >>> defused("=1+1"), defused("-ann"), defused("ann"), defused("'=1")
    ("'=1+1", "'-ann", 'ann', "''=1")
    """
    return f"'{cell}" if _FORMULA.match(cell) else cell


def armed(cell: str) -> str:
    """What `defused` was given: one apostrophe before a formula is how a spreadsheet is told that it is text.

    >>> armed("'=1+1"), armed("''=1"), armed("'tis")
    ('=1+1', "'=1", "'tis")
    """
    return cell[1:] if _DEFUSED.match(cell) else cell
