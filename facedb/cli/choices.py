"""Options that several commands share: which model, which faces, how hot the machine may get."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facedb.core.errors import UsageError

if TYPE_CHECKING:
    from facedb.workflow.embed import ModelChoice

ModelOption = Annotated[
    str,
    typer.Option("--model", "-m", help="Face model: an .onnx file, or the name of one added with `facedb model add`."),
]
DetectorOption = Annotated[
    str | None,
    typer.Option(
        "--detector", help="Face detector (YuNet .onnx, or its name); none: the images are aligned faces already."
    ),
]
PresetOption = Annotated[str | None, typer.Option("--preset", help="How the model wants its input: arcface, sface, ….")]
FacesOption = Annotated[
    str | None,
    typer.Option("--faces", help="Which face of a photo: centre, largest, all, or error when there are several."),
]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override one value of the model contract.")
]
ProviderOption = Annotated[str, typer.Option("--provider", help="Where the model runs: auto, cpu or cuda.")]
ThreadsOption = Annotated[
    int | None, typer.Option("--threads", min=1, help="Threads; default: the cores of this process.")
]
ThresholdOption = Annotated[
    float, typer.Option("--threshold", "-t", help="Flag pairs whose cosine similarity reaches this.")
]
EngineOption = Annotated[
    str,
    typer.Option("--engine", help="auto, int8, faiss-cpu, exact, faiss-gpu or cuda; the rows are the same for all."),
]
DatasetsOption = Annotated[
    str | None,
    typer.Option("--datasets", help="Datasets to scan, within and across, separated by commas; default: all."),
]

DEFAULT_THRESHOLD = 0.45


def model_choice(
    model: str,
    detector: str | None,
    *,
    models_dir: Path,
    preset: str | None = None,
    faces: str | None = None,
    overrides: list[str] | None = None,
    provider: str = "auto",
) -> ModelChoice:
    """The model that the options name; raises UsageError for a --set that is no KEY=VALUE, ModelError for missing files."""
    from facedb.workflow.embed import ModelChoice
    from facedb.workflow.models import find_file

    pairs: dict[str, str] = {}
    for text in overrides or []:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"--set takes KEY=VALUE, not {text!r}.")
        pairs[key.strip()] = value.strip()
    return ModelChoice(
        weights=find_file(model, models_dir),
        detector=None if detector in (None, "none") else find_file(str(detector), models_dir),
        preset=preset,
        faces=faces,
        overrides=pairs,
        provider=provider,
    )
