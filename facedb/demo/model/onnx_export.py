"""Writes the trained network as a small ONNX graph: batch normalisation folded, weights stored as float16."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np

from facedb.core.records import Float32Array

INPUT, OUTPUT = "image", "embedding"
EPSILON = 1e-5


def fold(weight: Float32Array, norm: dict[str, Float32Array]) -> tuple[Float32Array, Float32Array]:
    """A layer's ``weight`` (out, ...) and the batch normalisation after it, as one weight and one bias (out,)."""
    gain = norm["weight"] / np.sqrt(norm["running_var"] + EPSILON)
    shape = (-1,) + (1,) * (weight.ndim - 1)
    return weight * gain.reshape(shape), norm["bias"] - norm["running_mean"] * gain


class GraphWriter:
    """Collects the nodes of a chain, each taking the output of the one before."""

    def __init__(self, size: int) -> None:
        self._onnx: Any = importlib.import_module("onnx")
        self._size = size
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self._last = INPUT

    def add(self, operator: str, *inputs: str, **attributes: object) -> None:
        """Append a node that takes the last output and then ``inputs``."""
        output = f"{operator.lower()}_{len(self._nodes)}"
        self._nodes.append(self._onnx.helper.make_node(operator, [self._last, *inputs], [output], **attributes))
        self._last = output

    def constant(self, values: Float32Array, *, half: bool = True) -> str:
        """Store an array, as float16 where ``half`` says so, and return the name of its float32 value."""
        name = f"weight_{len(self._constants)}"
        stored = values.astype(np.float16 if half else np.float32)
        self._constants.append(self._onnx.numpy_helper.from_array(stored, name if not half else f"{name}_half"))
        if half:
            cast = self._onnx.helper.make_node("Cast", [f"{name}_half"], [name], to=self._onnx.TensorProto.FLOAT)
            self._nodes.append(cast)
        return name

    def write(self, path: Path, dimension: int) -> None:
        """Check the graph and write it, with a dynamic batch axis."""
        helper, proto = self._onnx.helper, self._onnx.TensorProto
        self._nodes[-1].output[0] = OUTPUT
        graph = helper.make_graph(
            self._nodes,
            "facedb-demo",
            [helper.make_tensor_value_info(INPUT, proto.FLOAT, ["batch", 3, self._size, self._size])],
            [helper.make_tensor_value_info(OUTPUT, proto.FLOAT, ["batch", dimension])],
            self._constants,
            doc_string="Embeds the procedural faces of the facedb demo. It knows nothing of real photographs.",
        )
        opset = [helper.make_opsetid("", 17)]
        model = helper.make_model(graph, producer_name="facedb.demo.model.train", opset_imports=opset, ir_version=8)
        self._onnx.checker.check_model(model, full_check=True)
        self._onnx.save(model, str(path))
