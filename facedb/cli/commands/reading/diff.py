"""`facedb diff`: what changed between two scans, and why."""

from __future__ import annotations

from itertools import islice
from typing import Annotated, Any

import typer

from facedb.cli import completion
from facedb.cli.context import LimitOption, database, state_of
from facedb.cli.output import Format, FormatOption, RawOption, emit
from facedb.core.row_schema import Table, table


def diff(
    ctx: typer.Context,
    before: Annotated[int, typer.Argument(help="Number of a scan, as `facedb scans` prints it.", show_default=False)],
    after: Annotated[int, typer.Argument(help="Number of another one.", show_default=False)],
    pairs: Annotated[bool, typer.Option("--pairs", help="Pairs of faces instead of links.")] = False,
    change: Annotated[
        str | None,
        typer.Option(
            "--only",
            help="Only what is new, gone or changed.",
            autocompletion=completion.words("new", "gone", "changed"),
        ),
    ] = None,
    limit: LimitOption = None,
    output: FormatOption = Format.TABLE,
    raw: RawOption = False,
) -> None:
    """Print what two scans flagged differently: new, gone and changed, with the reason where it can be known."""
    from facedb.report.comparison import diff as comparing
    from facedb.report.comparison.diff_links import LinkChange

    comparing.check_change(change)
    definition: Table[Any] = table(comparing.PairDifference if pairs else LinkChange)
    with database(ctx) as db, comparing.diff(db, before, after) as found:
        emit(definition, islice(comparing.rows(found, pairs=pairs, change=change), limit), output, raw=raw)
        counts = found.counts(pairs=pairs)
    what = "pairs" if pairs else "links"
    state_of(ctx).reporter.say(
        f"Scan {after} against scan {before}: {counts['new']:,} {what} new, {counts['gone']:,} gone, {counts['changed']:,} changed."
    )
