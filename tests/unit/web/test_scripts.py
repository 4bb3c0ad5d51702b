"""The scripts of the page: whatever a template or another script names is there, and none lies idle."""

from __future__ import annotations

import re
from pathlib import Path

import facedb.web

WEB = Path(facedb.web.__file__).resolve().parent
SCRIPTS = set((WEB / "static").rglob("*.js"))
LOADED = re.compile(r'src="/(static/[^"]+\.js)"')
IMPORTED = re.compile(r'\b(?:from|import)\s*\(?\s*["\']([^"\']+)["\']')


def _loaded() -> set[Path]:
    return {WEB / name for file in WEB.glob("templates/**/*.html") for name in LOADED.findall(file.read_text("utf-8"))}


def _imported() -> set[Path]:
    return {
        (script.parent / name).resolve() for script in SCRIPTS for name in IMPORTED.findall(script.read_text("utf-8"))
    }


def test_every_script_that_is_named_is_there_and_every_script_is_named() -> None:
    assert _loaded() | _imported() == SCRIPTS
    assert len(_imported()) > 15


def test_a_script_of_one_page_is_loaded_by_a_template_and_imported_by_nothing() -> None:
    pages = {script for script in SCRIPTS if script.parent.name == "pages"}
    assert pages <= _loaded() - _imported()
