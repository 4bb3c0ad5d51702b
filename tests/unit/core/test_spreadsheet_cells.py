"""Cells that a spreadsheet would run."""

from __future__ import annotations

import pytest

from facedb.core.counting import counted
from facedb.core.spreadsheet_cells import armed, defused

FORMULAS = ["=1+1", "+ann", "-bob", "@sum(a1)", "\t=1", "\r=1", "'=1", "''-x", "=cmd|' /C calc'!A0"]
PLAIN = ["ann", "", "'tis", "a=b", "O'Hara", "1-2", "José", "'", "'ann"]


@pytest.mark.parametrize("cell", FORMULAS)
def test_a_formula_is_written_so_that_it_is_shown_and_read_as_it_was(cell: str) -> None:
    assert defused(cell)[0] == "'"
    assert defused(cell) != cell
    assert armed(defused(cell)) == cell


@pytest.mark.parametrize("cell", PLAIN)
def test_what_is_no_formula_stays_as_it_is(cell: str) -> None:
    assert defused(cell) == cell
    assert armed(cell) == cell


def test_counts_are_singular_for_one() -> None:
    assert [counted(n, "image") for n in (0, 1, 2, 1200)] == ["0 images", "1 image", "2 images", "1,200 images"]
    assert counted(1, "identity", "identities") == "1 identity"
    assert counted(2, "identity", "identities") == "2 identities"
