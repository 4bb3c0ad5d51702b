"""`facedb db`: the database behind everything, embedded or your own."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import TYPE_CHECKING, Annotated

import typer

from facedb.cli.context import database, settings_from, state_of
from facedb.cli.output import Format, FormatOption, emit
from facedb.core.errors import UsageError

if TYPE_CHECKING:
    from facedb.db.embedded import EmbeddedServer

app = typer.Typer(
    name="db", help="Start, look at and upgrade the database.", no_args_is_help=True, epilog="Example: facedb db status"
)


@app.command(epilog="Example: facedb db start")
def start(ctx: typer.Context) -> None:
    """Start the embedded server and keep it up, also when no facedb runs, until `facedb db stop`."""
    server = _server(ctx)
    server.keep_up()
    state_of(ctx).reporter.say("The embedded PostgreSQL runs and stays up; end it with: facedb db stop")


@app.command(epilog="Example: facedb db stop")
def stop(ctx: typer.Context) -> None:
    """Stop the embedded server, or let the last facedb that uses it do so."""
    stopped = _server(ctx).stop()
    state_of(ctx).reporter.say(
        "The embedded PostgreSQL is stopped; the next facedb starts it again."
        if stopped
        else "Another facedb uses the embedded PostgreSQL; it stops when that one ends."
    )


@app.command(epilog="""Example: psql "$(facedb db url)" -c 'select * from bi.links limit 5'""")
def url(ctx: typer.Context) -> None:
    """Print the URL of the database, for psql and other tools; an embedded server is started and stays up."""
    settings = settings_from(ctx)
    if settings.dsn is not None:
        typer.echo(settings.dsn)
        return
    with database(ctx):
        address = _server(ctx).keep_up()
    state_of(ctx).reporter.say("The embedded PostgreSQL stays up for this URL; end it with: facedb db stop")
    typer.echo(address)


@app.command(epilog="Example: facedb --dsn postgresql://me@dbhost/faces db upgrade")
def upgrade(ctx: typer.Context) -> None:
    """Bring the schema to this facedb's version and make its views again; needed for your own server only."""
    from facedb.db import migrate
    from facedb.db.connection import connect

    with connect(settings_from(ctx)) as db:
        before = migrate.upgrade(db)
        came = "was empty" if before.revision is None else f"was at schema {before.revision}"
        state_of(ctx).reporter.say(f"{db.describe()} {came} and is now at {migrate.head()}.")


@app.command(epilog="Example: facedb db status --format json")
def status(ctx: typer.Context, output: FormatOption = Format.TABLE) -> None:
    """Show where the database is, whether it runs and how far its schema is; starts nothing."""
    settings = settings_from(ctx)
    rows: list[tuple[str, object]] = []
    if settings.dsn is None:
        found = _server(ctx).status()
        rows += [
            ("database", "embedded"),
            ("home", str(found.home)),
            ("exists", found.exists),
            ("running", found.running),
            ("in use", found.in_use),
            ("kept up", found.keep_up),
        ]
        if found.url is not None:
            rows += _facts(found.url, embedded=True)
    else:
        rows += [("database", f"DSN from {settings.origin['dsn']}"), *_facts(settings.dsn, embedded=False)]
    emit(["name", "value"], rows, output)


@app.command(
    epilog="Example: facedb db psql -- -c 'select * from bi.links limit 5'",
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)
def psql(ctx: typer.Context) -> None:
    """Open psql on the database; what follows `--` goes to psql."""
    from psycopg.conninfo import make_conninfo

    from facedb.db.connection import conninfo
    from facedb.db.postmaster_binaries import bin_dir

    with database(ctx) as db:
        known = conninfo(db.dsn)
        # A command line is visible to everybody on the machine, the environment is not.
        environment = {**os.environ, **({"PGPASSWORD": known.pop("password")} if "password" in known else {})}
        command = [str(bin_dir() / "psql"), make_conninfo("", **known), *ctx.args]
        # Ctrl-C belongs to psql, which cancels its statement and goes on.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            code = subprocess.run(command, env=environment, check=False).returncode
        finally:
            signal.signal(signal.SIGINT, before)
    raise typer.Exit(code)


@app.command("grant-reader", epilog="Example: facedb db grant-reader analyst")
def grant_reader(ctx: typer.Context, role: Annotated[str, typer.Argument(help="An existing PostgreSQL role.")]) -> None:
    """Let a role read the views of schema bi, and nothing else."""
    from facedb.db import reader

    with database(ctx) as db:
        reader.grant(db, role)
    state_of(ctx).reporter.say(f"{role} may now read the views of schema bi.")


def _server(ctx: typer.Context) -> EmbeddedServer:
    settings = settings_from(ctx)
    if settings.dsn is not None:
        raise UsageError(
            f"The database is named by a DSN ({settings.origin['dsn']}), and facedb starts and stops only its own; "
            "leave the DSN out."
        )
    from facedb.db.embedded import EmbeddedServer

    return EmbeddedServer(settings.home, service_dir=settings.service_dir)


def _facts(dsn: str, *, embedded: bool) -> list[tuple[str, object]]:
    from facedb.db import migrate
    from facedb.db.connection import Database, describe

    db = Database(dsn, embedded=embedded)
    state = migrate.current(db)
    facts = migrate.server_facts(db)
    return [
        ("address", describe(dsn)),
        ("postgresql", facts.postgresql),
        ("pgvector", facts.pgvector),
        ("bytes", facts.size),
        ("schema", state.revision),
        ("newest schema", migrate.head()),
        ("views up to date", state.views_fit),
    ]


@app.command(epilog="Example: facedb db index && facedb search photo.jpg --approximate")
def index(
    ctx: typer.Context,
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="Name of the contract; default: the one used last.")
    ] = None,
    drop: Annotated[bool, typer.Option("--drop", help="Drop the index instead.")] = False,
) -> None:
    """Build the HNSW index that `facedb search --approximate` uses; scans never use it."""
    from facedb.scan import search

    with database(ctx) as db:
        name = search.index(db, model, drop=drop)
    state_of(ctx).reporter.say(f"The index of {name} is {'dropped' if drop else 'ready'}.")
