"""The renderer of help, without what no help of facedb shows: Markdown and tracebacks take as long to load as all the rest."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterable, Sequence
from types import ModuleType
from typing import Any

import typer
from typer.core import TyperOption

NAMES = ("-h", "--help")

# What an option takes, for readers who know no types of Python's; a flag takes nothing.
_TAKES = {
    "bool": "",
    "int": "N",
    "float": "X",
    "str": "TEXT",
    "list[str]": "TEXT",
    "Path": "PATH",
}
_NEVER_SHOWN = {"rich.markdown": "Markdown", "rich.traceback": "Traceback"}


def is_asked_for(words: Sequence[str]) -> bool:
    """Whether help is about to be shown for the words after `facedb`, or offered by a shell on TAB."""
    return not words or not set(NAMES).isdisjoint(words) or "_FACEDB_COMPLETE" in os.environ


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


def put_plainly(command: Any) -> Any:
    """The command and its own commands, their help without the line breaks of the source and without types of Python's."""
    command.help = flowing(command.help or "")
    name_values(command.get_params(typer.Context(command, help_option_names=list(NAMES))))
    for each in getattr(command, "commands", {}).values():
        put_plainly(each)
    return command


def flowing(words: str) -> str:
    """A text whose paragraphs are one line each, for a terminal of any width."""
    return "\n\n".join(paragraph.replace("\n", " ") for paragraph in words.split("\n\n"))


def name_values(parameters: Iterable[Any]) -> None:
    """Say in words what options take."""
    for option in parameters:
        if isinstance(option, TyperOption) and option.metavar is None:
            option.metavar = _TAKES.get(option.bare_type())
