"""Redaction: names become pseudonyms that are stable and tell nothing."""

from __future__ import annotations

from facedb.report.html.redaction import Redaction


def test_one_name_has_one_pseudonym_in_every_report_of_a_database() -> None:
    assert Redaction(b"key").person("Ann Lee") == Redaction(b"key").person("Ann Lee")
    assert Redaction(b"key").person("Ann Lee") != Redaction(b"other").person("Ann Lee")
    assert len({Redaction(b"key").person(f"p{k}") for k in range(2000)}) == 2000


def test_sentences_lose_names_and_paths_and_keep_the_rest() -> None:
    veil = Redaction(b"key")
    said = veil.sentence("Ann Lee/1.jpg shows Ann Lee, not Ann; Annex stays.", ["Ann", "Ann Lee"], ["Ann Lee/1.jpg"])
    assert "Lee" not in said
    assert said.endswith("Annex stays.")
    assert veil.person("Ann Lee") in said
    assert veil.path("Ann Lee/1.jpg").endswith(".jpg")
    assert "Ann" not in veil.path("Ann Lee/1.jpg")
