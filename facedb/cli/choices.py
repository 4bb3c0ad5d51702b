"""Options that several commands share: which model, which faces, how hot the machine may get."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from facedb.cli import completion
from facedb.cli.context import settings_from, state_of
from facedb.core.defaults import THRESHOLD
from facedb.core.errors import UsageError
from facedb.core.progress import Reporter
from facedb.sources.options import IdentityFrom

if TYPE_CHECKING:
    from facedb.dataset.embed import ModelChoice
    from facedb.dataset.model_options import ModelOptions
    from facedb.db.connection import Database
    from facedb.scan.scores.thresholds import ThresholdRule

ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        help="Face model: an .onnx file, an InsightFace pack, or the name of a model; default: the one this dataset used before.",
        autocompletion=completion.models,
    ),
]
ContractOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        help="Name of the contract; default: the one used last.",
        autocompletion=completion.contracts,
    ),
]
DetectorOption = Annotated[
    str | None,
    typer.Option(
        "--detector",
        help="Face detector (YuNet or SCRFD .onnx, or its name); none: the images are aligned faces already.",
        autocompletion=completion.words("yunet", "none"),
    ),
]
PresetOption = Annotated[
    str | None,
    typer.Option(
        "--preset",
        help="How the model wants its input: arcface, sface, ….",
        autocompletion=completion.words("arcface", "sface", "mobileface"),
    ),
]
NamesOption = Annotated[
    bool,
    typer.Option(
        "--names/--no-names", help="Use labels that look like names as evidence (two spellings, one surname)."
    ),
]
FacesOption = Annotated[
    str | None,
    typer.Option(
        "--faces",
        help="Which face of a photo: fit (the one that fits its folder), centre, largest, all, or error.",
        autocompletion=completion.words("fit", "centre", "largest", "all", "error"),
    ),
]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override one value of the model contract.")
]
ProviderOption = Annotated[
    str,
    typer.Option(
        "--provider",
        help="Where the model runs: auto, cpu or cuda.",
        autocompletion=completion.words("auto", "cpu", "cuda"),
    ),
]
MaxPixelsOption = Annotated[
    int | None,
    typer.Option(
        "--max-pixels",
        min=1,
        metavar="N",
        help="Largest photo to decode, in pixels; default: max_pixels of the settings, else 100,000,000. JPEGs above it are reduced.",
    ),
]
IdentityFromOption = Annotated[
    IdentityFrom,
    typer.Option(
        metavar="WHERE",
        help="Where the identity is: top (the first folder of a path), parent (its last), regex, none, or txt (in the .txt beside a sample "
        "of a tar).",
    ),
]
IdentityRegexOption = Annotated[
    str | None,
    typer.Option(
        metavar="REGEX", help="With --identity-from regex: the expression, whose group (?P<identity>…) is the identity."
    ),
]
YesOption = Annotated[
    bool,
    typer.Option("--yes", "-y", help="If no model is named or remembered, fetch YuNet and SFace without asking."),
]
ThreadsOption = Annotated[
    int | None, typer.Option("--threads", min=1, help="Threads; default: the cores of this process.")
]
ThresholdOption = Annotated[
    str,
    typer.Option(
        "--threshold",
        "-t",
        metavar="SCORE|auto|pairs=N",
        help="Flag pairs whose cosine similarity reaches this; auto: chosen from your data, with the reason; pairs=1e7: so that about as "
        "many are flagged.",
        autocompletion=completion.words("auto", "pairs="),
    ),
]
FmrOption = Annotated[
    float | None,
    typer.Option(
        "--fmr", metavar="RATE", help="Instead of a threshold: the false match rate on your data, such as 1e-6."
    ),
]
EngineOption = Annotated[
    str,
    typer.Option(
        "--engine",
        help="Search engine: auto, int8, faiss-cpu, exact, faiss-gpu or cuda; all find the same rows.",
        autocompletion=completion.words("auto", "int8", "faiss-cpu", "exact", "faiss-gpu", "cuda"),
    ),
]
DatasetsOption = Annotated[
    str | None,
    typer.Option(
        "--datasets",
        help="Datasets to scan, within and across, separated by commas; default: all.",
        autocompletion=completion.several_datasets,
    ),
]

ExcludeOption = Annotated[
    list[str] | None,
    typer.Option(
        "--exclude",
        metavar="GLOB",
        help="Leave out files and folders with this name (thumb_*), or at this path (ann/old/**); repeatable.",
    ),
]
MaxTempOption = Annotated[
    str | None,
    typer.Option(
        "--max-temp", help="Pause while a CPU or GPU sensor is hotter than this (°C), or auto; default: no guard."
    ),
]
CoolToOption = Annotated[
    float | None, typer.Option("--cool-to", help="Resume when the hottest sensor has cooled to this (°C).")
]

MovedFromOption = Annotated[
    str | None,
    typer.Option(
        "--moved-from",
        metavar="OLD",
        help="The source has moved here from OLD: what is known about it is kept. OLD is a path or a dataset.",
    ),
]

DEFAULT_THRESHOLD = str(THRESHOLD)


def guard(max_temp: str | None, cool_to: float | None, reporter: Reporter) -> Callable[[], None] | None:
    """What to call between batches and blocks so that the machine stays cool; None without --max-temp."""
    if max_temp is None:
        if cool_to is not None:
            raise UsageError("--cool-to goes with --max-temp.")
        return None
    from facedb.core.machine.thermal import TemperatureGuard

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


def threshold_choice(ctx: typer.Context, threshold: str, fmr: float | None) -> float | ThresholdRule | None:
    """A threshold, the rule that chooses it, or None where nobody said one.

    Raises UsageError for what is neither a number, nor ``auto``, nor ``pairs=NUMBER``, and for a false match rate beside it.
    """
    from facedb.scan.scores.thresholds import ThresholdRule, threshold_in_words

    given = _is_given(ctx, "threshold")
    if fmr is not None:
        if given:
            raise UsageError("--threshold and --fmr exclude each other: give one of them.")
        return ThresholdRule(fmr)
    if not given:
        return None
    return threshold_in_words(threshold)


def model_options(
    ctx: typer.Context,
    model: str | None,
    detector: str | None,
    preset: str | None = None,
    faces: str | None = None,
    overrides: list[str] | None = None,
    provider: str = "auto",
    max_pixels: int | None = None,
) -> ModelOptions:
    """What the options say of a model; raises UsageError for a --set that is no KEY=VALUE."""
    from facedb.dataset.model_options import ModelOptions

    return ModelOptions(
        model, detector, preset, faces, key_values(overrides), provider, max_pixels or settings_from(ctx).max_pixels
    )


def given_options(ctx: typer.Context, **options: Any) -> dict[str, Any]:
    """Those of ``options`` that stand on the command line; for the others, what a source was told before still holds."""
    given = {name: value for name, value in options.items() if _is_given(ctx, name)}
    return {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}


def _is_given(ctx: typer.Context, name: str) -> bool:
    source = ctx.get_parameter_source(name)
    return source is not None and source.name != "DEFAULT"


def model_choice(
    ctx: typer.Context,
    db: Database,
    options: ModelOptions,
    *,
    dataset: str | None = None,
    source: Path | None = None,
    moved_from: str | None = None,
    yes: bool = False,
) -> ModelChoice:
    """The model of the options, of the dataset, or of this home; the first time it offers to fetch one.

    Raises ModelError for missing files, and in one sentence where there is no model and nobody to ask.
    """
    from facedb.dataset import known_models, models
    from facedb.dataset.model_options import NoModelError, choose

    settings, reporter = settings_from(ctx), state_of(ctx).reporter
    try:
        return choose(
            db, options, settings.models, dataset=dataset, source=source, moved_from=moved_from, reporter=reporter
        )
    except NoModelError as none:
        offer = known_models.offer()
        if not yes and not _asked(f"facedb has no face model yet. Fetch {offer}?"):
            raise NoModelError(
                f"No model is named and none is remembered: name one with --model, or add --yes to fetch {offer}."
            ) from none
    models.pull_offered(settings.models, reporter, base_url=settings.models_url)
    return choose(db, options, settings.models, dataset=dataset, source=source, reporter=reporter)


def _asked(question: str) -> bool:
    """What the person at the terminal says; no where there is nobody."""
    return sys.stdin.isatty() and sys.stderr.isatty() and typer.confirm(question, default=True, err=True)
