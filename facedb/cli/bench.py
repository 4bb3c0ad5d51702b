"""`facedb bench`: how fast this machine is, measured beside what else one could do."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Annotated

import typer

from facedb.cli.context import state_of
from facedb.cli.output import Format, emit

app = typer.Typer(
    name="bench",
    help="Time the search (facedb bench), or another leg of a scan (see the commands), on this machine.",
    invoke_without_command=True,
)


@app.callback(
    epilog="Example: facedb bench --size 56320 --engines int8,faiss-cpu. Every method runs in a process of its own."
)
def join(
    ctx: typer.Context,
    size: Annotated[int, typer.Option(min=2, help="Rows of the synthetic gallery.")] = 56_320,
    dim: Annotated[int, typer.Option(min=1, help="Values of a vector.")] = 512,
    engines: Annotated[
        str | None,
        typer.Option(
            help="Engines to time, separated by commas; default: all of this machine but exact.", show_default=False
        ),
    ] = None,
    threshold: Annotated[float, typer.Option(min=-1.0, max=1.0, help="Score from which a pair is flagged.")] = 0.4,
    seed: Annotated[int, typer.Option(help="Seed of the synthetic gallery.")] = 1,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads; default: the cores of this process.", show_default=False)
    ] = None,
    baselines: Annotated[
        bool, typer.Option(help="Also time FAISS range_search, FAISS IVF and NumPy on the same gallery.")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")] = False,
) -> None:
    """Compare every pair of a synthetic gallery with each engine: seconds, pairs found, peak memory, ratio to FAISS."""
    if ctx.invoked_subcommand is not None:
        return
    from facedb.workflow import bench_join
    from facedb.workflow.bench_methods import BASELINES

    reporter = state_of(ctx).reporter
    chosen = [name.strip() for name in engines.split(",") if name.strip()] if engines is not None else None
    report = bench_join.run(
        size,
        dim,
        chosen,
        threshold,
        seed,
        threads,
        baselines=tuple(BASELINES) if baselines else (),
        reporter=reporter,
    )
    if as_json:
        sys.stdout.write(json.dumps(asdict(report), indent=1) + "\n")
        return
    reporter.say(
        f"{report.size:,} x {report.dim} float32 ({report.gallery_mb:,.0f} MB), threshold {report.threshold}, "
        f"seed {report.seed}, {report.threads} threads"
    )
    columns = (
        "method",
        "rows",
        "seconds",
        "cpu_s",
        "million_comparisons_per_s",
        "pairs",
        "of_all",
        "found",
        "peak_mb",
        "ratio",
    )
    rows = [
        (
            row.method,
            row.rows,
            f"{row.seconds:.2f}",
            None if row.cpu_seconds is None else f"{row.cpu_seconds:.2f}",
            round(row.comparisons_per_s / 1e6),
            row.pairs,
            row.of_all,
            f"{row.found:.1%}",
            None if row.peak_mb is None else round(row.peak_mb),
            None if row.ratio is None else f"{row.ratio:.1f} x",
        )
        for row in report.rows
    ]
    emit(columns, rows, Format.TABLE)
