"""Options that several commands share: which model, which faces, how hot the machine may get."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from facedb.core.defaults import THRESHOLD
from facedb.core.errors import UsageError
from facedb.core.progress import Reporter

if TYPE_CHECKING:
    from facedb.dataset.embed import ModelChoice
    from facedb.scan.thresholds import ThresholdRule

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
NamesOption = Annotated[
    bool,
    typer.Option(
        "--names/--no-names", help="Take labels that look like names as evidence (two spellings, one surname)."
    ),
]
FacesOption = Annotated[
    str | None,
    typer.Option(
        "--faces", help="Which face of a photo: fit (the one that fits its folder), centre, largest, all, or error."
    ),
]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override one value of the model contract.")
]
ProviderOption = Annotated[str, typer.Option("--provider", help="Where the model runs: auto, cpu or cuda.")]
ThreadsOption = Annotated[
    int | None, typer.Option("--threads", min=1, help="Threads; default: the cores of this process.")
]
ThresholdOption = Annotated[
    str,
    typer.Option(
        "--threshold", "-t", metavar="SCORE|auto",
        help="Flag pairs whose cosine similarity reaches this; auto: chosen from your data, saying why.",
    ),
]  # fmt: skip
FmrOption = Annotated[
    float | None,
    typer.Option(
        "--fmr", metavar="RATE", help="Instead of a threshold: the false match rate on your data, such as 1e-6."
    ),
]
EngineOption = Annotated[
    str,
    typer.Option("--engine", help="auto, int8, faiss-cpu, exact, faiss-gpu or cuda; the rows are the same for all."),
]
DatasetsOption = Annotated[
    str | None,
    typer.Option("--datasets", help="Datasets to scan, within and across, separated by commas; default: all."),
]

MaxTempOption = Annotated[
    str | None,
    typer.Option(
        "--max-temp", help="Pause while a CPU or GPU sensor is hotter than this (°C), or auto; default: no guard."
    ),
]
CoolToOption = Annotated[
    float | None, typer.Option("--cool-to", help="Go on when the hottest sensor is down to this (°C).")
]

DEFAULT_THRESHOLD = str(THRESHOLD)


def guard(max_temp: str | None, cool_to: float | None, reporter: Reporter) -> Callable[[], None] | None:
    """What to call between batches and blocks so that the machine stays cool; None without --max-temp."""
    if max_temp is None:
        if cool_to is not None:
            raise UsageError("--cool-to goes with --max-temp.")
        return None
    from facedb.embedding.thermal import TemperatureGuard

    try:
        limit: float | Literal["auto"] = "auto" if max_temp == "auto" else float(max_temp)
    except ValueError:
        raise UsageError(f"--max-temp takes degrees Celsius or auto, not {max_temp!r}.") from None
    watch = TemperatureGuard(limit, cool_to, tell=reporter.say)

    def pause() -> None:
        watch.wait_while_hot()

    return pause


def key_values(texts: list[str] | None) -> dict[str, str]:
    """The values of --set; raises UsageError for one that is no KEY=VALUE."""
    pairs: dict[str, str] = {}
    for text in texts or []:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"--set takes KEY=VALUE, not {text!r}.")
        pairs[key.strip()] = value.strip()
    return pairs


def threshold_choice(ctx: typer.Context, threshold: str, fmr: float | None) -> float | ThresholdRule:
    """A threshold, or the rule that chooses it; raises UsageError for what is neither a number nor ``auto``, and for both."""
    from facedb.scan.thresholds import ThresholdRule

    if fmr is not None:
        source = ctx.get_parameter_source("threshold")
        if source is not None and source.name == "COMMANDLINE":
            raise UsageError("--threshold and --fmr exclude each other: give one of them.")
        return ThresholdRule(fmr)
    if threshold.strip().lower() == "auto":
        return ThresholdRule()
    try:
        return float(threshold)
    except ValueError:
        raise UsageError(f"--threshold takes a number such as 0.45, or auto; not {threshold!r}.") from None


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
    from facedb.dataset.embed import ModelChoice
    from facedb.dataset.models import find_file

    return ModelChoice(
        weights=find_file(model, models_dir),
        detector=None if detector in (None, "none") else find_file(str(detector), models_dir),
        preset=preset,
        faces=faces,
        overrides=key_values(overrides),
        provider=provider,
    )
