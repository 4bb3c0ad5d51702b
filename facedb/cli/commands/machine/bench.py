"""`facedb bench`: how fast this machine is, measured beside what else one could do."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facedb.cli.choices import DetectorOption, ModelOption, PresetOption, ThreadsOption, model_choice, model_options
from facedb.cli.context import database, state_of
from facedb.cli.output import Format, FormatOption, emit
from facedb.core.counting import counted
from facedb.core.defaults import BLOCK_ROWS, GPU_BLOCK_ROWS
from facedb.core.row_schema import ad_hoc, texts

if TYPE_CHECKING:
    from facedb.bench.database import DbRow

SizeOption = Annotated[int, typer.Option("--size", min=16, help="Faces in the synthetic gallery.")]
DimOption = Annotated[int, typer.Option("--dim", min=1, max=2000, help="Dimension of the vectors.")]

app = typer.Typer(
    name="bench",
    help="Time the search (facedb bench), or another leg of a scan (see the commands), on this machine.",
    invoke_without_command=True,
)


@app.callback(
    epilog="Example: facedb bench --size 56320 --engines int8,faiss-cpu --rounds 3. Every method runs in a process of its own."
)
def join(
    ctx: typer.Context,
    size: Annotated[int, typer.Option(min=2, help="Rows of the synthetic gallery.")] = 56_320,
    dim: Annotated[int, typer.Option(min=1, max=16_000, help="Dimension of the vectors.")] = 512,
    engines: Annotated[
        str | None,
        typer.Option(
            help="Engines to time, separated by commas; default: all of this machine but exact.", show_default=False
        ),
    ] = None,
    threshold: Annotated[float, typer.Option(min=-1.0, max=1.0, help="Score from which a pair is flagged.")] = 0.4,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the synthetic gallery.")] = 1,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads; default: the cores of this process.", show_default=False)
    ] = None,
    pgvector_rows: Annotated[
        int,
        typer.Option(
            min=0, help="Rows for a self-join in pgvector, which takes quadratic time in SQL; 0: leave it out."
        ),
    ] = 3000,
    rounds: Annotated[
        int, typer.Option(min=1, help="Rounds in which the methods take turns; the fastest of each counts.")
    ] = 1,
    baselines: Annotated[
        bool, typer.Option(help="Also time FAISS range_search, FAISS IVF and NumPy on the same gallery.")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")] = False,
) -> None:
    """Compare every pair of a synthetic gallery with each engine: seconds, pairs found, peak memory, ratio to FAISS."""
    if ctx.invoked_subcommand is not None:
        return
    from facedb.bench import database as bench_db
    from facedb.bench import joining
    from facedb.bench.methods import BASELINES

    reporter = state_of(ctx).reporter
    chosen = [name.strip() for name in engines.split(",") if name.strip()] if engines is not None else None
    with database(ctx) if baselines and pgvector_rows else nullcontext() as db:
        report = joining.run(
            size,
            dim,
            chosen,
            threshold,
            seed,
            threads,
            rounds=rounds,
            baselines=tuple(BASELINES) if baselines else (),
            others=[] if db is None else [bench_db.pgvector_self_join(db, min(pgvector_rows, size))],
            reporter=reporter,
        )
    if as_json:
        sys.stdout.write(json.dumps(asdict(report), indent=1) + "\n")
        return
    reporter.say(
        f"{report.processor}. {report.size:,} x {report.dim} float32 ({report.gallery_mb:,.0f} MB), threshold {report.threshold}, "
        f"seed {report.seed}, {report.threads} threads, the fastest of {counted(report.rounds, 'round')}"
    )
    columns = texts(
        "method",
        "rows",
        "seconds",
        "slowest",
        "cpu_s",
        "million_comparisons_per_s",
        "pairs",
        "of_all",
        "found",
        "peak_mb",
        "ratio",
        "note",
    )
    rows = [
        (
            row.method,
            row.rows,
            f"{row.seconds:.2f}",
            f"{row.slowest:.2f}",
            None if row.cpu_seconds is None else f"{row.cpu_seconds:.2f}",
            round(row.comparisons_per_s / 1e6),
            row.pairs,
            row.of_all,
            None if row.found is None else f"{row.found:.1%}",
            None if row.peak_mb is None else round(row.peak_mb),
            None if row.ratio is None else f"{row.ratio:.1f} x",
            row.note or None,
        )
        for row in report.rows
    ]
    emit(columns, rows, Format.TABLE)


@app.command(epilog="Example: facedb bench load --size 100000 --connections 2")
def load(
    ctx: typer.Context,
    size: SizeOption = 100_000,
    dim: DimOption = 512,
    connections: Annotated[int, typer.Option(min=1, help="Connections that load the gallery.")] = 2,
    output: FormatOption = Format.TABLE,
) -> None:
    """Time the gallery load against the server's own COPY to /dev/null, in a scratch database."""
    from facedb.bench import database as bench_db

    with database(ctx) as db:
        _print_legs(bench_db.bench_load(db, size, dim, connections), "of_floor", output)


@app.command(epilog="Example: facedb bench write --pairs 1000000")
def write(
    ctx: typer.Context,
    pairs: Annotated[int, typer.Option(min=1, help="Flagged pairs to write.")] = 1_000_000,
    output: FormatOption = Format.TABLE,
) -> None:
    """Time the writing of flagged pairs against the server's own COPY from a file, in a scratch database."""
    from facedb.bench import database as bench_db

    with database(ctx) as db:
        _print_legs(bench_db.bench_write(db, pairs), "of_floor", output)


