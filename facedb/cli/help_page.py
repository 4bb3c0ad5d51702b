"""The renderer of help, without what no help of facedb shows: Markdown and tracebacks take as long to load as all the rest."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

_NEVER_SHOWN = {"rich.markdown": "Markdown", "rich.traceback": "Traceback"}


def is_asked_for(words: Sequence[str]) -> bool:
    """Whether help is about to be shown for the words after `facedb`, or offered by a shell on TAB."""
    return not words or not {"-h", "--help"}.isdisjoint(words) or "_FACEDB_COMPLETE" in os.environ


def load() -> None:
    """Load typer's renderer with stand-ins for what is never shown; one that is wanted all the same makes the real one."""
    stand_ins = {name: _stand_in(name, word) for name, word in _NEVER_SHOWN.items() if name not in sys.modules}
    sys.modules |= stand_ins
    try:
        importlib.import_module("typer.rich_utils")
    except (ImportError, AttributeError, TypeError):
        # A typer that wants more of them gets them, when it prints the help.
        pass
    finally:
        for name in stand_ins:
            del sys.modules[name]


def _stand_in(name: str, word: str) -> ModuleType:
    def real(_cls: type, *arguments: Any, **options: Any) -> Any:
        return getattr(importlib.import_module(name), word)(*arguments, **options)

    module = ModuleType(name)
    setattr(module, word, type(word, (), {"__new__": real}))
    return module
