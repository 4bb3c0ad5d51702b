"""The README names only commands and options that exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from facedb.cli.app import app

README = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
WORDS = re.compile(r"(?:^|[`( ])facedb ((?:[^`#|)\n])+)")


def _calls() -> list[str]:
    """Every call of facedb in code blocks and in inline code."""
    blocks = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    inline = re.findall(r"`(facedb [^`]+)`", README)
    lines = [line.split("#")[0].strip() for block in blocks for line in block.splitlines()]
    found = {match.group(1).strip() for line in [*lines, *inline] for match in WORDS.finditer(line)}
    return sorted(found)


def _command(words: list[str]) -> tuple[Any, list[str]]:
    command: Any = typer.main.get_command(app)
    rest = list(words)
    while rest and rest[0].startswith("-"):
        rest = rest[2:] if rest[0] == "--dsn" else rest[1:]
    while rest and hasattr(command, "commands") and rest[0] in command.commands:
        command = command.commands[rest.pop(0)]
    return command, rest


@pytest.mark.parametrize("call", _calls())
def test_every_call_in_the_readme_names_a_command_and_options_that_exist(call: str) -> None:
    words = shlex.split(call.replace("…", ""))
    command, rest = _command(words)
    assert not hasattr(command, "commands") or command.invoke_without_command or not rest, (
        f"no such command: facedb {call}"
    )
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    used = {word.split("=")[0] for word in rest if word.startswith("--")} - {"--help"}
    assert used <= known, f"facedb {call} uses {sorted(used - known)}"


def test_the_readme_has_no_placeholder_left() -> None:
    assert "@@" not in README
