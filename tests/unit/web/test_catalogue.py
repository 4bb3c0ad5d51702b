"""The text of the page: all of it in the catalogue, and nothing in the catalogue that no page shows."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import pytest

import facedb.web
from facedb.web.catalogue import PARTS, TEXT, text

WEB = Path(facedb.web.__file__).parent
SOURCES = [*WEB.glob("**/*.py"), *WEB.glob("templates/*.html"), *WEB.glob("static/js/**/*.js")]
WHOLE = re.compile(r"""\bt\(\s*["']([\w.\-]+)["']\s*[,)]""")
ASKED = re.compile(r"""["'`]([a-z_]+(?:\.[\w\-]+)+)["'`]""")
# Keys that are put together from a family and a word.
FAMILIES = (
    "class",
    "ask",
    "plural",
    "said",
    "state",
    "status",
    "kind",
    "versus",
    "key",
    "hint",
    "nav",
    "picture",
    "refused",
    "mark",
    "plan",
    "compare",
    "datasets",
    "scans",
    "sign_in",
    "answer",
    "identity",
    "stray",
    "copy",
    "evidence",
    "wins",
    "photo",
)


def _used() -> set[str]:
    return {key for file in SOURCES for key in WHOLE.findall(file.read_text(encoding="utf-8"))}


@pytest.mark.parametrize("key", sorted(_used()))
def test_every_text_that_a_page_asks_for_is_in_the_catalogue(key: str) -> None:
    assert key in TEXT


def test_no_text_stands_in_two_parts_of_the_catalogue() -> None:
    assert sum(len(part.TEXT) for part in PARTS) == len(TEXT)


def test_every_class_answer_and_action_has_its_words() -> None:
    kinds, answers = (
        ("merge", "stray", "mixed", "duplicate", "look-alike", "photo", "unlabelled", "newcomer"),
        ("same", "different", "unsure", "wrong", "duplicate"),
    )
    needed = {f"{family}.{kind}" for family in ("class", "plural", "versus") for kind in kinds}
    needed |= {f"hint.{kind}.{answer}" for kind, answer in product(kinds, answers)}
    needed |= {f"said.{word}" for word in ("same", "different", "unsure", "wrong-identity", "duplicate", "withdrawn")}
    keys = (WEB / "static/js/review/keys.js").read_text(encoding="utf-8")
    actions = re.findall(r"(\w+):", keys.partition("DEFAULTS = {")[2].partition("};")[0])
    assert len(actions) > 15
    needed |= {f"key.{action}" for action in actions}
    assert needed <= TEXT.keys()


def test_the_catalogue_holds_nothing_that_no_page_shows() -> None:
    everything = "\n".join(file.read_text(encoding="utf-8") for file in SOURCES if file.parent.name != "catalogue")
    quoted = _used() | set(ASKED.findall(everything))
    idle = {
        key
        for key in TEXT
        if key not in quoted and not key.startswith(tuple(f"{f}." for f in FAMILIES)) and not key.endswith(".one")
    }
    assert idle == set()


def test_counts_of_one_read_well() -> None:
    assert text("side.faces", count=1) == "one face"
    assert text("side.faces", count=2) == "2 faces"
