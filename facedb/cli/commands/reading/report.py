"""`facedb report`: one file to send."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facedb.cli.commands.reading.results import ScanOption
from facedb.cli.context import DatasetOption, database, settings_from, state_of
from facedb.core.counting import counted
from facedb.core.files.paths import display

_LARGE = 20_000_000


def report(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="The .html file to write.", show_default=False)],
    findings: Annotated[
        int, typer.Option("--findings", "-n", min=0, help="How many findings to show with their faces.")
    ] = 100,
    redact: Annotated[
        bool, typer.Option("--redact", help="Replace faces by silhouettes, and names and files by pseudonyms.")
    ] = False,
    only_open: Annotated[bool, typer.Option("--open", help="Only findings that nobody has decided yet.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that exists.")] = False,
    dataset: DatasetOption = None,
    scan: ScanOption = None,
) -> None:
    """Write one self-contained page to send: summary, scores and rates, findings with faces, rejects, parameters, versions.

    It opens without a network and prints well.
    """
    from facedb.core.files.whole_file import check_free
    from facedb.report.html.page import PageOptions, write_report

    reporter = state_of(ctx).reporter
    check_free(file, force=force)
    options = PageOptions(scan, dataset, findings, only_open, redact)
    with database(ctx) as db:
        done = write_report(db, file, settings_from(ctx).cache, options, reporter)
    typer.echo(display(file))
    reporter.say(f"{counted(done.findings, 'finding')}, {done.size / 1e6:.1f} MB.")
    if done.size > _LARGE:
        reporter.say("That is more than many mail servers take: --findings shows fewer.")
    if not redact:
        reporter.say("It shows faces and names; --redact replaces both.")
