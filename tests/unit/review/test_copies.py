"""Which of several files of one photo stays: one rule for plans, answers and the page."""

from __future__ import annotations

import pytest

from facedb.core.finding import CERTAIN, LIKELY, side_at_home
from facedb.review.copies import home, that_stays
from facedb.review.decision_rows import PlannedImage


def image(key: int, label: int | None, pixels: int = 100, size: int = 10, *, clearest: float = 0.9) -> PlannedImage:
    return PlannedImage(
        key, 1, "npz", "/", {}, label, "folder", "ready", f"{key}.jpg", None, b"x", size, pixels, "people", clearest
    )


def kept(copies: list[PlannedImage], at_home: int | None = None) -> int | None:
    found = that_stays(copies, lambda one: one.identity_id, at_home)
    return None if found is None else found.id


@pytest.mark.parametrize(
    ("margin", "side"), [(0.6, 0), (-0.6, 1), (0.5, 0), (0.4, None), (None, None), (float("nan"), None)]
)
def test_the_side_at_home_is_told_where_the_sentence_tells_it(margin: float | None, side: int | None) -> None:
    assert side_at_home(margin, LIKELY) == side
    assert side_at_home(margin, CERTAIN) is None


def test_a_home_that_none_of_the_copies_is_in_any_more_is_none() -> None:
    assert home(7, 8, 0.9, [7, 8]) == 7
    assert home(7, 8, -0.9, [7, 8]) == 8
    assert home(7, 8, 0.9, [8, 9]) is None
    assert home(7, 8, 0.9, [7, 8], CERTAIN) is None
    assert home(7, None, 0.9, [7]) is None


def test_of_copies_in_two_folders_the_one_at_home_stays_and_nobody_guesses_where_that_is_not_known() -> None:
    copies = [image(1, 7, pixels=50), image(2, 8, pixels=900), image(3, None, pixels=9_000)]
    assert kept(copies, 7) == 1
    assert kept(copies) is None


def test_of_copies_in_one_folder_the_largest_then_the_oldest_stays_and_one_in_no_folder_goes() -> None:
    assert kept([image(1, 7), image(2, 7, pixels=101), image(3, None, pixels=500)]) == 2
    assert kept([image(2, 7), image(1, 7)]) == 1
    assert kept([image(2, None), image(3, None, size=11)]) == 3
    assert kept([]) is None


def test_a_copy_in_which_no_face_was_found_goes_before_any_other_whatever_else_speaks_for_it() -> None:
    assert kept([image(1, 7), image(2, 7, pixels=9_000, clearest=0.0)]) == 1
    assert kept([image(1, 7), image(2, 8, clearest=0.0)]) == 1
    assert kept([image(1, None), image(2, 8, clearest=0.0)]) == 1
    assert kept([image(1, 7, clearest=0.0), image(2, 7, pixels=9_000, clearest=0.0)]) == 2
    assert kept([image(1, 7, clearest=0.0), image(2, 8, clearest=0.0)]) is None


def test_of_copies_in_one_folder_one_whose_face_is_hard_to_find_goes_though_it_is_larger() -> None:
    assert kept([image(1, 7, clearest=0.94), image(2, 7, pixels=9_000, clearest=0.89)]) == 1
    assert kept([image(1, 7, clearest=0.94), image(2, 7, pixels=9_000, clearest=0.93)]) == 2
    assert kept([image(1, 7, clearest=0.94), image(2, 8, clearest=0.7)], at_home=8) == 2
