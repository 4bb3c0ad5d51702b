"""`facedb findings`: what looks wrong, ranked, with the evidence."""

from __future__ import annotations

from typing import Annotated

import typer

from facedb.cli import completion
from facedb.cli.commands.reading.results import ScanOption
from facedb.cli.context import DatasetOption, LimitOption, database, state_of
from facedb.cli.output import Format, FormatOption, RawOption, emit
from facedb.core.finding import Kind
from facedb.core.row_schema import table

_CLASSES = tuple(kind.word for kind in Kind)


def findings(
    ctx: typer.Context,
    output: FormatOption = Format.TABLE,
    raw: RawOption = False,
    limit: LimitOption = None,
    kind: Annotated[
        str | None,
        typer.Option(
            "--class",
            "-c",
            metavar="CLASS",
            help=f"Only this class: {', '.join(_CLASSES[:-1])} or {_CLASSES[-1]}.",
            autocompletion=completion.words(*_CLASSES),
        ),
    ] = None,
    min_confidence: Annotated[
        float | None, typer.Option(min=0, max=1, help="Only findings whose confidence reaches this.")
    ] = None,
    only_open: Annotated[bool, typer.Option("--open", help="Only findings that nobody has decided yet.")] = False,
    denied: Annotated[
        bool,
        typer.Option(
            "--all",
            help="Also findings whose answer leaves nothing to do, and those about hidden people.",
        ),
    ] = False,
    dataset: DatasetOption = None,
    scan: ScanOption = None,
) -> None:
    """Print what looks wrong, the likeliest first: one rank through all classes, each row with its evidence."""
    from facedb.cli.finding_list import ALL_DECIDED, print_findings
    from facedb.scan.findings import ranked

    selection = ranked.FindingSelection(
        scan, kind, min_confidence, dataset, only_open, denied=denied, hidden=denied, limit=limit
    )
    with database(ctx) as db:
        with ranked.findings(db, selection) as rows:
            if output is Format.TABLE:
                found = [table(ranked.Finding).row(row) for row in rows]
                done = only_open and not found and ranked.left_out(db, selection).every
                print_findings(found, ALL_DECIDED if done else "No findings.")
            else:
                emit(table(ranked.Finding), rows, output, raw=raw)
        if output is Format.TABLE and kind in (None, Kind.MERGE.word):
            for number, lowest, names in ranked.merge_groups(db, selection):
                typer.echo(
                    f"Group {number}: {', '.join(names)} are close to each other, the least alike at {lowest:.0%}."
                )
        said = ranked.track_record(db, selection).sentence() if output is Format.TABLE else None
        if said is not None:
            typer.echo(said)
        rest = None if denied or only_open else ranked.left_out(db, selection).sentence()
        for remark in (rest, ranked.of_another_make(db, selection)):
            if remark is not None:
                state_of(ctx).reporter.say(remark)
