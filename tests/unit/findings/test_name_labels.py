"""Labels as datasets write them: what stands around a name, and what so many labels share that it says nothing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from facedb.core.finding import CERTAIN
from facedb.findings.names.evidence import Names, names
from facedb.findings.names.spelling import Agreement, agreement, look_like_names, words
from tests.unit.findings.names_made import name_of

PEOPLE = 300


def weighed(known: Names, likely: float, a: int, b: int) -> float:
    """The probability that labels ``a`` and ``b`` are one person, which is ``likely`` by their faces."""
    sure, none, level = np.array([likely]), np.zeros(1), known.levels(np.array([a]), np.array([b]))
    return float(known.weights(sure, none, level).weigh(sure, none, level)[0])


@pytest.mark.parametrize(
    "label",
    [
        "John_Smith (2)",
        "0017_John_Smith",
        "John Smith - Copy",
        "John Smith - Copy (3)",
        "Copy of John Smith",
        "John Smith - Kopie",
        "john.smith@example.co.uk",
        "John%20Smith",
        "John Smith PhD",
        "Smith, Dr. John",
        "Smith (John)",
    ],
)
def test_what_stands_around_a_name_is_no_part_of_it(label: str) -> None:
    assert agreement(words(label), words("John_Smith")) == Agreement.SAME


def test_a_quoted_label_has_the_letters_that_it_stands_for() -> None:
    assert words("Zo%C3%AB_Kravitz") == words("Zoë Kravitz")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ann_Lee_(actress)", "Bob_Ray_(actress)"),
        ("ann.lee@mail.com", "bob.ray@mail.com"),
        ("Ann Lee - Copy", "Bob Ray - Copy"),
        ("Ann Lee PhD", "Bob Ray PhD"),
    ],
)
def test_what_two_labels_have_beside_their_names_is_no_surname(one: str, other: str) -> None:
    assert agreement(words(one), words(other)) == Agreement.NONE


def test_a_maiden_name_in_brackets_is_one_of_the_names_and_not_the_surname() -> None:
    assert agreement(words("Jane Doe (born Smith)"), words("Jane_Smith")) == Agreement.LOOSE
    assert agreement(words("Jane Doe (Smith)"), words("Mary Doe")) == Agreement.SURNAME


def test_a_middle_initial_makes_no_other_spelling_of_the_first_name() -> None:
    assert agreement(words("George_W_Bush"), words("George_H_W_Bush")) == Agreement.LOOSE
    assert agreement(words("Mary_H_Jones"), words("Mary_Jones")) == Agreement.LOOSE


def test_junior_and_senior_may_be_relatives_and_one_of_them_may_be_either() -> None:
    assert agreement(words("Robert_Downey_Jr"), words("Robert_Downey_Sr")) == Agreement.SURNAME
    assert agreement(words("John_Hill_II"), words("John_Hill_III")) == Agreement.SURNAME
    assert agreement(words("John_Hill_II"), words("John_Hill_Jr")) == Agreement.SAME
    assert agreement(words("Robert_Downey_Jr"), words("Robert_Downey")) == Agreement.LOOSE


def test_a_number_beside_a_name_leaves_it_one_and_codes_are_none() -> None:
    assert look_like_names([f"{k:04d}_{name_of(k)}" for k in range(40)])
    assert look_like_names(["Ken Sato", "Ken Sato (2)"])
    assert not look_like_names([f"subject_left_{k}" for k in range(40)])
    assert not look_like_names([f"m.0{k}xy_{k}ab" for k in range(40)])


@pytest.mark.parametrize("dressed", ["{}_faces", "person {}", "{}.cropped.images"])
def test_words_of_all_labels_neither_make_relatives_nor_hide_a_name(dressed: str) -> None:
    known = names({k: dressed.format(name_of(k)) for k in range(PEOPLE)} | {PEOPLE: dressed.format("Ken_Sato")})
    assert known is not None
    assert weighed(known, 0.999, 0, 1) == pytest.approx(0.999)
    assert known.agreement(5, PEOPLE) == Agreement.NONE


def test_a_surname_of_all_labels_stays_a_surname() -> None:
    known = names({k: f"{name_of(k).split('_')[0]}_Hill" for k in range(40)})
    assert known is not None
    assert weighed(known, 0.999, 0, 1) < CERTAIN


@pytest.mark.parametrize("label", ["Unknown_Person_{}".format, "Ken_Sato ({})".format], ids=["unknown", "one name"])
def test_a_name_that_many_labels_share_makes_no_merge_of_two_of_them(label: Callable[[int], str]) -> None:
    known = names({k: name_of(k) for k in range(PEOPLE)} | {PEOPLE + k: label(k) for k in range(PEOPLE // 2)})
    assert known is not None
    assert weighed(known, 0.1, PEOPLE, PEOPLE + 1) < 0.5
