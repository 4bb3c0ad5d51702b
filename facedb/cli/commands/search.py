"""`facedb search`: one photo against the gallery."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facedb.cli.context import database
from facedb.cli.output import Format, FormatOption, emit
from facedb.core.defaults import TOP


def search(
    ctx: typer.Context,
    image: Annotated[Path, typer.Argument(help="A photo.", show_default=False)],
    top: Annotated[int, typer.Option(min=1, help="How many faces of the gallery for each face of the photo.")] = TOP,
    min_score: Annotated[float | None, typer.Option(help="Only faces whose score reaches this.")] = None,
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="Name of the contract; default: the one used last.")
    ] = None,
    faces: Annotated[str, typer.Option(help="Which faces of the photo: all, largest, centre or error.")] = "all",
    approximate: Annotated[
        bool, typer.Option("--approximate", help="Use the HNSW index that `facedb db index` builds.")
    ] = False,
    output: FormatOption = Format.TABLE,
) -> None:
    """Find the faces of the gallery that are most like those of a photo."""
    from facedb.scan import search as work

    with database(ctx) as db:
        found = work.search(
            db, image, model_name=model, top=top, min_score=min_score, approximate=approximate, faces=faces
        )
    emit(work.SEARCH_COLUMNS, [(m.face, m.rank, m.dataset, m.identity, m.path, m.score) for m in found], output)
