"""`facedb ingest`, `embed` and `scan`: the steps of a check, one by one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facedb.cli import completion
from facedb.cli.choices import (
    DEFAULT_THRESHOLD,
    ContractOption,
    CoolToOption,
    DatasetsOption,
    DetectorOption,
    EngineOption,
    ExcludeOption,
    FacesOption,
    FmrOption,
    IdentityFromOption,
    IdentityRegexOption,
    MaxPixelsOption,
    MaxTempOption,
    ModelOption,
    MovedFromOption,
    NamesOption,
    PresetOption,
    ProviderOption,
    SetOption,
    ThreadsOption,
    ThresholdOption,
    YesOption,
    given_options,
    guard,
    model_choice,
    model_options,
    threshold_choice,
)
from facedb.cli.context import DatasetOption, IntoDatasetOption, database, settings_from, state_of
from facedb.cli.output import Format, FormatOption, emit
from facedb.core.counting import are
from facedb.core.defaults import BLOCK_ROWS, CONNECTIONS, GPU_BLOCK_ROWS, MAX_PAIRS
from facedb.core.files.paths import display
from facedb.core.row_schema import ad_hoc

_FORMATS = ("auto", "folder", "list", "csv", "jsonl", "parquet", "npz", "npy", "rec", "tar")


# What an ingest says of its inputs and of the dataset, in this order.
_MET = (
    "seen",
    "new",
    "changed",
    "moved",
    "unchanged",
    "vanished",
    "pruned",
    "ready",
    "rejected",
    "ignored",
    "identities",
)


def ingest(
    ctx: typer.Context,
    source: Annotated[Path, typer.Argument(help="Folder, list, table or container of faces.", show_default=False)],
    dataset: IntoDatasetOption = None,
    source_format: Annotated[
        str,
        typer.Option(
            "--format",
            help="auto, folder, list, csv, jsonl, parquet, npz, npy, rec or tar.",
            autocompletion=completion.words(*_FORMATS),
        ),
    ] = "auto",
    identity_from: IdentityFromOption = "top",
    identity_regex: IdentityRegexOption = None,
    follow_links: Annotated[
        bool, typer.Option("--follow-links/--no-follow-links", help="Follow symbolic links.")
    ] = False,
    root: Annotated[Path | None, typer.Option(help="Folder that the paths of a list or table are relative to.")] = None,
    exclude: ExcludeOption = None,
    vector_array: Annotated[
        str, typer.Option(help="npz: the array that holds the embeddings.")
    ] = "efficientnetv2_arcface",
    name_array: Annotated[str, typer.Option(help="npz: the array that holds the names.")] = "name",
    ids_csv: Annotated[Path | None, typer.Option(help="npy: a table from object id to identity.")] = None,
    image_path: Annotated[
        str | None, typer.Option(help="npy: the path of an id's image, such as {id[0:2]}/{id}.jpg.")
    ] = None,
    contract: Annotated[str | None, typer.Option(help="Name of the model that made embeddings without images.")] = None,
    moved_from: MovedFromOption = None,
    allow_empty: Annotated[
        bool, typer.Option("--allow-empty", help="Accept that nothing is left of a known source.")
    ] = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="Drop the rows of images that are gone from the source; with --yes.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Drop them; without this they are only counted.")] = False,
) -> None:
    """Bring a source into a dataset: every file ends as a row, even those that are not faces.

    A known source is read as it was before; options given now change that, and facedb says so.
    """
    from facedb.dataset.ingest import ingest as run

    reporter = state_of(ctx).reporter
    options = given_options(
        ctx,
        identity_from=identity_from,
        identity_regex=identity_regex,
        follow_links=follow_links,
        root=root,
        vector_array=vector_array,
        name_array=name_array,
        ids_csv=ids_csv,
        image_path=image_path,
        exclude=exclude,
    )
    with database(ctx) as db:
        done = run(
            db,
            source,
            dataset=dataset,
            source_format=source_format,
            options=options,
            contract=contract,
            prune=prune and yes,
            moved_from=moved_from,
            allow_empty=allow_empty,
            reporter=reporter,
        )
    if prune and not yes and done.prunable:
        reporter.say(
            f"{are(done.prunable, 'image')} gone from the source; the rows, faces and embeddings are still there. "
            f"Drop them with: facedb ingest {display(source)} --prune --yes"
        )
    row = (done.dataset, *(getattr(done, name) for name in _MET))
    emit(ad_hoc({"dataset": str} | dict.fromkeys(_MET, int)), [row], Format.TABLE)


def embed(
    ctx: typer.Context,
    model: ModelOption = None,
    detector: DetectorOption = None,
    dataset: DatasetOption = None,
    preset: PresetOption = None,
    faces: FacesOption = None,
    overrides: SetOption = None,
    provider: ProviderOption = "auto",
    max_pixels: MaxPixelsOption = None,
    yes: YesOption = False,
    threads: ThreadsOption = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Faces per call of the model on a GPU.")] = None,
    retry: Annotated[bool, typer.Option("--retry", help="Try again what this model rejected before.")] = False,
    max_temp: MaxTempOption = None,
    cool_to: CoolToOption = None,
) -> None:
    """Embed every image that the model has not seen yet."""
    from facedb.dataset.embed import embed as run

    options = model_options(ctx, model, detector, preset, faces, overrides, provider, max_pixels)
    with database(ctx) as db:
        choice = model_choice(ctx, db, options, dataset=dataset, yes=yes)
        reporter = state_of(ctx).reporter
        done = run(
            db,
            choice,
            dataset=dataset,
            retry=retry,
            threads=threads,
            batch=batch,
            pause=guard(max_temp, cool_to, reporter),
            reporter=reporter,
        )
    emit(
        ad_hoc(
            {"model": str, "images_done": int, "seconds": float}
            | dict.fromkeys(("embedded", "faces", "rejected", "pending"), int)
        ),
        [(done.model.name, done.done, round(done.seconds, 2), done.images, done.faces, done.rejected, done.pending)],
        Format.TABLE,
    )


def scan(
    ctx: typer.Context,
    threshold: ThresholdOption = DEFAULT_THRESHOLD,
    fmr: FmrOption = None,
    datasets: DatasetsOption = None,
    model: ContractOption = None,
    engine: EngineOption = "auto",
    threads: ThreadsOption = None,
    names: NamesOption = True,
    workers: Annotated[
        int,
        typer.Option(min=1, help="Processes that share the search on this machine; others join with `facedb work`."),
    ] = 1,
    ray: Annotated[
        str | None,
        typer.Option(
            metavar="[ADDRESS]",
            help="Let workers on a Ray cluster do the search, one per GPU or share of cores of its nodes; without an address: "
            "that of RAY_ADDRESS, else on this machine. Needs the extra ray.",
            show_default=False,
        ),
    ] = None,
    links_only: Annotated[
        bool,
        typer.Option(
            "--links-only",
            help="Roll pairs up to links before rows are written, and keep the best pair of each: for galleries where chance makes "
            "more pairs than a disk holds.",
        ),
    ] = False,
    chunks: Annotated[
        str | None,
        typer.Option(
            metavar="PLACE",
            help="Folder that all workers can reach, or the URL of an object store (s3://…): the vectors are written there once and "
            "removed at the end of the scan; default: workers read them from the database.",
            show_default=False,
        ),
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Search everything again, not only what is new.")] = False,
    max_pairs: Annotated[
        int, typer.Option(min=1, help="Stop before the search begins if more pairs than this are expected.")
    ] = MAX_PAIRS,
    min_face: Annotated[float | None, typer.Option(help="Leave out faces smaller than this, in pixels.")] = None,
    min_quality: Annotated[
        float | None,
        typer.Option(
            help="Leave out faces less sharp than this, in per cent: sharp ones have 2 to 15, blurred ones less than 1.1."
        ),
    ] = None,
    unlabelled: Annotated[
        bool | None,
        typer.Option(
            "--unlabelled/--labelled",
            help="Compare the faces without a label and find duplicates among them; default: where nothing has a label.",
            show_default=False,
        ),
    ] = None,
    block_rows: Annotated[
        int | None,
        typer.Option(
            min=1,
            help=f"Faces per block: the unit of work, and of resuming it; default {BLOCK_ROWS:,}, on a GPU {GPU_BLOCK_ROWS:,}.",
        ),
    ] = None,
    connections: Annotated[int, typer.Option(min=1, help="Connections that load the gallery.")] = CONNECTIONS,
    max_temp: MaxTempOption = None,
    cool_to: CoolToOption = None,
    output: FormatOption = Format.TABLE,
) -> None:
    """Compare every face with every other and keep the pairs that look like one person under two names."""
    from facedb.scan.run import ScanOptions
    from facedb.scan.run import scan as run

    settings = settings_from(ctx)
    options = ScanOptions(
        threshold=threshold_choice(ctx, threshold, fmr),
        datasets=tuple(filter(None, (datasets or "").split(","))),
        model=model,
        engine=engine,
        threads=threads,
        workers=workers,
        ray=ray,
        chunks=chunks,
        links_only=links_only,
        block_rows=block_rows,
        connections=connections,
        full=full,
        max_pairs=max_pairs,
        min_face=min_face,
        min_quality=min_quality,
        unlabelled=unlabelled,
        cache_dir=settings.cache,
        models_dir=settings.models,
        keep_scans=settings.keep_scans,
        names=names,
    )
    with database(ctx) as db:
        reporter = state_of(ctx).reporter
        done = run(db, options, reporter=reporter, pause=guard(max_temp, cool_to, reporter)).scan
    emit(
        ad_hoc(
            {"scan_id": int, "threshold": float}
            | dict.fromkeys(("faces", "new_faces", "identities", "comparisons", "pairs", "links"), int)
            | {"engine": str, "join_seconds": float}
        ),
        [
            (
                done.id,
                done.threshold,
                done.faces,
                done.new_faces,
                done.identities,
                done.comparisons,
                done.pairs,
                done.links,
                done.engine,
                round(done.join_seconds, 3),
            )
        ],
        output,
    )
