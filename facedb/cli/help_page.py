"""The renderer of help, without what no help of facedb shows: Markdown and tracebacks take as long to load as all the rest."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from types import ModuleType

_NEVER_SHOWN = {"rich.markdown": "Markdown", "rich.traceback": "Traceback"}


def is_asked_for(words: Sequence[str]) -> bool:
    """Whether help is about to be shown for the words after `facedb`, or offered by a shell on TAB."""
    return not words or not {"-h", "--help"}.isdisjoint(words) or "_FACEDB_COMPLETE" in os.environ


def load() -> None:
    """Load typer's renderer with empty classes in the place of those that are never shown; it prints the same without them."""
    stand_ins = [name for name in _NEVER_SHOWN if name not in sys.modules]
    for name in stand_ins:
        module = ModuleType(name)
        setattr(module, _NEVER_SHOWN[name], type(_NEVER_SHOWN[name], (), {}))
        sys.modules[name] = module
    try:
        importlib.import_module("typer.rich_utils")
    except ImportError:
        # A typer that wants more of them gets them, when it prints the help.
        pass
    finally:
        for name in stand_ins:
            del sys.modules[name]
