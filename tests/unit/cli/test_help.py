"""Every command explains itself."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import typer
from typer.main import get_command
from typer.testing import CliRunner

from facedb.cli import help_page
from facedb.cli.app import app


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command below ``command`` that is no group, with the words that call it."""
    for name, below in getattr(command, "commands", {}).items():
        if getattr(below, "commands", None):
            yield from commands(below, (*path, name))
        else:
            yield (*path, name), below


ALL: Any = get_command(app)
COMMANDS = dict(commands(ALL))


def test_the_list_of_commands_says_of_each_what_its_own_help_says() -> None:
    context = typer.Context(ALL)
    listed = {name: ALL.get_command(context, name) for name in ALL.list_commands(context)}
    assert {name: (entry.name, entry.help) for name, entry in listed.items()} == {
        name: (command.name, command.help) for name, command in ALL.commands.items()
    }
    assert ALL.get_command(context, "nothing") is None


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_has_help_with_an_example_that_names_it(path: tuple[str, ...]) -> None:
    command = COMMANDS[path]
    said = CliRunner().invoke(app, [*path, "--help"])
    assert said.exit_code == 0, said.output
    assert command.help, "says what it does"
    assert "Example: " in (command.epilog or "")
    assert path[-1] in command.epilog
    assert "facedb" in command.epilog
    assert not re.search(r"--.*<(bool|str|int|float)", said.output), "options are told without types of Python's"
    assert all("\n" not in paragraph for paragraph in command.help.split("\n\n")), "paragraphs flow to any width"


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_option_says_what_it_is_for(path: tuple[str, ...]) -> None:
    for parameter in COMMANDS[path].params:
        if parameter.name != "help" and not getattr(parameter, "hidden", False):
            assert getattr(parameter, "help", None), f"{parameter.name} has no help"


def test_what_help_never_shows_is_made_all_the_same_where_it_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("typer.rich_utils", "rich.markdown", "rich.traceback"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    help_page.load()
    assert "rich.markdown" not in sys.modules
    made: Any = sys.modules["typer.rich_utils"].Markdown("# Faces")
    assert type(made).__module__ == "rich.markdown"
    assert made.markup == "# Faces"