@app.command(epilog="Example: facedb bench scan --size 56320")
def scan(
    ctx: typer.Context,
    size: SizeOption = 56_320,
    dim: DimOption = 512,
    threshold: Annotated[float, typer.Option(min=-1.0, max=1.0, help="Score from which a pair is flagged.")] = 0.4,
    output: FormatOption = Format.TABLE,
) -> None:
    """Time whole `facedb scan` processes against the join inside them, in a scratch database."""
    from facedb.bench import database as bench_db

    with database(ctx) as db:
        _print_legs(bench_db.bench_scan(db, size, dim, threshold), "times_the_join", output)


@app.command(epilog="Example: facedb bench ingest vectors/ (a folder of .npy pairs or npKnown.npz)")
def ingest(
    ctx: typer.Context,
    source: Annotated[Path, typer.Argument(help="A source of embeddings without images.", show_default=False)],
    output: FormatOption = Format.TABLE,
) -> None:
    """Time the ingest of embeddings against the server's COPY of the same rows, in a scratch database."""
    from facedb.bench import database as bench_db

    with database(ctx) as db:
        _print_legs(bench_db.bench_ingest(db, source), "of_floor", output)


@app.command(epilog="Example: facedb bench embed photos/ --model arcface.onnx --detector yunet.onnx --repeat 10")
def embed(
    ctx: typer.Context,
    folder: Annotated[Path, typer.Argument(help="Folder of images.", show_default=False)],
    model: ModelOption = None,
    detector: DetectorOption = None,
    preset: PresetOption = None,
    threads: ThreadsOption = None,
    repeat: Annotated[int, typer.Option(min=1, help="Take the images this many times over.")] = 1,
    output: FormatOption = Format.TABLE,
) -> None:
    """Time embedding: the whole, decoding, the model, writing, and the published loop of one image at a time."""
    from facedb.bench import pictures

    options = model_options(ctx, model, detector, preset)
    with database(ctx) as db:
        choice = model_choice(ctx, db, options)
        report = pictures.run(db, folder, choice, threads=threads, repeat=repeat, reporter=state_of(ctx).reporter)
    rows = [
        (
            row.leg,
            row.images,
            round(row.seconds, 2),
            None if row.cpu_seconds is None else round(row.cpu_seconds, 2),
            round(row.images_per_second, 1),
        )
        for row in report.rows
    ]
    emit(
        ad_hoc({"leg": str, "images": int, "seconds": float, "cpu_seconds": float | None, "images_per_second": float}),
        rows,
        output,
    )
    state_of(ctx).reporter.say(
        f"Bound (cores over CPU seconds of the bare stages): {report.bound:.1f} images/s; the whole reaches {report.share:.0%} of it."
    )


@app.command(epilog="Example: facedb bench plan --faces 17e6 --dim 512 --nodes 64 --threads 32")
def plan(
    ctx: typer.Context,
    faces: Annotated[float, typer.Option(min=2, max=1e12, help="Faces in the gallery, such as 17e6.")] = 17e6,
    dim: DimOption = 512,
    nodes: Annotated[int, typer.Option(min=1, help="Machines that work on the scan.")] = 1,
    threads: Annotated[int, typer.Option(min=1, help="Threads of each machine, each as fast as one here.")] = 32,
    gpus: Annotated[
        int, typer.Option(min=0, help="GPUs of each machine; 0: its threads do the search.", show_default=False)
    ] = 0,
    memory: Annotated[float, typer.Option(min=1, max=1e9, help="GB of memory for vectors in each machine.")] = 128,
    network: Annotated[
        float,
        typer.Option(
            min=0.001, max=1e9, help="Gbit/s at which each machine reads the vectors from where the chunks are."
        ),
    ] = 10,
    tera: Annotated[
        float | None,
        typer.Option(
            min=0.001,
            max=1e9,
            help="10^12 operations a second of one thread, or of one GPU; default: measured here, or an H100's.",
            show_default=False,
        ),
    ] = None,
    fmr: Annotated[float, typer.Option(min=0, max=1, help="False match rate, for the pairs that chance makes.")] = 1e-6,
    block_rows: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Faces per block, the height of a tile: the higher, the less is read when memory is short; "
            f"default {BLOCK_ROWS:,}, on a GPU {GPU_BLOCK_ROWS:,}.",
            show_default=False,
        ),
    ] = None,
    output: FormatOption = Format.TABLE,
) -> None:
    """Compute what a scan would take: bytes, operations and seconds, from the kernel of this machine. Nothing is searched."""
    from facedb.bench.plan import Fleet, estimate
    from facedb.bench.plan_lines import lines

    room = (memory * 1e9, network * 1e9 / 8)
    fleet = Fleet.of_gpus(nodes, gpus, tera, *room) if gpus else Fleet.of_threads(nodes, threads, tera, *room, dim=dim)
    rows = block_rows or (GPU_BLOCK_ROWS if gpus else BLOCK_ROWS)
    found = estimate(fleet, int(faces), dim, fmr=fmr, rows=rows)
    state_of(ctx).reporter.say(
        f"Computed for {found.faces:,} x {dim} by {counted(nodes, 'machine')} with {fleet.units} {fleet.name} each; "
        f"10^12 operations a second of each: {fleet.known_by}."
    )
    shown = output is Format.TABLE
    emit(
        ad_hoc({"what": str, "value": str if shown else float, "formula": str}),
        [(line.what, line.words if shown else float(line.value), line.formula) for line in lines(found)],
        output,
    )


def _print_legs(rows: Sequence[DbRow], ratio: str, output: Format) -> None:
    body = [
        (
            row.leg,
            row.rows,
            round(row.seconds, 3),
            round(row.rows / row.seconds) if row.seconds else None,
            None if row.ratio is None else round(row.ratio, 2),
        )
        for row in rows
    ]
    emit(
        ad_hoc({"leg": str, "rows": int, "seconds": float, "rows_per_second": int | None, ratio: float | None}),
        body,
        output,
    )
