"""Models by name: where their files are."""

from __future__ import annotations

from pathlib import Path

from facedb.core.errors import ModelError
from facedb.embedding.registry import KNOWN


def find_file(name: str, models_dir: Path) -> Path:
    """The .onnx file that ``name`` means: a path, or the name of a model in ``models_dir``.

    Raises ModelError that says how to get the file where there is none.
    """
    path = Path(name).expanduser()
    if path.is_file():
        return path
    candidates = [models_dir / name, models_dir / f"{name}.onnx"]
    candidates += [models_dir / model.file_name for model in KNOWN if model.name == name]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    if any(model.name == name for model in KNOWN):
        raise ModelError(f"The model {name} is not here yet: get it with `facedb model pull {name}`.")
    raise ModelError(f"There is no model file {name}: give the path of an .onnx file, or see `facedb model list`.")
