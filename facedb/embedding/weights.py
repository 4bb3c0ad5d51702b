"""The hash that identifies a model file."""

from __future__ import annotations

import hashlib
from pathlib import Path

from facedb.core.errors import ModelError

_CHUNK = 1 << 20


def weights_sha256(path: Path) -> str:
    """sha256 of a model file in hex; of both in turn where a side file (``x.onnx.data``) holds its weights.

    Raises ModelError where the file cannot be read.
    """
    digest = hashlib.sha256()
    try:
        for part in (path, *_side_files(path)):
            with part.open("rb") as stream:
                while chunk := stream.read(_CHUNK):
                    digest.update(chunk)
    except FileNotFoundError:
        raise ModelError(
            f"There is no model file {path}; check the path, or get it with 'facedb model pull'."
        ) from None
    except OSError as fault:
        raise ModelError(f"The model file {path} cannot be read: {fault.strerror or fault}.") from fault
    return digest.hexdigest()


def _side_files(path: Path) -> list[Path]:
    names = (f"{path.name}.data", f"{path.name}_data", f"{path.stem}.data")
    return [side for name in names if (side := path.with_name(name)).is_file()]
