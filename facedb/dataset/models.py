"""Models by name: find, add, verify and pull the files that contracts are made of."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from facedb.core.errors import ConflictError, ModelError, NotFoundError, UsageError
from facedb.core.progress import Reporter
from facedb.dataset import embedding_rows as store
from facedb.dataset.embedding_rows import ModelRow, ModelSummary
from facedb.db.connection import Database, translated
from facedb.embedding import registry
from facedb.embedding.contract import ModelContract
from facedb.embedding.model import FaceModel
from facedb.embedding.resolve import is_detector, load_contract
from facedb.embedding.weights import weights_sha256


@dataclass(frozen=True, slots=True)
class AddedModel:
    """A model in the models folder: its file, its contract (None: a detector), what was assumed, its licence where known."""

    path: Path
    contract: ModelContract | None
    notes: tuple[str, ...]
    licence: str | None


def find_file(name: str, models_dir: Path) -> Path:
    """The .onnx file that ``name`` means: a path, or the name of a model in ``models_dir``.

    Raises ModelError that says how to get the file where there is none.
    """
    path = Path(name).expanduser()
    if path.is_file():
        return path
    candidates = [models_dir / name, models_dir / f"{name}.onnx"]
    candidates += [models_dir / model.file_name for model in registry.KNOWN if model.name == name]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    if any(model.name == name for model in registry.KNOWN):
        raise ModelError(f"The model {name} is not here yet: get it with `facedb model pull {name}`.")
    raise ModelError(f"There is no model file {name}: give the path of an .onnx file, or see `facedb model list`.")


def weights_called(name: str, models_dir: Path) -> str | None:
    """The sha256 of the weights that ``name`` means (see `find_file`), or None where it means no file."""
    try:
        return weights_sha256(find_file(name, models_dir))
    except ModelError:
        return None


def add(
    source: Path, models_dir: Path, *, name: str | None, preset: str | None, overrides: Mapping[str, Any]
) -> AddedModel:
    """Copy an .onnx file and what is known of its contract into ``models_dir``, so that its name is enough from then on.

    Raises ModelError when the file is no usable face model, ConflictError when the name is taken by other weights.
    """
    if not source.is_file():
        raise ModelError(f"There is no file {source}: give the path of an .onnx file.")
    target = models_dir / f"{name or source.stem}.onnx"
    if target.parent != models_dir:
        raise UsageError(f"A model name is a file name, not {name!r}.")
    sha256 = weights_sha256(source)
    if target.exists() and weights_sha256(target) != sha256:
        raise ConflictError(f"There is another model called {target.stem}: choose a name with --name.")
    notes: list[str] = []
    contract = None
    if is_detector(source):
        notes.append(f"{source.name} is a face detector: use it with --detector {target.stem}.")
    else:
        named = {"name": target.stem, **overrides}
        contract = load_contract(source, preset=preset, overrides=named, notes=notes)
    models_dir.mkdir(parents=True, exist_ok=True)
    _write_whole(target, source.read_bytes())
    if contract is not None:
        _write_whole(target.with_suffix(".toml"), _toml(contract).encode())
    known = registry.identify(sha256)
    return AddedModel(target, contract, tuple(notes), known.licence if known else None)


def _write_whole(path: Path, data: bytes) -> None:
    draft = path.with_name(path.name + ".part")
    draft.write_bytes(data)
    draft.replace(path)


def _toml(contract: ModelContract) -> str:
    lines = {
        "name": contract.name, "size": list(contract.input_size), "layout": contract.layout, "colour": contract.colour,
        "mean": list(contract.mean), "std": list(contract.std), "template": contract.template,
        "margin": contract.margin, "output": contract.output_name,
    }  # fmt: skip
    # JSON strings, numbers and lists are TOML values as well.
    return "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in lines.items())


def pull(name: str, models_dir: Path, reporter: Reporter) -> tuple[Path, registry.KnownModel]:
    """Fetch a known model into ``models_dir``, resumed and verified; raises NotFoundError or ModelError that says what to do."""
    known = registry.known(name)
    with reporter.task(f"pull {name}", known.size, "bytes") as task:
        done = 0

        def progress(here: int, _total: int) -> None:
            nonlocal done
            task.advance(here - done)
            done = here

        return registry.pull(name, models_dir, progress=progress), known


def files(models_dir: Path) -> list[Path]:
    """The .onnx files in ``models_dir``."""
    return sorted(models_dir.glob("*.onnx")) if models_dir.is_dir() else []


def contracts(db: Database) -> list[ModelSummary]:
    """Every contract that embedded something."""
    with closing(db.open()) as conn, translated(db.dsn):
        return store.models(conn)


def find_contract(db: Database, name: str, models_dir: Path) -> ModelRow:
    """The contract of a name or digest, else of a file in ``models_dir``; raises NotFoundError, ConflictError when several fit."""
    with closing(db.open()) as conn, translated(db.dsn):
        model = store.model_by_name(conn, name)
    if model is not None:
        return model
    path = models_dir / f"{name}.onnx"
    if not path.is_file():
        raise NotFoundError(f"There is no model {name!r}: see `facedb model list`.")
    contract = load_contract(path)
    return ModelRow(0, contract.name, contract.digest(), contract.to_dict(), contract.dim, "", str(path), None)


def verify(model: ModelRow) -> list[tuple[str, str]]:
    """Check the files of a contract: present, the same bytes, the model runs and gives what the contract says.

    Returns (check, result) rows; raises ModelError at the first that fails.
    """
    if model.weights_path is None:
        raise ModelError(
            f"{model.name} is a contract of embeddings that came without a model; there is nothing to verify."
        )
    contract = ModelContract.from_dict(model.contract)
    rows = []
    for what, path, expected in (
        ("weights", model.weights_path, contract.weights_sha256),
        ("detector", model.detector_path, contract.detector.weights_sha256 if contract.detector else None),
    ):
        if path is None or expected is None:
            continue
        if not Path(path).is_file():
            raise ModelError(
                f"The {what} of {model.name} is not at {path} any more: put it back, or embed from its new place."
            )
        found = hashlib.sha256(Path(path).read_bytes()).hexdigest()
        if found != expected:
            raise ModelError(f"{path} has changed: its sha256 is {found[:12]}…, the contract says {expected[:12]}….")
        rows.append((what, f"{path}, sha256 {expected[:12]}…"))
    face_model = FaceModel(model.weights_path, contract, provider=contract.provider)
    grey = np.full((1, *contract.input_size, 3), 127, np.uint8)
    vector = face_model.run(grey)
    rows.append(("output", f"{vector.shape[1]} values, {'finite' if np.isfinite(vector).all() else 'NOT finite'}"))
    return rows
