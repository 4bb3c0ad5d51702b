"""`facedb diff`: what changed between two scans, and why."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import Annotated, Any

import typer

from facedb.cli import completion
from facedb.cli.context import LimitOption, database, state_of
from facedb.cli.output import Format, FormatOption, RawOption, emit
from facedb.core.counting import counted
from facedb.core.row_schema import Table, table

# Where the terminal is narrow.
_LINKS = ("change", "identity_a", "identity_b", "max_before", "max_after", "reason")
_PAIRS = ("change", "path_a", "path_b", "score_before", "score_after", "reason")


def diff(
    ctx: typer.Context,
    before: Annotated[
        int, typer.Argument(help="Number of the earlier scan, as `facedb scans` prints it.", show_default=False)
    ],
    after: Annotated[int, typer.Argument(help="Number of the later scan.", show_default=False)],
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

    comparing.check_change(change)
    with database(ctx) as db:
        found = comparing.diff(db, before, after)
    definition: Table[Any] = table(comparing.PairDifference if pairs else comparing.LinkChange)
    emit(
        definition,
        islice(comparing.rows(found, pairs=pairs, change=change), limit),
        output,
        raw=raw,
        narrow=_PAIRS if pairs else _LINKS,
    )
    counts = Counter(each.change for each in (found.pairs if pairs else found.links))
    new = counted(counts["new"], "pair" if pairs else "link")
    state_of(ctx).reporter.say(
        f"Scan {after} against scan {before}: {new} new, {counts['gone']:,} gone, {counts['changed']:,} changed."
    )
