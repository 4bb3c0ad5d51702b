"""`facedb db`: the database behind everything, embedded or your own."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facedb.cli.choices import ContractOption
from facedb.cli.context import database, settings_from, state_of
from facedb.cli.output import Format, FormatOption, emit
from facedb.core.errors import UsageError
from facedb.core.files.paths import to_text
from facedb.core.row_schema import ad_hoc, texts

if TYPE_CHECKING:
    from facedb.db.server.embedded import EmbeddedServer

app = typer.Typer(
    name="db", help="Start, look at and upgrade the database.", no_args_is_help=True, epilog="Example: facedb db status"
)


@app.command(epilog="Example: facedb db start, or for tools that need TCP: facedb db start --port 5433")
def start(
    ctx: typer.Context,
    port: Annotated[
        int | None,
        typer.Option(
            min=1024,
            max=65535,
            help="Also listen on this port of 127.0.0.1, with a password, until the server is stopped.",
        ),
    ] = None,
) -> None:
    """Start the embedded server and keep it up, even when no facedb is running, until `facedb db stop`."""
    server = _server(ctx)
    server.keep_up(port=port)
    say = state_of(ctx).reporter.say
    say("The embedded PostgreSQL is running and stays up; stop it with: facedb db stop")
    tcp = server.status().tcp
    if tcp is not None:
        from facedb.db.server.postmaster import DATABASE, USER

        say(f"It listens at {tcp.url(USER, DATABASE)}, and its password is in {tcp.password_file}.")


@app.command(epilog="Example: facedb db stop")
def stop(ctx: typer.Context) -> None:
    """Stop the embedded server, or let the last facedb that uses it do so."""
    stopped = _server(ctx).stop()
    state_of(ctx).reporter.say(
        "The embedded PostgreSQL is stopped; the next facedb starts it again."
        if stopped
        else "Another facedb is using the embedded PostgreSQL; it stops when that one ends."
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
    state_of(ctx).reporter.say("The embedded PostgreSQL stays up for this URL; stop it with: facedb db stop")
    typer.echo(address)


@app.command(epilog="Example: facedb --dsn postgresql://me@dbhost/faces db upgrade")
def upgrade(ctx: typer.Context) -> None:
    """Bring the schema up to this version of facedb and recreate its views; only a server of your own needs this."""
    from facedb.db import migrate
    from facedb.db.connection import connect

    say = state_of(ctx).reporter.say
    with connect(settings_from(ctx), say=say) as db:
        before = migrate.upgrade(db, say=say)
        came = "was empty" if before.revision is None else f"was at schema {before.revision}"
        state_of(ctx).reporter.say(f"{db.describe()} {came} and is now at {migrate.head()}.")


@app.command(epilog="Example: facedb db status --format json")
def status(
    ctx: typer.Context,
    every: Annotated[
        bool, typer.Option("--all", help="List every embedded database of this user, also those whose home is gone.")
    ] = False,
    output: FormatOption = Format.TABLE,
) -> None:
    """Show where the database is, whether it is running, and the version of its schema; starts nothing."""
    settings = settings_from(ctx)
    if every:
        from facedb.db.server.clusters import clusters

        columns = ad_hoc({"directory": str, "home": str | None, "bytes": int, "running": bool, "orphaned": bool})
        known = clusters(settings.home, settings.service_dir)
        emit(columns, [[_text(c.directory), _text(c.home), c.bytes, c.running, c.orphaned] for c in known], output)
        return
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
        if found.tcp is not None:
            from facedb.db.server.postmaster import DATABASE, USER

            rows += [("tcp", found.tcp.url(USER, DATABASE)), ("password file", str(found.tcp.password_file))]
        if found.url is not None:
            rows += _facts(found.url, embedded=True)
    else:
        rows += [("database", f"DSN from {settings.origin['dsn']}"), *_facts(settings.dsn, embedded=False)]
    emit(texts("name", "value"), rows, output)


@app.command(
    epilog="Example: facedb db psql -- -c 'select * from bi.links limit 5'",
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)
def psql(ctx: typer.Context) -> None:
    """Open psql on the database; what follows `--` goes to psql."""
    from facedb.db.server.binaries import bin_dir
    from facedb.db.upkeep.backup import for_programs

    with database(ctx) as db:
        address, environment = for_programs(db)
        command = [str(bin_dir() / "psql"), address, *ctx.args]
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
    from facedb.db.upkeep import roles

    with database(ctx) as db:
        roles.grant_reader(db, role)
    state_of(ctx).reporter.say(f"{role} may now read the views of schema bi.")


@app.command("grant-app", epilog="Example: facedb db grant-app facedb_app")
def grant_app(ctx: typer.Context, role: Annotated[str, typer.Argument(help="An existing PostgreSQL role.")]) -> None:
    """Let a role run every command except those that change the schema, its rights or its indexes."""
    from facedb.db.upkeep import roles

    with database(ctx) as db:
        roles.grant_app(db, role)
    state_of(ctx).reporter.say(
        f"{role} may now run every command except `facedb db upgrade`, its grants and `facedb db index`."
    )


@app.command(epilog="Example: facedb db backup faces-2026-11.dump")
def backup(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="File to write.")],
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file.")] = False,
) -> None:
    """Write the whole database to one file that only you can read."""
    from facedb.db.upkeep import backup as backups

    with database(ctx) as db:
        size = backups.backup(db, file, force=force)
    state_of(ctx).reporter.say(
        f"{file} holds the database ({size / 1e6:,.1f} MB); keep it as private as the faces in it."
    )


@app.command(epilog="Example: FACEDB_HOME=fresh facedb db restore faces-2026-11.dump")
def restore(
    ctx: typer.Context, file: Annotated[Path, typer.Argument(help="A file that `facedb db backup` wrote.")]
) -> None:
    """Fill an empty database from a backup; one that already holds data of facedb is refused."""
    from facedb.db.connection import connect
    from facedb.scan import restore as restored

    say = state_of(ctx).reporter.say
    with connect(settings_from(ctx), say=say) as db:
        restored.restore(db, file)
        say(f"The contents of {file} are now in {db.describe()}.")


@app.command(epilog="Example: facedb db remove, and when the list is right: facedb db remove --yes")
def remove(
    ctx: typer.Context,
    names: Annotated[
        list[str] | None, typer.Argument(help="Homes or directories of databases; default: all whose home is gone.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Delete them; without it they are only listed.")] = False,
) -> None:
    """Delete for good the embedded databases that were left behind, or those that you name."""
    from facedb.db.server import clusters

    settings = settings_from(ctx)
    say = state_of(ctx).reporter.say
    known = clusters.clusters(settings.home, settings.service_dir)
    chosen = clusters.find(known, names) if names else [c for c in known if c.orphaned]
    for cluster in chosen:
        if yes:
            clusters.remove(cluster)
        where = f"{cluster.directory}, {cluster.bytes / 1e6:,.0f} MB, of {cluster.home or 'an unknown home'}"
        say(f"{'Removed' if yes else 'Would remove'} {where}.")
    if not chosen:
        say("No embedded database was left behind.")
    elif not yes:
        say("Nothing has been deleted yet; to delete for good, add --yes.")


def _text(path: Path | None) -> str | None:
    return None if path is None else to_text(str(path))


def _server(ctx: typer.Context) -> EmbeddedServer:
    settings = settings_from(ctx)
    if settings.dsn is not None:
        raise UsageError(
            f"The DSN from {settings.origin['dsn']} names a server of your own, and facedb starts and stops only the embedded one; "
            "leave the DSN out."
        )
    from facedb.db.server.embedded import EmbeddedServer

    return EmbeddedServer(settings.home, service_dir=settings.service_dir, say=state_of(ctx).reporter.say)


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
    model: ContractOption = None,
    drop: Annotated[bool, typer.Option("--drop", help="Drop the index instead.")] = False,
) -> None:
    """Build the HNSW index that `facedb search --approximate` uses; scans never use it."""
    from facedb.scan import search

    with database(ctx) as db:
        name = search.index(db, model, drop=drop)
    state_of(ctx).reporter.say(f"The index of {name} is {'dropped' if drop else 'ready'}.")
