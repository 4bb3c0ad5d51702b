"""Models in several files: every file that the graph names is part of the model, and none outside its folder is."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from facedb.core.errors import ModelError
from facedb.embedding.model_files.model_hash import model_files, weights_sha256
from facedb.embedding.model_files.onnxfile import external_data
from facedb.embedding.session import open_session


def outside(name: str, location: str, values: np.ndarray, offset: int | None = None) -> onnx.TensorProto:
    """A float tensor whose values lie in another file."""
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=values.shape)
    tensor.data_location = TensorProto.EXTERNAL
    entries = {"location": location, "length": str(values.nbytes)} | ({} if offset is None else {"offset": str(offset)})
    for key, value in entries.items():
        tensor.external_data.add(key=key, value=value)
    return tensor


VALUES = np.arange(12, dtype=np.float32).reshape(3, 4)


def plain(path: Path, *locations: str) -> Path:
    """x @ w for every location in turn, its weights there (4 x 4); the files are written where the path allows it."""
    square = np.eye(4, dtype=np.float32)
    nodes, last, initial = [], "x", []
    for k, location in enumerate(locations):
        initial.append(outside(f"w{k}", location, square))
        nodes.append(helper.make_node("MatMul", [last, f"w{k}"], [f"y{k}"]))
        last = f"y{k}"
        if not location.startswith("/") and ".." not in location:
            (path.parent / location).parent.mkdir(parents=True, exist_ok=True)
            (path.parent / location).write_bytes((square * (k + 1)).tobytes())
    nodes.append(helper.make_node("Identity", [last], ["out"]))
    return written(path, nodes, initial)


def written(path: Path, nodes: list[onnx.NodeProto], initial: list[onnx.TensorProto]) -> Path:
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes, "g", [value("x", TensorProto.FLOAT, [1, 4])], [value("out", TensorProto.FLOAT, None)], initial
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model.SerializeToString())
    return path


def in_a_branch(path: Path) -> Path:
    """Weights of the branches of an If: one in its initialisers, one as the value of a Constant node."""
    value = helper.make_tensor_value_info
    row = np.ones((1, 4), np.float32)
    for name in ("then.bin", "else.bin"):
        (path.parent / name).write_bytes(row.tobytes())
    then = helper.make_graph(
        [helper.make_node("Identity", ["a"], ["t"])],
        "then",
        [],
        [value("t", TensorProto.FLOAT, [1, 4])],
        [outside("a", "then.bin", row)],
    )
    other = helper.make_graph(
        [helper.make_node("Constant", [], ["e"], value=outside("b", "else.bin", row))],
        "else",
        [],
        [value("e", TensorProto.FLOAT, [1, 4])],
    )
    nodes = [
        helper.make_node("ReduceSum", ["x"], ["sum"], keepdims=0),
        helper.make_node("Cast", ["sum"], ["yes"], to=TensorProto.BOOL),
        helper.make_node("If", ["yes"], ["out"], then_branch=then, else_branch=other),
    ]
    return written(path, nodes, [])


def names(path: Path) -> list[str]:
    return [str(file.relative_to(path.parent)) for file in model_files(path)]


def test_a_graph_that_holds_its_weights_is_hashed_as_its_file(tmp_path: Path) -> None:
    path = written(
        tmp_path / "m.onnx",
        [helper.make_node("MatMul", ["x", "w"], ["out"])],
        [numpy_helper.from_array(np.eye(4), "w")],
    )
    (tmp_path / "m.onnx.data").write_bytes(b"left behind by another export")
    assert names(path) == ["m.onnx"]
    assert weights_sha256(path) == hashlib.sha256(path.read_bytes()).hexdigest()


def test_one_side_file_counts_after_the_graph_whatever_it_is_called(tmp_path: Path) -> None:
    for location in ("m.onnx.data", "weights.bin", "parts/0/deep.dat", "größe ü.data"):
        path = plain(tmp_path / location.replace("/", "-") / "m.onnx", location)
        assert names(path) == ["m.onnx", location]
        both = path.read_bytes() + (path.parent / location).read_bytes()
        assert weights_sha256(path) == hashlib.sha256(both).hexdigest()
        open_session(path)


def test_bytes_that_move_from_one_side_file_to_the_next_change_the_hash(tmp_path: Path) -> None:
    path = plain(tmp_path / "m.onnx", "a.bin", "b.bin", "a.bin")
    assert names(path) == ["m.onnx", "a.bin", "b.bin"]
    before = weights_sha256(path)
    a, b = tmp_path / "a.bin", tmp_path / "b.bin"
    everything = a.read_bytes() + b.read_bytes()
    a.write_bytes(everything[:-64] + b"!" * 4)
    b.write_bytes(everything[-64:])
    moved = weights_sha256(path)
    a.write_bytes(everything[:-64])
    b.write_bytes(b"!" * 4 + everything[-64:])
    assert len({before, moved, weights_sha256(path)}) == 3


def test_weights_in_the_branches_of_a_graph_and_in_constants_are_found(tmp_path: Path) -> None:
    path = in_a_branch(tmp_path / "m.onnx")
    assert names(path) == ["m.onnx", "else.bin", "then.bin"]
    before = weights_sha256(path)
    (tmp_path / "else.bin").write_bytes(bytes(16))
    assert weights_sha256(path) != before


def test_the_reader_agrees_with_the_package_onnx_on_every_location(tmp_path: Path) -> None:
    path = plain(tmp_path / "m.onnx", *(f"part{k}.bin" for k in range(7)))
    model = onnx.load(path, load_external_data=False)
    expected = sorted(
        entry.value for tensor in model.graph.initializer for entry in tensor.external_data if entry.key == "location"
    )
    assert [(one.location, one.end) for one in external_data(path)] == [(location, 64) for location in expected]


def link_out(path: Path) -> None:
    (path.parent / "w.bin").unlink()
    (path.parent / "w.bin").symlink_to(path.parent.parent / "secret.bin")


def cut(path: Path) -> None:
    (path.parent / "w.bin").write_bytes(b"\0" * 63)


def nothing(_path: Path) -> None:
    pass


@pytest.mark.parametrize(
    ("location", "spoil", "sentence"),
    [
        ("/etc/passwd", nothing, "not a file below its own folder"),
        ("../secret.bin", nothing, "not a file below its own folder"),
        ("parts/../../secret.bin", nothing, "not a file below its own folder"),
        ("", nothing, "not a file below its own folder"),
        ("*/_ORT_MEM_ADDR_/*", nothing, "not a file below its own folder"),
        ("w.bin", link_out, "leads out of its folder"),
        ("w.bin", cut, "is cut short: it has 63 bytes of at least 64"),
        ("w.bin", lambda path: (path.parent / "w.bin").unlink(), "which is not beside it"),
    ],
)
def test_weights_that_are_missing_cut_or_outside_are_refused_before_anything_is_read(
    tmp_path: Path, location: str, spoil: Callable[[Path], object], sentence: str
) -> None:
    (tmp_path / "secret.bin").write_bytes(np.eye(4, dtype=np.float32).tobytes())
    folder = tmp_path / "model"
    folder.mkdir()
    path = plain(folder / "m.onnx", *(["w.bin"] if location == "w.bin" else []))
    if location != "w.bin":
        nodes = [helper.make_node("MatMul", ["x", "w"], ["out"])]
        written(path, nodes, [outside("w", location, np.eye(4, dtype=np.float32))])
    spoil(path)
    for read in (weights_sha256, open_session):
        with pytest.raises(ModelError, match=sentence):
            read(path)


def test_a_download_cache_that_keeps_both_files_behind_links_is_read(tmp_path: Path) -> None:
    path = plain(tmp_path / "blobs" / "m.onnx", "m.onnx.data")
    seen = tmp_path / "snapshots" / "main"
    seen.mkdir(parents=True)
    for name in ("m.onnx", "m.onnx.data"):
        (seen / name).symlink_to(Path("../../blobs") / name)
    assert weights_sha256(seen / "m.onnx") == weights_sha256(path)
    open_session(seen / "m.onnx")


def test_a_graph_nested_without_end_is_refused(tmp_path: Path) -> None:
    message = b""
    for _ in range(100):
        # attribute.g -> graph.node -> node.attribute
        for number in (6, 5, 1):
            message = bytes([number << 3 | 2]) + _varint(len(message)) + message
    path = tmp_path / "deep.onnx"
    path.write_bytes(b"\x08\x09" + b"\x3a" + _varint(len(message)) + message)
    with pytest.raises(ModelError, match="levels deep"):
        weights_sha256(path)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])
