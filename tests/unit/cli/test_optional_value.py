"""An option whose value may be left out."""

from __future__ import annotations

from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from facedb.cli.optional_value import ValueMayFollow

app = typer.Typer()


@app.command(cls=ValueMayFollow)
def show(ray: Annotated[str | None, typer.Option("--ray")] = None, rows: int = 1) -> None:
    typer.echo(f"{ray!r} {rows}")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "None 1"),
        (["--ray"], "'' 1"),
        (["--ray", "--rows", "3"], "'' 3"),
        (["--rows", "3", "--ray"], "'' 3"),
        (["--ray", "host:6379", "--rows", "3"], "'host:6379' 3"),
        (["--ray=host:6379"], "'host:6379' 1"),
    ],
)
def test_a_value_that_is_left_out_is_an_empty_one(arguments: list[str], said: str) -> None:
    assert CliRunner().invoke(app, arguments).stdout.strip() == said
