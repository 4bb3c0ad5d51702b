"""`facedb export`: what was found and decided, as files."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from facedb.cli import completion
from facedb.cli.commands.reading.results import MinScoreOption, ScanOption
from facedb.cli.context import DatasetOption, database, state_of
from facedb.cli.output import RawOption
from facedb.core.counting import counted


class What(StrEnum):
    """What can be exported."""

    LIST = "list"
    MERGE_MAP = "merge-map"
    LINKS = "links"
    PAIRS = "pairs"
    FINDINGS = "findings"
    EMBEDDINGS = "embeddings"
    REC = "rec"


def export(
    ctx: typer.Context,
    what: Annotated[
        What,
        typer.Argument(
            help="list: path and identity of what stays; merge-map: identity and what it becomes; links, pairs, findings; "
            "embeddings; rec: the images as .rec and .idx.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Argument(help="The file (npy and face01: the folder) to write.", show_default=False)],
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            "-f",
            help="csv, jsonl, parquet or npz; links and pairs also published (name1,name2,score); embeddings also npy and face01. "
            "Default: by the suffix.",
            autocompletion=completion.words("csv", "jsonl", "parquet", "npz", "npy", "face01", "published", "rec"),
        ),
    ] = None,
    dataset: DatasetOption = None,
    scan: ScanOption = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            help="Contract of the embeddings; default: the one used last.",
            autocompletion=completion.contracts,
        ),
    ] = None,
    min_score: MinScoreOption = None,
    as_is: Annotated[bool, typer.Option("--as-is", help="Leave verdicts out: everything as it is labelled.")] = False,
    auto: Annotated[
        bool, typer.Option("--auto", help="Treat certain findings (confidence 0.95 or more) as decided.")
    ] = False,
    without_leaks_of: Annotated[
        str | None,
        typer.Option(
            "--without-leaks-of",
            metavar="DATASET",
            help="Leave out of a list or .rec the people and photos that this other dataset has as well.",
        ),
    ] = None,
    raw: RawOption = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
) -> None:
    """Write results to a file, as if the verdicts had been carried out; the file is whole or not there."""
    from facedb.report import export as exporting

    options = exporting.ExportOptions(dataset, scan, model, min_score, as_is, auto, force, without_leaks_of, raw)
    reporter = state_of(ctx).reporter
    with database(ctx) as db:
        done = exporting.export(db, what.value, out, form=form, options=options, reporter=reporter)
    for remark in done.remarks:
        reporter.say(remark)
    verb = "is" if done.rows == 1 else "are"
    reporter.say(f"{counted(done.rows, 'row')} of {done.what} {verb} in {done.path} ({done.form}).")
