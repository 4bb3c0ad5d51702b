"""Redaction: names become pseudonyms that are stable and tell nothing."""

from __future__ import annotations

import re
import unicodedata

import pytest

from facedb.core.files.paths import display, to_text
from facedb.report.html.redaction import Redaction


def test_one_name_has_one_pseudonym_in_every_report_of_a_database() -> None:
    assert Redaction(b"key").person("Ann Lee") == Redaction(b"key").person("Ann Lee")
    assert Redaction(b"key").person("Ann Lee") != Redaction(b"other").person("Ann Lee")
    assert len({Redaction(b"key").person(f"p{k}") for k in range(2000)}) == 2000


def test_sentences_lose_names_and_paths_and_keep_the_rest() -> None:
    veil = Redaction(b"key", ["Ann", "Ann Lee"])
    said = veil.sentence("Ann Lee/1.jpg shows Ann Lee, not Ann; Annex stays.", ["Ann Lee/1.jpg"])
    assert "Lee" not in said
    assert said.endswith("Annex stays.")
    assert veil.person("Ann Lee") in said
    assert veil.path("Ann Lee/1.jpg").endswith(".jpg")
    assert "Ann" not in veil.path("Ann Lee/1.jpg")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Ann_Lee", "it is Ann_Lee_0001.jpg again"),
        ("Ann Lee", "ANN LEE and ann lee"),
        ("Ann Lee", "/data/sets/Ann Lee/2019/ann_lee-7.jpg"),
        ("Ann_Lee", "AnnLee2, annlee and Ann Lee"),
        ("Łukasz", "łukasz_3.png, LUKASZ is another"),
        ("Zoe\u0301", "zo\u00e9_12.jpg"),
        ("林 小雨", "林小雨/9.jpg"),
        ("O'Brien (old)", "o'brien (old)/1.jpg"),
        ("p0017", "p0017/1.jpg, P0017_2.jpg"),
        ("🙂", "🙂/1.jpg"),
        ("Ann - (the) Lee", "it is Ann - (the) Lee/1.jpg"),
        ("प्रिया", "प्रिया/1.jpg"),
    ],
)
def test_a_name_is_met_however_a_file_name_writes_it(name: str, text: str) -> None:
    said = Redaction(b"key", [name, "somebody else"]).sentence(text, [])
    letters = re.sub(r"[\W_]", "", unicodedata.normalize("NFC", name)).casefold() or name
    assert letters not in re.sub(r"[\W_]", "", unicodedata.normalize("NFC", said)).casefold()
    assert "Person " in said


@pytest.mark.parametrize("name", ["Bob\x1b[31mEve", "Bob\u202eEve", "J\udcfcrg"])
def test_a_name_that_is_shown_by_escapes_has_the_pseudonym_of_what_is_shown(name: str) -> None:
    veil = Redaction(b"key", [to_text(name)])
    assert veil.sentence(f"like {display(name)}.", []) == f"like {veil.person(display(name))}."


def test_numbers_and_words_that_hold_a_name_stay() -> None:
    veil = Redaction(b"key", ["7", "Ann", "Al So"])
    text = "17 of 27 bits differ, 0.075; Annex, Hannah, also"
    assert veil.sentence(text, []).startswith("17 of 27 bits differ, 0.075; Annex, Hannah")
    assert "7" not in re.sub(r"(Person|photo) [0-9A-F]+", "", veil.sentence("7/3.jpg is of 7", []))


def test_many_names_take_no_time() -> None:
    veil = Redaction(b"key", [f"Person_{k} Name{k}" for k in range(50_000)])
    text = "Person_17 Name17 and person_49999-name49999.jpg"
    said = [veil.sentence(text, []) for _ in range(30)]
    assert len(set(said)) == 1
    assert not re.search("ame17|49999", said[0])
