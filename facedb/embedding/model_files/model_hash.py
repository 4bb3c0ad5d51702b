"""The files that a model consists of, and the hash that identifies them."""

from __future__ import annotations

import hashlib
from pathlib import Path

from facedb.core.errors import ModelError
from facedb.embedding.model_files import foreign, onnxfile

_CHUNK = 1 << 20


def model_files(path: Path) -> tuple[Path, ...]:
    """The .onnx file, then every file that its graph keeps weights in, by name.

    Raises ModelError where a file cannot be read, is no ONNX model (said as what it is), or where the graph names a file that is
    missing, cut short or outside the folder of the model.
    """
    if not path.is_file():
        raise ModelError(f"There is no model file {path}; check the path, or get it with 'facedb model pull'.")
    try:
        return (path, *(onnxfile.resolve(path, one) for one in _external(path)))
    except OSError as fault:
        raise _unreadable(path, fault) from fault


def weights_sha256(path: Path) -> str:
    """sha256 (hex) of all that a model consists of: of one file its own, of two their bytes in turn.

    From the third file on each side file counts by its own sha256, so that bytes which move from one to the next change it.
    Raises ModelError as ``model_files`` does.
    """
    first, *others = model_files(path)
    digest = hashlib.sha256()
    try:
        _feed(digest, first)
        if len(others) == 1:
            _feed(digest, others[0])
        else:
            for other in others:
                with other.open("rb") as stream:
                    digest.update(hashlib.file_digest(stream, "sha256").digest())
    except OSError as fault:
        raise _unreadable(path, fault) from fault
    return digest.hexdigest()


def _external(path: Path) -> tuple[onnxfile.External, ...]:
    """The files that a graph keeps weights in, as it names them."""
    with path.open("rb") as stream:
        # ONNX Runtime's own format keeps its weights inside.
        if stream.read(8)[4:] == foreign.ORT_MAGIC:
            return ()
    try:
        return onnxfile.external_data(path)
    except onnxfile.NotProtobufError as fault:
        raise ModelError(foreign.sentence(path, str(fault))) from None


def _unreadable(path: Path, fault: OSError) -> ModelError:
    advice = (
        "give facedb the right to read it"
        if isinstance(fault, PermissionError)
        else "see to its disk, or fetch it again"
    )
    return ModelError(f"The model file {fault.filename or path} cannot be read: {fault.strerror or fault}; {advice}.")


def _feed(digest: hashlib._Hash, path: Path) -> None:
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
