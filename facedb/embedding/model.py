"""The face model: aligned crops in, raw vectors out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facedb.core.counting import counted
from facedb.core.errors import ModelError
from facedb.core.records import Float32Array
from facedb.embedding.contract import ModelContract
from facedb.embedding.model_files.model_hash import weights_sha256
from facedb.embedding.session import choose_provider, graph_of, run_session

Crops = NDArray[np.uint8]


class FaceModel:
    """One ONNX face model under one contract; calls may come from several threads at a time.

    ``contract`` names the provider and the precision that really run. A vector never depends on its neighbours: on
    the CPU every crop has a call of its own (black crops fill up a batch that the graph fixes), and on a GPU every
    call has the same size ``batch``, filled up with black. ``note`` says why "auto" left a GPU unused, if it did.
    Raises ModelError where file and contract do not fit, and where CUDA was asked for and does not load.
    """

    def __init__(
        self, path: Path | str, contract: ModelContract, *, provider: str = "auto", batch: int | None = None
    ) -> None:
        path = Path(path)
        if weights_sha256(path) != contract.weights_sha256:
            raise ModelError(
                f"{path.name} is not the model of the contract (its sha256 differs): give the one that it names."
            )
        precision = "float32" if provider == "cpu" and contract.precision == "tf32" else contract.precision
        actual, self._session, self.note = choose_provider(path, provider, precision)
        if actual == "cpu" and precision == "tf32":
            precision = "float32"
        self.contract = contract.on(actual, precision)
        fixed = graph_of(self._session).inputs[0].shape[0]
        if fixed is not None and batch is not None and actual == "cuda" and batch != fixed:
            raise ModelError(f"{path.name} takes exactly {fixed} pictures a call; leave --batch out.")
        self.batch = fixed or (1 if actual == "cpu" else batch or 64)
        self._together = 1 if actual == "cpu" else self.batch
        self._mean = np.asarray(contract.mean, dtype=np.float32)
        self._std = np.asarray(contract.std, dtype=np.float32)
        if contract.dtype == "uint8" and (self._mean.any() or (self._std != 1).any()):
            raise ModelError(f"{path.name} takes uint8 pixels, so its mean is 0 and its std 1.")

    def run(self, crops: Crops) -> Float32Array:
        """Raw vectors float32 (n, dim) of crops uint8 (n, height, width, 3) RGB, n any number."""
        vectors = np.empty((len(crops), self.contract.dim), dtype=np.float32)
        for start in range(0, len(crops), self._together):
            part = crops[start : start + self._together]
            vectors[start : start + len(part)] = self._call(part)
        return vectors

    def _call(self, crops: Crops) -> Float32Array:
        count = len(crops)
        if count < self.batch:
            filled = np.zeros((self.batch, *crops.shape[1:]), dtype=np.uint8)
            filled[:count] = crops
            crops = filled
        outputs = run_session(self._session, self.contract.input_name, self._tensor(crops), [self.contract.output_name])
        answer = outputs[0]
        if answer.shape[:2] != (self.batch, self.contract.dim) or answer.size != self.batch * self.contract.dim:
            raise ModelError(
                f"The model returned {list(answer.shape)} for {counted(self.batch, 'picture')}; "
                f"its contract says vectors of dimension {self.contract.dim}."
            )
        return answer.reshape(self.batch, self.contract.dim)[:count].astype(np.float32)

    def _tensor(self, crops: Crops) -> NDArray[Any]:
        contract = self.contract
        ordered = crops[..., ::-1] if contract.colour == "bgr" else crops
        if contract.layout == "NCHW":
            ordered = ordered.transpose(0, 3, 1, 2)
        if contract.dtype == "uint8":
            return np.ascontiguousarray(ordered)
        values = ordered.astype(np.float32, order="C")
        channel = (1, 3, 1, 1) if contract.layout == "NCHW" else (1, 1, 1, 3)
        if self._mean.any():
            values -= self._mean.reshape(channel)
        if (self._std != 1).any():
            values /= self._std.reshape(channel)
        return values.astype(contract.dtype, copy=False)
