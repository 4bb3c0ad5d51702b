"""`facedb diff`: what changed between two scans, and why."""

from __future__ import annotations

from typing import Annotated

import typer

from facedb.cli.context import LimitOption, database, state_of
from facedb.cli.output import Format, FormatOption, emit


def diff(
    ctx: typer.Context,
    before: Annotated[int, typer.Argument(help="Number of a scan, as `facedb scans` prints it.", show_default=False)],
    after: Annotated[int, typer.Argument(help="Number of another one.", show_default=False)],
    pairs: Annotated[bool, typer.Option("--pairs", help="Pairs of faces instead of links.")] = False,
    change: Annotated[str | None, typer.Option("--only", help="Only what is new, gone or changed.")] = None,
    limit: LimitOption = None,
    output: FormatOption = Format.TABLE,
) -> None:
    """Print what two scans flagged differently: new, gone and changed, with the reason where it can be known."""
    from facedb.report import diff as comparing

    with database(ctx) as db:
        found = comparing.diff(db, before, after)
    columns, rows = comparing.rows(found, pairs=pairs)
    emit(columns, [row for row in rows if change in (None, row[0])][:limit], output)
    counts = {kind: sum(row[0] == kind for row in rows) for kind in ("new", "gone", "changed")}
    what = "pairs" if pairs else "links"
    state_of(ctx).reporter.say(
        f"Scan {after} against scan {before}: {counts['new']:,} {what} new, {counts['gone']:,} gone, {counts['changed']:,} changed."
    )
