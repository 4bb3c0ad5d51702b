"""Names that look alike are one for the person who types them."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facedb.core.names import alike, looks, nearest

JOSE = "José Martí"


@pytest.mark.parametrize(
    "typed",
    [
        unicodedata.normalize("NFD", JOSE),
        "José\u00a0Martí",
        "José\u200b Martí",
        "\ufeffJosé Martí",
        "José  Martí ",
        "José\u2009Martí",
        "Jo\u00adsé Martí",
        "\u202aJosé Martí\u202c",
        "José\tMartí",
    ],
)
def test_a_name_is_found_by_what_it_looks_like_both_ways(typed: str) -> None:
    assert alike(typed, [JOSE, "Jose Marti", "Josef"]) == [JOSE]
    assert alike(JOSE, [typed, "Jose Marti"]) == [typed]


def test_the_very_name_counts_before_one_that_looks_like_it() -> None:
    both = [unicodedata.normalize("NFD", JOSE), JOSE]
    assert [alike(name, both) for name in both] == [[both[0]], [both[1]]]


def test_a_name_is_found_by_what_is_printed_for_it() -> None:
    assert alike("Ann\\x07", ["Ann\x07", "Bob"]) == ["Ann\x07"]
    assert alike("caf\\xe9", ["caf\udce9"]) == ["caf\udce9"]


def test_other_accents_cases_and_nothing_are_other_names() -> None:
    assert alike("Jose Marti", [JOSE]) == []
    assert alike("josé martí", [JOSE]) == []
    assert alike("\u200b", ["", " ", "\ufeff"]) == []


def test_the_nearest_names_are_offered_best_first() -> None:
    there = ["John Smith", "Johan Smit", "Zoe", "Émile"]
    assert nearest("Jhon Smith", there)[0] == "John Smith"
    assert nearest("qqqq", there) == []
    assert nearest("Ann_Venemann", ["Eminem", "Ann_Veneman", "Ann"]) == ["Ann_Veneman", "Ann"]
    assert nearest("Nobody", ["Brandon_Boyd"]) == []
    assert nearest("ÉMILE", there) == ["Émile"]
    assert nearest("x", []) == []


@given(st.text())
def test_what_a_name_looks_like_looks_like_itself(name: str) -> None:
    assert looks(looks(name)) == looks(name)
