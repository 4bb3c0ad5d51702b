"""What models there are: contracts in the database, files in the models folder, and what is on offer.

Loads no model and no NumPy, so that a list of models appears at once.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from facedb.core.errors import ModelError
from facedb.dataset import model_rows
from facedb.dataset.model_rows import ModelSummary
from facedb.db.connection import Database, translated
from facedb.embedding.model_files import registry
from facedb.embedding.model_files.model_hash import weights_sha256


def find_file(name: str, models_dir: Path) -> Path:
    """The .onnx file that ``name`` means: a path, or the name of a model in ``models_dir``.

    Raises ModelError that says how to get the file where there is none.
    """
    path = Path(name).expanduser()
    if path.is_file():
        return path
    found = file_of(name, models_dir)
    if found is not None:
        return found
    if any(model.name == name for model in registry.KNOWN):
        raise ModelError(f"The model {name} is not here yet: get it with `facedb model pull {name}`.")
    raise ModelError(
        f"There is no model file {name}: give the path of an .onnx file; `facedb model list` says which there are, and where."
    )


def file_of(name: str, models_dir: Path) -> Path | None:
    """The .onnx file of a model in ``models_dir`` by its name or the name of its file; None where there is none."""
    candidates = [models_dir / name, models_dir / f"{name}.onnx", models_dir / name / f"{name}.onnx"]
    candidates += [models_dir / model.file_name for model in registry.KNOWN if model.name == name]
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def offer() -> str:
    """The models that facedb offers by name, with size and licence, in words."""
    return " and ".join(
        f"{known.title} ({known.role}, {known.size / 1e6:.1f} MB, {known.licence})" for known in registry.KNOWN
    )


def weights_called(name: str, models_dir: Path) -> str | None:
    """The sha256 of the weights that ``name`` means (see `find_file`), or None where it means no file."""
    try:
        return weights_sha256(find_file(name, models_dir))
    except ModelError:
        return None


def files(models_dir: Path) -> list[Path]:
    """The models in ``models_dir``: its .onnx files, those that have a folder of their own name, and packs."""
    found = [*models_dir.glob("*.onnx")]
    for folder in models_dir.glob("[!.]*/"):
        own = folder / f"{folder.name}.onnx"
        if own.is_file() or any(folder.glob("*.onnx")):
            found.append(own if own.is_file() else folder)
    return sorted(found)


def contracts(db: Database) -> list[ModelSummary]:
    """Every contract that embedded something."""
    with closing(db.open()) as conn, translated(db.dsn):
        return model_rows.models(conn)
