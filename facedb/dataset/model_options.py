"""Which model is meant: what the options name, else what this dataset was embedded with before, else what this home offers."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from facedb.core.errors import ModelError, UsageError
from facedb.core.progress import Reporter, Silent
from facedb.dataset import model_rows
from facedb.dataset.embed import ModelChoice
from facedb.dataset.known_models import find_file
from facedb.dataset.places.source_places import find_home
from facedb.db.connection import Connection, Database, translated
from facedb.embedding.model_files import registry
from facedb.embedding.model_files.pack import Pack, is_pack, read_pack, unpack

NO_DETECTOR = "none"


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """What a person says of a model; None where nothing is said. ``detector`` "none" says that images are faces already."""

    model: str | None = None
    detector: str | None = None
    preset: str | None = None
    faces: str | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)
    provider: str = "auto"
    max_pixels: int | None = None


class NoModelError(ModelError):
    """No model was named, and neither the dataset nor this home has one."""


def choose(
    db: Database,
    options: ModelOptions,
    models_dir: Path,
    *,
    dataset: str | None,
    source: Path | None,
    moved_from: str | None = None,
    reporter: Reporter,
) -> ModelChoice:
    """The model for ``dataset`` (None: for the one that ``source`` was ingested into; neither: for all datasets).

    An option wins over what the dataset remembers. With another model the preset and the settings of the remembered one are
    forgotten, since they belong to it; detector and choice of faces stay. Raises NoModelError where nothing says which model,
    ModelError for files that are not there, UsageError where several datasets remember different ones.
    """
    with closing(db.open()) as conn, translated(db.dsn):
        before = _remembered(conn, dataset, source, moved_from)
    if options.model is not None:
        named = named_choice(options, models_dir, reporter)
        if before is None:
            return named
        same = named.weights.absolute() == before.weights
        return replace(
            named,
            detector=before.detector if options.detector is None and named.detector is None else named.detector,
            preset=named.preset or (before.preset if same else None),
            faces=named.faces or before.faces,
            overrides=named.overrides or (before.overrides if same else {}),
        )
    if before is not None:
        _check_there(before)
        reporter.say(f"Model {before.weights.name}, {_finder(before)}, as before; --model and --detector name others.")
    else:
        before = offered(models_dir)
    if before is None:
        raise NoModelError(
            "No model is named and none is remembered: name one with --model, or let facedb fetch YuNet and SFace with --yes."
        )
    return replace(
        before,
        detector=before.detector if options.detector is None else _detector(options.detector, models_dir),
        preset=options.preset or before.preset,
        faces=options.faces or before.faces,
        overrides={**before.overrides, **options.overrides},
        provider=options.provider,
        max_pixels=options.max_pixels,
    )


def is_contract(db: Database, name: str) -> bool:
    """Whether a name is that of a contract, or the beginning of its digest; raises ConflictError where it is that of several."""
    with closing(db.open()) as conn, translated(db.dsn):
        return model_rows.model_by_name(conn, name) is not None


def named_choice(options: ModelOptions, models_dir: Path, reporter: Reporter) -> ModelChoice:
    """The model that the options name: a file, a name, or a pack of several models; raises ModelError for missing files."""
    assert options.model is not None  # noqa: S101 - asked for by a name only
    pack = _pack(options.model, models_dir)
    preset, weights, detector = options.preset, None, None
    if pack is not None:
        weights, detector = pack.model, pack.detector
        if pack.licence is not None:
            preset = preset or "arcface"
        _tell(pack, reporter)
    if options.detector is not None:
        detector = _detector(options.detector, models_dir)
    return ModelChoice(
        weights=weights or find_file(options.model, models_dir),
        detector=detector,
        preset=preset,
        faces=options.faces,
        overrides=dict(options.overrides),
        provider=options.provider,
        max_pixels=options.max_pixels,
    )


def _detector(name: str, models_dir: Path) -> Path | None:
    if name == NO_DETECTOR:
        return None
    pack = _pack(name, models_dir)
    if pack is None:
        return find_file(name, models_dir)
    if pack.detector is None:
        raise ModelError(f"{name} holds no face detector: give another one as --detector.")
    return pack.detector


def _pack(name: str, models_dir: Path) -> Pack | None:
    """The pack that a name means: a folder or ZIP archive, or a folder in ``models_dir``; None where it means a single file."""
    for path in (Path(name).expanduser(), models_dir / name):
        if (path / f"{path.name}.onnx").is_file() or not is_pack(path):
            continue
        if path.is_dir():
            return read_pack(path)
        unpack(path, models_dir / path.stem)
        return read_pack(models_dir / path.stem)
    return None


def _tell(pack: Pack, reporter: Reporter) -> None:
    found = "no detector" if pack.detector is None else f"detector {pack.detector.name}"
    aside = f"; {', '.join(pack.ignored)} not used" if pack.ignored else ""
    reporter.say(f"{pack.model.parent.name}: model {pack.model.name}, {found}{aside}.")
    if pack.licence is not None:
        reporter.say(f"Licence: {pack.licence}.")


def _check_there(choice: ModelChoice) -> None:
    for path in (choice.weights, choice.detector):
        if path is not None and not path.is_file():
            raise ModelError(
                f"{path}, which this dataset was embedded with, is not there any more: put it back, or name others with --model and "
                "--detector."
            )


def _finder(choice: ModelChoice) -> str:
    return "no detector" if choice.detector is None else f"detector {choice.detector.name}"


def _remembered(
    conn: Connection, dataset: str | None, source: Path | None, moved_from: str | None
) -> ModelChoice | None:
    if source is not None:
        # Asked as ingest will ask, and forgotten again: whatever it changes is not committed here.
        home = find_home(conn, source, dataset, moved_from, Silent())
        conn.rollback()
        dataset = home.dataset
    choices = [ModelChoice.from_json(values) for values in model_rows.remembered_choices(conn, dataset)]
    if any(choice != choices[0] for choice in choices):
        raise UsageError(
            "The datasets were embedded with different models: name a dataset with --dataset, or a model with --model."
        )
    return choices[0] if choices else None


def offered(models_dir: Path) -> ModelChoice | None:
    """The models that facedb offers by name, where both are in ``models_dir`` and are the published files; else None."""
    files = {known.role: models_dir / known.file_name for known in registry.KNOWN}
    for known in registry.KNOWN:
        if not registry.is_here(known, models_dir):
            return None
    return ModelChoice(files["model"], files["detector"])
