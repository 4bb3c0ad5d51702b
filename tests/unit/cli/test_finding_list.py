"""The list of findings on a terminal: names and files are whole at any width, the sentence gives way."""

from __future__ import annotations

import pytest

from facedb.cli.finding_list import listed
from facedb.scan.findings.ranked import Finding


def _finding(rank: int, a: str, b: str | None, images: tuple[str, ...]) -> Finding:
    sentence = "Scores 0.01 to the rest of its folder (best 0.02), where 0.80 ± 0.03 is usual; " * 4
    return Finding(rank, "stray", 0.99876, a, b, images, 1, 0, 0.1, None, 0.9, 0.8, 0.1, sentence, None, 0.99876)


@pytest.mark.parametrize("width", [80, 100, 120, 200])
def test_names_and_files_are_whole_and_lines_fit(width: int) -> None:
    one = _finding(12, "Kosuke_Kitajima", "日本語の名前", ("Kosuke_Kitajima/Kosuke_Kitajima_0002.jpg", "b/2.jpg"))
    lines = listed([one], width)
    text = "\n".join(lines)
    assert all(len(line) <= width for line in lines)
    for whole in (
        "12",
        "stray",
        "0.9988",
        "Kosuke_Kitajima -> 日本語の名前",
        "Kosuke_Kitajima/Kosuke_Kitajima_0002.jpg",
        "b/2.jpg",
    ):
        assert whole in text
    assert ("…" in text) == (width < 200), "the sentence is what gives way"


def test_control_characters_of_names_do_not_reach_the_terminal() -> None:
    assert "\x1b" not in "\n".join(listed([_finding(1, "a\x1b[31m", None, ("\x1b/1.jpg",))], 80))
