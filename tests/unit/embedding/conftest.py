"""Tiny ONNX models, run by the real ONNX Runtime, and pictures to feed them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

SIDE = 32
DIM = 6
_TYPES = {"float32": TensorProto.FLOAT, "float16": TensorProto.FLOAT16, "uint8": TensorProto.UINT8}

MakeModel = Callable[..., Path]


def build_model(
    path: Path,
    *,
    layout: str = "NCHW",
    dtype: str = "float32",
    batch: int | None = None,
    side: int | None = SIDE,
    channels: int = 3,
    kind: str = "good",
    outputs: Sequence[str] = ("embedding",),
    dim: int = DIM,
    seed: int = 1,
) -> Path:
    """An ONNX file whose vector is a fixed random projection of 4 x 4 block means; ``kind`` nan or zero spoils it.

    Output names decide what they carry: "embedding*" the vector, "map" the block means (4-d), "pooled" (n, d, 1, 1).
    """
    real_side = side or SIDE
    count: Any = "n" if batch is None else batch
    extent: Any = "s" if side is None else side
    shape = [count, channels, extent, extent] if layout == "NCHW" else [count, extent, extent, channels]
    nodes, last = [], "data"
    if dtype != "float32":
        nodes.append(helper.make_node("Cast", [last], ["wide"], to=TensorProto.FLOAT))
        last = "wide"
    if layout == "NHWC":
        nodes.append(helper.make_node("Transpose", [last], ["first"], perm=[0, 3, 1, 2]))
        last = "first"
    block = real_side // 4
    nodes.append(helper.make_node("AveragePool", [last], ["map"], kernel_shape=[block] * 2, strides=[block] * 2))
    nodes.append(helper.make_node("Flatten", ["map"], ["flat"]))
    weights = np.random.default_rng(seed).standard_normal((channels * 16, dim)).astype(np.float32)
    if kind == "zero":
        weights[:] = 0
    initial = [numpy_helper.from_array(weights, "w")]
    nodes.append(helper.make_node("MatMul", ["flat", "w"], ["product"]))
    vector = "product"
    if kind == "nan":
        nodes.append(helper.make_node("Sub", ["product", "product"], ["nothing"]))
        nodes.append(helper.make_node("Div", ["nothing", "nothing"], ["spoilt"]))
        vector = "spoilt"
    infos = []
    out_type = TensorProto.FLOAT16 if dtype == "float16" else TensorProto.FLOAT
    for name in outputs:
        if name == "map":
            infos.append(helper.make_tensor_value_info("map", TensorProto.FLOAT, [count, channels, 4, 4]))
            continue
        produced = vector
        if name == "pooled":
            initial.append(numpy_helper.from_array(np.array([2, 3], dtype=np.int64), "axes"))
            nodes.append(helper.make_node("Unsqueeze", [vector, "axes"], ["deep"]))
            produced = "deep"
        nodes.append(helper.make_node("Cast", [produced], [name], to=out_type))
        infos.append(
            helper.make_tensor_value_info(name, out_type, [count, dim, 1, 1] if name == "pooled" else [count, dim])
        )
    graph = helper.make_graph(
        nodes, "face", [helper.make_tensor_value_info("data", _TYPES[dtype], shape)], infos, initial
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())
    return path


def build_scrfd(
    path: Path, *, levels: int = 3, anchors: int = 2, landmarks: bool = True, batched: bool = False
) -> Path:
    """A graph with SCRFD's signature and outputs without names: the score of a cell is its brightness.

    Every box reaches 1 stride to the left and up, 2 to the right and 3 down; landmark k lies k strides right of the centre.
    """
    nodes, initial, outputs = [], [], []
    reach = {4: [1, 1, 2, 3], 10: [value for k in range(5) for value in (k, 0)]}
    kinds = [1, 4, 10] if landmarks else [1, 4]
    initial.append(numpy_helper.from_array(np.array([-1, 1] if not batched else [1, -1, 1], np.int64), "column"))
    nodes.append(helper.make_node("ReduceMean", ["input.1"], ["grey"], axes=[1], keepdims=1))
    for level in range(levels):
        stride = 8 << level
        nodes.append(
            helper.make_node("AveragePool", ["grey"], [f"cell{level}"], kernel_shape=[stride] * 2, strides=[stride] * 2)
        )
        initial.append(numpy_helper.from_array(np.array([-1, 1], np.int64), f"flat{level}"))
        nodes.append(helper.make_node("Reshape", [f"cell{level}", f"flat{level}"], [f"one{level}"]))
        # The second anchor of a cell is a little less sure, so that it is the one that goes.
        initial.append(numpy_helper.from_array(1 - 0.1 * np.arange(anchors, dtype=np.float32)[None], f"each{level}"))
        nodes.append(helper.make_node("MatMul", [f"one{level}", f"each{level}"], [f"two{level}"]))
        nodes.append(helper.make_node("Reshape", [f"two{level}", "column"], [f"score{level}"]))
    for kind in kinds:
        for level in range(levels):
            name = str(400 + 10 * kind + level)
            if kind == 1:
                nodes.append(helper.make_node("Identity", [f"score{level}"], [name]))
            else:
                initial.append(numpy_helper.from_array(np.zeros((1, kind), np.float32), f"none{name}"))
                initial.append(numpy_helper.from_array(np.array([reach[kind]], np.float32), f"reach{name}"))
                nodes.append(helper.make_node("MatMul", [f"score{level}", f"none{name}"], [f"zero{name}"]))
                nodes.append(helper.make_node("Add", [f"zero{name}", f"reach{name}"], [name]))
            outputs.append(
                helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, "c", kind] if batched else ["c", kind])
            )
    source = helper.make_tensor_value_info("input.1", TensorProto.FLOAT, [1, 3, "h", "w"])
    graph = helper.make_graph(nodes, "scrfd", [source], outputs, initial)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())
    return path


@pytest.fixture
def make_model(tmp_path: Path) -> MakeModel:
    """Writes a tiny model into the test's folder and returns its path."""

    def make(name: str = "tiny.onnx", **options: Any) -> Path:
        return build_model(tmp_path / name, **options)

    return make


def picture(width: int = 48, height: int = 40, seed: int = 0) -> Image.Image:
    """A smooth colourful RGB picture, different for every seed."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)


def encode(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """The bytes of a picture in a format."""
    stream = BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()
