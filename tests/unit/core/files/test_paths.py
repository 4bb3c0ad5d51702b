"""File names as database text and as terminal text."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facedb.core.errors import InputError
from facedb.core.files.paths import display, from_text, to_text

names = st.binary().map(os.fsdecode) | st.text(st.characters(codec="utf-8")) | st.text().map("bytes:".__add__)


@given(names.filter(lambda name: not any("\ud800" <= c <= "\udc7f" or c == "\udfff" for c in name)))
def test_every_file_name_comes_back_from_its_text_form(name: str) -> None:
    text = to_text(name)
    assert from_text(text) == name
    text.encode("utf-8")
    assert "\0" not in text


@given(names, names)
def test_different_names_have_different_text_forms(one: str, other: str) -> None:
    try:
        assert (to_text(one) == to_text(other)) == (one == other)
    except InputError:
        assert not all(name.isascii() for name in (one, other))


@pytest.mark.parametrize("name", ["a.jpg", "प्रेम/१.png", "a b%20.jpg", "é\n.jpg", ""])
def test_an_ordinary_name_stays_as_it_is(name: str) -> None:
    assert to_text(name) == name


def test_undecodable_bytes_and_the_mark_itself_are_written_as_bytes() -> None:
    assert to_text(os.fsdecode(b"s1/\xff.jpg")) == "bytes:s1/%FF.jpg"
    assert to_text("bytes:x") == "bytes:bytes%3Ax"


def test_half_a_character_is_an_input_error() -> None:
    with pytest.raises(InputError, match="half a character"):
        to_text("\ud800.jpg")


def test_a_name_on_a_terminal_is_one_line_without_tricks() -> None:
    assert display("é ü/नमस्ते.jpg") == "é ü/नमस्ते.jpg"
    assert display("a\nb\x1b[31m") == "a\\nb\\x1b[31m"
    assert display("gpj.\u202eexe") == "gpj.\\u202eexe"
    assert display(os.fsdecode(b"\xff.jpg")) == "\\xff.jpg"
    assert display("क\u200dष") == "क\u200dष"
