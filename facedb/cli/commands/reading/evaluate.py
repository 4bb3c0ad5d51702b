"""`facedb evaluate`: does it find what it should?"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facedb.cli.choices import EngineOption, ThreadsOption
from facedb.cli.commands.reading.results import ScanOption
from facedb.cli.context import DatasetOption, database, settings_from, state_of
from facedb.cli.output import Format, FormatOption, emit
from facedb.core.counting import counted
from facedb.core.row_schema import table

if TYPE_CHECKING:
    from facedb.report.evaluation import Evaluation


class Rows(StrEnum):
    """The tables of an evaluation."""

    SCORES = "scores"
    RANKS = "ranks"
    RELIABILITY = "reliability"
    MISSES = "misses"


def evaluate(
    ctx: typer.Context,
    inject: Annotated[
        str | None,
        typer.Option(
            "--inject",
            help="Mistakes to plant: merge (split identities), stray, swap, duplicate, resaved; counts or shares. "
            "Default: merge=2%,stray=3%,swap=1%,duplicate=1%.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed plants the same mistakes.")] = 7,
    truth: Annotated[
        Path | None,
        typer.Option(
            "--truth",
            metavar="FILE",
            help="Instead of planted ones: a CSV of real mistakes (class, identity_a, identity_b, images), as facedb findings prints. "
            "With --inject: what was wrong before.",
        ),
    ] = None,
    which: Annotated[
        Rows,
        typer.Option(
            "--rows",
            metavar="ROWS",
            help="Which rows csv, jsonl and parquet hold: scores, ranks, reliability or misses; a table shows all of them, and json holds "
            "all.",
        ),
    ] = Rows.SCORES,
    output: FormatOption = Format.TABLE,
    dataset: DatasetOption = None,
    scan: ScanOption = None,
    engine: EngineOption = "auto",
    threads: ThreadsOption = None,
) -> None:
    """Measure how well mistakes are found: planted ones, in a copy of the labels in memory, or a list that people made.

    Prints average precision and recall by class, precision at ranks, how often findings of each confidence were true, and the first ten
    misses. Photos saved again (resaved) are altered in a temporary folder and embedded; files and labels stay as they are. What was wrong
    before anything was planted is known from --truth or from verdicts, and what the scan found and nobody judged counts nowhere.
    """
    from facedb.report import evaluate as work

    with database(ctx) as db:
        done = work.evaluate(
            db,
            planted=inject,
            seed=seed,
            listed=truth,
            scan=scan,
            dataset=dataset,
            engine=engine,
            threads=threads,
            cache_dir=settings_from(ctx).cache,
            reporter=state_of(ctx).reporter,
        )
    if output is Format.JSON:
        sys.stdout.write(json.dumps(asdict(done), ensure_ascii=False, indent=1) + "\n")
    else:
        _print(done, output, which)


def _print(done: Evaluation, output: Format, which: Rows) -> None:
    from facedb.findings.evaluation.reliability import Tenth
    from facedb.report.evaluation import ClassScore, RankScore
    from facedb.report.evaluation_rows import MissRow

    if output is not Format.TABLE:
        if which is Rows.SCORES:
            emit(table(ClassScore), done.scores(), output)
        elif which is Rows.RANKS:
            emit(table(RankScore), done.at_ranks, output)
        elif which is Rows.RELIABILITY:
            emit(table(Tenth), done.reliability, output)
        else:
            emit(table(MissRow), done.misses, output)
        return
    emit(table(ClassScore), done.scores(), output)
    typer.echo("")
    emit(table(RankScore), done.at_ranks, output)
    typer.echo("")
    if done.calibration_error is not None:
        typer.echo("How often findings were true, by their confidence, from each tenth up:")
        emit(table(Tenth), [tenth for tenth in done.reliability if tenth.findings], output)
        typer.echo(f"Expected calibration error {done.calibration_error:.3f}.\n{_counting(done)}\n")
    if done.misses:
        typer.echo("First misses:")
        emit(table(MissRow), done.misses, output)
    else:
        typer.echo("Nothing was missed.")
    seconds = ""
    if done.scan_seconds is not None and done.findings_seconds is not None:
        seconds = f" Search {done.scan_seconds:.2f} s, findings {done.findings_seconds:.2f} s."
    typer.echo(f"{counted(done.findings, 'finding')} at a threshold of {done.threshold:g}.{seconds}")
    typer.echo(f"Kept in bi.evaluations as {done.key}.")


def _counting(done: Evaluation) -> str:
    """How findings count that name no planted mistake."""
    if done.seed is None:
        return "What the list leaves out counts as false."
    said = []
    if done.standing:
        said.append(f"True without a rank: {counted(done.standing, 'finding')} on what was wrong before.")
    if done.unjudged:
        said.append(f"Left out: {counted(done.unjudged, 'finding')} on what the scan found too and nobody judged.")
    return "\n".join(said) or "What names no planted mistake counts as false."
