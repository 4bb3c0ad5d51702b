"""What every command shares: global options, settings, the database, the exit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from facedb.cli import completion
from facedb.cli.progress import ConsoleReporter
from facedb.core.machine.runlog import run_log
from facedb.core.settings import Settings, load_settings

if TYPE_CHECKING:
    from facedb.db.connection import Database


@dataclass(frozen=True, slots=True)
class State:
    """The global options of one call."""

    dsn: str | None
    reporter: ConsoleReporter
    verbose: bool = False


def state_of(ctx: typer.Context) -> State:
    """The global options that the call was started with."""
    state = ctx.find_object(State)
    return state if state is not None else State(None, ConsoleReporter())


def settings_from(ctx: typer.Context) -> Settings:
    """The settings of this call: options over environment over facedb.toml over defaults."""
    return load_settings(dsn=state_of(ctx).dsn)


@contextmanager
def database(ctx: typer.Context) -> Iterator[Database]:
    """Open the database, starting the embedded one on demand and bringing its schema up to date.

    Raises DatabaseError when it cannot be reached and SchemaError when a server behind a DSN needs `facedb db upgrade`.
    """
    from facedb.db.connection import connect
    from facedb.db.migrate import ensure

    state, settings = state_of(ctx), settings_from(ctx)
    say = state.reporter.say
    command = ctx.command_path.partition(" ")[2] or "facedb"
    with run_log(settings.home, command, verbose=state.verbose), connect(settings, say=say) as db:
        ensure(db, say=say)
        yield db


DatasetOption = Annotated[
    str | None,
    typer.Option("--dataset", "-d", help="Only this dataset, by its name.", autocompletion=completion.datasets),
]
IntoDatasetOption = Annotated[
    str | None,
    typer.Option(
        "--dataset",
        "-d",
        help="Name of the dataset it goes into; default: the one it went into before, else the name of the folder.",
        autocompletion=completion.datasets,
    ),
]
LimitOption = Annotated[int | None, typer.Option("--limit", "-n", min=1, help="Print at most this many rows.")]
