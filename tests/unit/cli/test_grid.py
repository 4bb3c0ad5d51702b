"""Tables as lines: whole where there is room, folded or with fewer columns where there is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from facedb.cli.grid import fold, lines, shown
from facedb.core.row_schema import ad_hoc

COLUMNS = ad_hoc({"rank": int, "path": str, "score": float, "said": str}).columns
LONG = "Akbar_Hashemi_Rafsanjani/Akbar_Hashemi_Rafsanjani_0001.jpg"
BODY = [["1", LONG, "0.7809", "The same photo twice, in one folder."], ["12,345", "林 小雨/一.jpg", "-0.1000", ""]]


def test_without_a_width_every_row_is_one_line_and_numbers_stand_to_the_right() -> None:
    body = [["1", LONG, "0.7809", ""], ["12,345", "林 小雨/一.jpg", "-0.1000", "one"]]
    assert lines(COLUMNS, body, None) == [
        "  rank  path" + " " * 56 + "  score  said",
        f"     1  {LONG}   0.7809",
        "12,345  林 小雨/一.jpg" + " " * 46 + "-0.1000  one",
    ]


@pytest.mark.parametrize("width", [40, 60, 80, 100])
def test_texts_are_folded_inside_the_width_and_numbers_stay_whole(width: int) -> None:
    made = lines(COLUMNS, BODY, width)
    assert max(map(cell_len, made)) <= width
    assert all(number in "\n".join(made) for number in ("12,345", "0.7809", "-0.1000"))
    room = width - cell_len("12,345") - cell_len("-0.1000") - 6
    assert "".join(fold(LONG, room)) == LONG


def test_where_numbers_leave_no_room_lines_are_as_long_as_they_must_be() -> None:
    assert lines(COLUMNS, BODY, 30) == lines(COLUMNS, BODY, None)


def test_a_path_is_folded_at_its_slash_and_a_sentence_between_its_words() -> None:
    assert fold("William_Pryor_Jr/William_Pryor_Jr_0001.jpg", 30) == ["William_Pryor_Jr/", "William_Pryor_Jr_0001.jpg"]
    assert fold("The same photo twice, in one folder.", 20) == ["The same photo", "twice, in one", "folder."]
    assert fold("x" * 25, 10) == ["x" * 10, "x" * 10, "x" * 5]


@given(st.text("aB/_- 林é", max_size=60), st.integers(4, 20))
def test_folding_loses_nothing_but_spaces_at_the_fold(text: str, width: int) -> None:
    pieces = fold(text, width)
    assert "".join(pieces).replace(" ", "") == text.replace(" ", "")
    assert max(map(cell_len, pieces)) <= width


def test_a_narrow_terminal_shows_what_matters_and_what_fits_beside_it() -> None:
    assert shown(COLUMNS, BODY, ("rank", "score"), 200) == [0, 1, 2, 3]
    assert shown(COLUMNS, BODY, ("rank", "score"), 30) == [0, 2]
    assert shown(COLUMNS, BODY, ("rank", "score"), 60) == [0, 2, 3]
    assert shown(COLUMNS, BODY, (), 30) == [0, 1, 2, 3]
