"""The list of commands, of which only the one that is called is built: reading the options of all takes longer than a listing."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command_name, get_group

from facedb.cli import help_page


class CommandList(Mapping[str, Any]):
    """Name to command, in the order of registration; a command is built when it is looked up."""

    def __init__(self) -> None:
        self._alone: dict[str, typer.Typer] = {}
        self._help: dict[str, str] = {}

    def add(self, function: Callable[..., Any], *, example: str, cls: type[TyperCommand] | None = None) -> None:
        """Add the command that ``function`` is, by its name and with its docstring as help."""
        name = get_command_name(function.__name__)
        self._alone[name] = typer.Typer()
        self._alone[name].command(name, cls=cls, epilog=f"Example: {example}")(function)
        self._help[name] = help_page.flowing(inspect.getdoc(function) or "")

    def add_group(self, group: typer.Typer) -> None:
        """Add a group of commands by its own name and help."""
        name = str(group.info.name)
        self._alone[name] = typer.Typer()
        self._alone[name].add_typer(group)
        self._help[name] = str(group.info.help)

    def __getitem__(self, name: str) -> Any:
        return help_page.put_plainly(get_group(self._alone[name]).commands[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._alone)

    def __len__(self) -> int:
        return len(self._alone)

    def entry(self, name: str) -> TyperCommand | None:
        """What a list shows of a command: its name and help, without options; None where none has this name."""
        return TyperCommand(name, help=self._help[name]) if name in self._help else None

    def group_class(self) -> type[TyperGroup]:
        """The class of a group of these commands, for ``typer.Typer(cls=...)``."""
        listed = self

        class Listed(TyperGroup):
            def __init__(self, **settings: Any) -> None:
                super().__init__(**{**settings, "commands": listed})

            def get_params(self, ctx: Any) -> list[Any]:
                found = super().get_params(ctx)
                help_page.name_values(found)
                return found

            def list_commands(self, _ctx: Any) -> list[str]:
                return list(listed)

            def get_command(self, _ctx: Any, name: str) -> Any:
                return listed.entry(name)

            def resolve_command(self, ctx: Any, args: list[str]) -> Any:
                name, entry, rest = super().resolve_command(ctx, args)
                return name, entry and listed[str(name)], rest

        return Listed
