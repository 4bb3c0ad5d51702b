"""`facedb work`: one more process for a scan that is under way."""

from __future__ import annotations

from typing import Annotated

import typer

from facedb.cli.choices import CoolToOption, EngineOption, MaxTempOption, ThreadsOption, guard
from facedb.cli.context import database, settings_from, state_of
from facedb.cli.output import Format, FormatOption, emit
from facedb.core.errors import UsageError
from facedb.core.row_schema import ad_hoc


def work(
    ctx: typer.Context,
    scan: Annotated[
        int | None,
        typer.Argument(help="Number of a scan that is under way, as `facedb scans` prints it.", show_default=False),
    ] = None,
    any_scan: Annotated[bool, typer.Option("--any", help="Every scan that is under way, the oldest first.")] = False,
    engine: EngineOption = "auto",
    threads: ThreadsOption = None,
    memory: Annotated[int, typer.Option(min=1, help="Vectors to keep between tiles, in MiB.")] = 2048,
    lease: Annotated[
        float,
        typer.Option(min=1, help="Seconds after which the tile of a worker that has fallen silent is free again."),
    ] = 60,
    name: Annotated[
        str | None,
        typer.Option(help="Its name in the ledger, unique among workers; default: host, process and a token."),
    ] = None,
    max_temp: MaxTempOption = None,
    cool_to: CoolToOption = None,
    output: FormatOption = Format.TABLE,
) -> None:
    """Help with a scan: claim tiles of it and search them until none is left.

    Start as many as you like, on as many machines as reach the database (--dsn); `facedb scan` begins the scan, works on it too, and
    ends it. A worker may come and go at any time: what it has not finished goes to the others.
    """
    from facedb.scan.tiles.worker import WorkOptions
    from facedb.scan.tiles.worker import work as run

    if scan is None and not any_scan:
        raise UsageError("Name the scan to work on, or give --any.")
    if scan is not None and any_scan:
        raise UsageError(f"Give scan {scan} or --any, not both.")
    reporter = state_of(ctx).reporter
    options = WorkOptions(engine, threads, memory << 20, lease, name, settings_from(ctx).cache)
    with database(ctx) as db:
        done = run(db, scan, options, reporter=reporter, pause=guard(max_temp, cool_to, reporter))
    kinds = {"scans": int, "tiles": int, "pairs": int, "lost": int}
    emit(ad_hoc(kinds), [(len(done.scans), done.tiles, done.pairs, done.lost)], output)
