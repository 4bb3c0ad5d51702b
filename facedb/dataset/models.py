"""Models by name: add, verify and pull the files that contracts are made of."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from facedb.core.errors import ConflictError, ModelError, NotFoundError, UsageError
from facedb.core.files.whole_file import whole_file, whole_folder
from facedb.core.progress import Reporter
from facedb.dataset import model_rows
from facedb.dataset.known_models import file_of
from facedb.dataset.model_rows import ModelRow
from facedb.db.connection import Database, translated
from facedb.embedding.contract import DetectorContract, ModelContract
from facedb.embedding.model import FaceModel
from facedb.embedding.model_files import registry
from facedb.embedding.model_files.model_hash import model_files, weights_sha256
from facedb.embedding.model_files.pack import is_pack, read_pack, unpack
from facedb.embedding.model_files.resolve import detector_settings, kept_settings, load_contract
from facedb.embedding.model_files.trial import try_out


@dataclass(frozen=True, slots=True)
class AddedModel:
    """A model in the models folder: its file, its contract (None: a detector), what was assumed, its licence where known."""

    path: Path
    contract: ModelContract | None
    notes: tuple[str, ...]
    licence: str | None


def pull_offered(models_dir: Path, reporter: Reporter, *, base_url: str | None = None) -> None:
    """Fetch what is missing of the models that facedb offers; raises ModelError that says which files to put where."""
    missing = [known for known in registry.KNOWN if not registry.is_here(known, models_dir)]
    try:
        for known in missing:
            pull(known.name, models_dir, reporter, base_url=base_url)
    except ModelError as fault:
        left = [known for known in missing if not registry.is_here(known, models_dir)]
        files = " and ".join(f"{known.file_name} ({known.size:,} bytes)" for known in left)
        where = " and ".join(registry.address(known) for known in left)
        raise ModelError(
            f"The models could not be fetched ({fault.__cause__ or fault}): try again, or put {files} into {models_dir} "
            f"(from {where}); facedb checks that they are the published files and goes on."
        ) from fault


def add(
    source: Path, models_dir: Path, *, name: str | None, preset: str | None, overrides: Mapping[str, Any]
) -> AddedModel:
    """Copy an .onnx file, the files it keeps weights in and all that is known of its contract into ``models_dir``.

    Its name is enough from then on. Raises UsageError for a name that is no file name, ModelError when the file is no usable face
    model, ConflictError when the name is taken by other weights.
    """
    if is_pack(source):
        return _add_pack(source, models_dir, _file_name(name if name is not None else source.stem), preset, overrides)
    if not source.is_file():
        raise ModelError(
            f"There is no file {source}: give the path of an .onnx file, or of a folder or ZIP archive of models."
        )
    name = _file_name(name if name is not None else source.stem)
    parts = model_files(source)
    sha256 = weights_sha256(source)
    taken = file_of(name, models_dir)
    if taken is not None and _is_broken(taken):
        # Half a model, as versions that did not know of side files left it.
        taken.unlink()
        taken = None
    if taken is not None and weights_sha256(taken) != sha256:
        raise ConflictError(f"There is another model called {name}: choose a name with --name.")
    notes: list[str] = []
    contract = try_out(source, preset=preset, overrides={"name": name, **overrides}, notes=notes)
    if contract is None:
        notes.append(f"{source.name} is a face detector: use it with --detector {name}.")
    detector = {} if contract is None else detector_settings(kept_settings(source, overrides))
    DetectorContract(sha256, **detector)
    if taken is not None:
        target = taken
    else:
        # Weights beside the graph have names of their own, which two models may share: such a model gets a folder.
        target = models_dir / f"{name}.onnx" if len(parts) == 1 else models_dir / name / f"{name}.onnx"
        _copy(source, parts, target)
    if contract is not None:
        with whole_file(target.with_suffix(".toml")) as stream:
            stream.write(_toml(contract, detector).encode())
    known = registry.identify(sha256)
    return AddedModel(target, contract, tuple(notes), known.licence if known else None)


def _add_pack(
    source: Path, models_dir: Path, name: str, preset: str | None, overrides: Mapping[str, Any]
) -> AddedModel:
    """The models of a folder or archive, in a folder of ``models_dir`` with the contract of its face model."""
    target = models_dir / name
    if source.is_dir():
        given = read_pack(source)
        if target.exists() and weights_sha256(read_pack(target).model) != weights_sha256(given.model):
            raise ConflictError(f"There is another model called {name}: choose a name with --name.")
        if not target.exists():
            models_dir.mkdir(parents=True, exist_ok=True)
            with whole_folder(target) as folder:
                for model in filter(None, (given.model, given.detector)):
                    for part in model_files(model):
                        place = folder / part.relative_to(source)
                        place.parent.mkdir(parents=True, exist_ok=True)
                        shutil.copyfile(part, place)
    else:
        unpack(source, target)
    pack = read_pack(target)
    notes: list[str] = []
    preset = preset or ("arcface" if pack.licence else None)
    contract = try_out(pack.model, preset=preset, overrides={"name": name, **overrides}, notes=notes)
    if contract is not None:
        detector = detector_settings(kept_settings(pack.model, overrides))
        with whole_file(pack.model.with_suffix(".toml")) as stream:
            stream.write(_toml(contract, detector).encode())
    notes.append(
        f"Use it with --model {name}: model {pack.model.name}, detector {pack.detector.name if pack.detector else 'none'}."
    )
    return AddedModel(target, contract, tuple(notes), pack.licence)


def _is_broken(model: Path) -> bool:
    try:
        model_files(model)
    except ModelError:
        return True
    return False


def _file_name(name: str) -> str:
    if not name.strip() or name.strip(".") == "" or name.startswith((".", "-")) or set(name) & set("/\\\0\n"):
        raise UsageError(f"A model name is a plain file name, not {name!r}: choose one with --name.")
    if len(os.fsencode(name)) > 200:
        raise UsageError("A model name has at most 200 bytes: choose one with --name.")
    return name


def _copy(source: Path, parts: tuple[Path, ...], target: Path) -> None:
    """Copy the files of a model so that ``target`` is there with all of them or not at all."""
    if len(parts) == 1:
        target.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(target) as stream, source.open("rb") as original:
            shutil.copyfileobj(original, stream, 1 << 20)
        return
    target.parent.parent.mkdir(parents=True, exist_ok=True)
    with whole_folder(target.parent) as folder:
        for part in parts:
            place = folder / (target.name if part == source else part.relative_to(source.parent))
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(part, place)


def _toml(contract: ModelContract, detector: Mapping[str, Any]) -> str:
    lines = {
        "name": contract.name,
        "size": list(contract.input_size),
        "layout": contract.layout,
        "colour": contract.colour,
        "mean": list(contract.mean),
        "std": list(contract.std),
        "template": contract.template,
        "margin": contract.margin,
        "output": contract.output_name,
        "precision": contract.precision,
        "faces": contract.faces,
    }
    # JSON strings, numbers and lists are TOML values as well.
    text = "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in lines.items())
    if detector:
        text += "\n[detector]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in detector.items())
    return text


def pull(
    name: str, models_dir: Path, reporter: Reporter, *, base_url: str | None = None
) -> tuple[Path, registry.KnownModel]:
    """Fetch a known model into ``models_dir``, resumed and verified, from ``base_url`` (default: where it is published).

    Raises NotFoundError for an unknown name, ModelError that says what to do.
    """
    known = registry.known(name)
    with reporter.task(f"pull {name}", known.size, "bytes") as task:
        done = 0

        def progress(here: int, _total: int) -> None:
            nonlocal done
            task.advance(here - done)
            done = here

        return registry.pull(name, models_dir, base_url=base_url or registry.BASE_URL, progress=progress), known


def find_contract(db: Database, name: str, models_dir: Path) -> ModelRow:
    """The contract of a name or digest, else of a file in ``models_dir``; raises NotFoundError, ConflictError when several fit."""
    with closing(db.open()) as conn, translated(db.dsn):
        model = model_rows.model_by_name(conn, name)
    if model is not None:
        return model
    path = file_of(name, models_dir)
    if path is None:
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
        found = weights_sha256(Path(path))
        if found != expected:
            raise ModelError(f"{path} has changed: its sha256 is {found[:12]}…, the contract says {expected[:12]}….")
        rows.append((what, f"{path}, sha256 {expected[:12]}…"))
    face_model = FaceModel(model.weights_path, contract, provider=contract.provider)
    grey = np.full((1, *contract.input_size, 3), 127, np.uint8)
    vector = face_model.run(grey)
    rows.append(("output", f"{vector.shape[1]} values, {'finite' if np.isfinite(vector).all() else 'NOT finite'}"))
    return rows
