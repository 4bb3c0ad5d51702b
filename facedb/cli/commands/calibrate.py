"""`facedb calibrate`: what thresholds mean on this data."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer

from facedb.cli import completion
from facedb.cli.commands.reading.results import ScanOption
from facedb.cli.context import DatasetOption, database, state_of
from facedb.cli.output import Format, FormatOption, emit, sentence
from facedb.core.row_schema import table


def calibrate(
    ctx: typer.Context,
    output: FormatOption = Format.TABLE,
    fmr: Annotated[
        float | None,
        typer.Option(
            "--fmr", metavar="RATE", help="Also the threshold that gives this false match rate, such as 1e-6."
        ),
    ] = None,
    threshold: Annotated[float | None, typer.Option("--threshold", "-t", help="Also the rates at this score.")] = None,
    plot: Annotated[
        Path | None,
        typer.Option("--plot", metavar="FILE", help="Also draw the distributions into a .svg or .png file."),
    ] = None,
    dataset: DatasetOption = None,
    scan: ScanOption = None,
    sample: Annotated[
        bool, typer.Option("--sample", help="Measure a sample of the gallery, even where there is a scan.")
    ] = False,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            help="With a sample: name of the contract; default: the one used last.",
            autocompletion=completion.contracts,
        ),
    ] = None,
) -> None:
    """Print error rates at thresholds: false match and false non-match rates with denominators and intervals.

    Two scores stand out: pairs above the line "review above" are worth a look, and two folders of one photo each that score more than
    "certain above" are a certain merge (confidence 0.95 or more).
    """
    from facedb.report.pictures import score_chart
    from facedb.scan.scores import calibrate as work
    from facedb.scan.scores.thresholds import ThresholdRule

    if fmr is not None:
        ThresholdRule(fmr)
    if plot is not None:
        score_chart.check_suffix(plot)
    with database(ctx) as db:
        found = work.calibrate(
            db, scan=scan, dataset=dataset, model=model, sample=sample, reporter=state_of(ctx).reporter
        )
    marks = [score_chart.Mark("review above", found.lines.review)]
    if found.lines.certain <= 1:
        marks.append(score_chart.Mark("certain above", found.lines.certain))
    if output is Format.TABLE:
        typer.echo(score_chart.as_text(found.calibration, marks, shutil.get_terminal_size().columns))
        typer.echo("")
    emit(
        table(work.ErrorRates),
        found.rows(threshold, fmr),
        output,
        narrow=("line", "threshold", "fmr", "false_pairs", "fnmr", "basis"),
    )
    if output is Format.TABLE:
        typer.echo("")
    for remark in found.remarks(fmr):
        if output is Format.TABLE:
            sentence(remark, 0)
        else:
            state_of(ctx).reporter.say(remark)
    if plot is not None:
        score_chart.write(plot, found.calibration, marks, found.source)
        state_of(ctx).reporter.say(f"Drawn: {plot}")
