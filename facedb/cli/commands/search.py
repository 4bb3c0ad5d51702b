"""`facedb search`: one photo against the gallery."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facedb.cli import completion
from facedb.cli.choices import (
    DetectorOption,
    MaxPixelsOption,
    PresetOption,
    ProviderOption,
    SetOption,
    model_choice,
    model_options,
)
from facedb.cli.context import DatasetOption, database, state_of
from facedb.cli.output import Format, FormatOption, RawOption, emit
from facedb.core.defaults import TOP
from facedb.core.row_schema import table


def search(
    ctx: typer.Context,
    image: Annotated[Path, typer.Argument(help="A photo.", show_default=False)],
    top: Annotated[
        int,
        typer.Option("--top", "-n", "--limit", min=1, help="How many faces of the gallery for each face of the photo."),
    ] = TOP,
    dataset: DatasetOption = None,
    min_score: Annotated[float | None, typer.Option(help="Only faces whose score reaches this.")] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            help="Contract, .onnx file, or pack; default: the contract used last.",
            autocompletion=completion.models,
        ),
    ] = None,
    detector: DetectorOption = None,
    preset: PresetOption = None,
    overrides: SetOption = None,
    provider: ProviderOption = "auto",
    max_pixels: MaxPixelsOption = None,
    faces: Annotated[
        str,
        typer.Option(
            help="Which faces of the photo: all, largest, centre or error.",
            autocompletion=completion.words("all", "largest", "centre", "error"),
        ),
    ] = "all",
    approximate: Annotated[
        bool, typer.Option("--approximate", help="Use the HNSW index that `facedb db index` builds.")
    ] = False,
    output: FormatOption = Format.TABLE,
    raw: RawOption = False,
) -> None:
    """Find the faces of the gallery that are most like those of a photo. Who is beside somebody in a photo is told as a bystander."""
    from facedb.dataset.model_options import ModelOptions, is_contract
    from facedb.scan import search as work

    options = model_options(ctx, model, detector, preset, None, overrides, provider, max_pixels)
    with database(ctx) as db:
        # A name alone is that of a contract, if there is one.
        plain = options == ModelOptions(model=model) and (model is None or is_contract(db, model))
        choice = None if plain else model_choice(ctx, db, options)
        found = work.search(
            db,
            image,
            model_name=model,
            choice=choice,
            dataset=dataset,
            top=top,
            min_score=min_score,
            approximate=approximate,
            faces=faces,
            reporter=state_of(ctx).reporter,
        )
    several = ("dataset",) if len({match.dataset for match in found}) > 1 else ()
    emit(table(work.Match), found, output, raw=raw, narrow=("face", "rank", *several, "path", "score", "role"))
