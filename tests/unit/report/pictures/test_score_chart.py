"""Charts of score distributions: they can be opened, and show what was measured."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from PIL import Image

from facedb.core.errors import UsageError
from facedb.report.pictures.score_chart import Mark, as_text, inline_svg, write
from tests.unit.findings.rates.test_calibration import measured

MARKS = [Mark("review above", 0.3), Mark("certain above", 0.5)]


def test_an_svg_is_well_formed_and_names_its_lines(tmp_path: Path) -> None:
    write(tmp_path / "scores.svg", measured(), MARKS, "Faces <of> a & b")
    root = ET.fromstring((tmp_path / "scores.svg").read_text(encoding="utf-8"))  # noqa: S314 - written just now
    words = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "Faces <of> a & b" in words
    assert "review above 0.300" in words
    drawn = {path.get("style", "") for path in root.iter("{http://www.w3.org/2000/svg}path")}
    assert any("#1b7f5c" in style for style in drawn)
    assert any("#b3372f" in style for style in drawn)


def test_the_same_data_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one.svg", "two.svg"):
        write(tmp_path / name, measured(), MARKS, "Faces")
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()


def test_a_chart_of_a_page_takes_its_colours_from_the_page_and_nothing_from_a_network() -> None:
    drawn = inline_svg(measured(), MARKS)
    ET.fromstring(drawn)  # noqa: S314 - drawn just now
    assert "var(--good)" in drawn
    assert "#1b7f5c" not in drawn
    assert "<script" not in drawn
    assert "url(http" not in drawn


def test_a_png_shows_both_curves(tmp_path: Path) -> None:
    write(tmp_path / "scores.png", measured(), MARKS, "Faces")
    with Image.open(tmp_path / "scores.png") as image:
        colours = {colour for _, colour in image.convert("RGB").getcolors(1 << 20) or []}
    assert {(0x1B, 0x7F, 0x5C), (0xB3, 0x37, 0x2F)} <= colours


def test_other_formats_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"not \.pdf"):
        write(tmp_path / "scores.pdf", measured(), MARKS, "Faces")


@pytest.mark.parametrize("width", [50, 80, 200])
def test_the_text_chart_fits_a_terminal_and_marks_the_lines(width: int) -> None:
    lines = as_text(measured(), MARKS, width).splitlines()
    assert lines[0].strip().startswith("impostor")
    assert max(map(len, lines)) <= min(width, 90)
    assert lines[3].index("^") < lines[4].index("^")
