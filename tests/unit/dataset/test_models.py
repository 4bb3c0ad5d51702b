"""Models that are kept by name: every file and every setting, and nothing that never ends."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from facedb.core.errors import ConflictError, ModelError, UsageError
from facedb.dataset import known_models, models
from facedb.embedding.model import FaceModel
from facedb.embedding.model_files.resolve import load_contract
from facedb.embedding.model_files.trial import try_out
from tests.unit.embedding.conftest import SIDE, MakeModel, build_model, build_scrfd

TOLD = {"colour": "rgb", "mean": "0", "std": "1", "template": "box"}


@pytest.fixture
def make_model(tmp_path: Path) -> MakeModel:
    """Writes a tiny model into the test's folder and returns its path."""
    return lambda name="tiny.onnx", **options: build_model(tmp_path / name, **options)


def add(source: Path, home: Path, name: str | None = None, **overrides: str) -> models.AddedModel:
    return models.add(source, home, name=name, preset=None, overrides=TOLD | overrides)


def in_parts(path: Path, make_model: MakeModel, location: str, seed: int = 1) -> Path:
    """The tiny model with its weights in another file."""
    model = onnx.load(make_model(f"whole{seed}.onnx", seed=seed))
    path.parent.mkdir(parents=True, exist_ok=True)
    (path.parent / location).parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, path, save_as_external_data=True, location=location, size_threshold=0)
    return path


@pytest.mark.parametrize("location", ["face.onnx.data", "weights.bin", "parts/w.dat"])
def test_a_model_in_two_files_is_kept_whole_and_gives_the_same_vectors(
    tmp_path: Path, make_model: MakeModel, location: str
) -> None:
    source = in_parts(tmp_path / "given" / "face.onnx", make_model, location)
    added = add(source, tmp_path / "models", "mine")
    assert known_models.find_file("mine", tmp_path / "models") == added.path
    assert known_models.files(tmp_path / "models") == [added.path]
    before = load_contract(source, overrides=TOLD)
    crops = np.random.default_rng(0).integers(0, 256, (2, SIDE, SIDE, 3), dtype=np.uint8)
    expected = FaceModel(source, before, provider="cpu").run(crops)
    shutil.rmtree(tmp_path / "given")
    kept = load_contract(added.path)
    assert kept.digest() == before.digest()
    assert FaceModel(added.path, kept, provider="cpu").run(crops).tobytes() == expected.tobytes()


def test_two_models_whose_side_files_share_a_name_live_side_by_side(tmp_path: Path, make_model: MakeModel) -> None:
    kept = [
        add(in_parts(tmp_path / f"{k}" / "face.onnx", make_model, "weights.bin", seed=k), tmp_path / "models", f"m{k}")
        for k in (1, 2)
    ]
    assert len({load_contract(one.path).weights_sha256 for one in kept}) == 2


def test_other_weights_under_a_name_that_is_taken_are_refused(tmp_path: Path, make_model: MakeModel) -> None:
    source = in_parts(tmp_path / "given" / "face.onnx", make_model, "weights.bin")
    add(source, tmp_path / "models")
    add(source, tmp_path / "models")
    data = source.with_name("weights.bin")
    data.write_bytes(data.read_bytes()[::-1])
    with pytest.raises(ConflictError, match="another model called face"):
        add(source, tmp_path / "models")


def test_half_a_model_that_an_earlier_version_kept_is_replaced(tmp_path: Path, make_model: MakeModel) -> None:
    source = in_parts(tmp_path / "given" / "face.onnx", make_model, "weights.bin")
    (tmp_path / "models").mkdir()
    shutil.copy(source, tmp_path / "models" / "face.onnx")
    added = add(source, tmp_path / "models")
    assert known_models.find_file("face", tmp_path / "models") == added.path
    load_contract(added.path)


def test_every_setting_that_set_takes_is_kept(tmp_path: Path, make_model: MakeModel) -> None:
    given = {
        "name": "other",
        "size": "32",
        "layout": "NCHW",
        "colour": "bgr",
        "mean": "1,2,3",
        "std": "4",
        "template": "arcface",
        "margin": "0.2",
        "output": "embedding",
        "precision": "tf32",
        "faces": "all",
        "detector.min_side": "64",
        "detector.max_side": "1280",
        "detector.score_threshold": "0.6",
        "detector.nms_iou": "0.25",
    }
    detector = build_scrfd(tmp_path / "detector.onnx")
    added = models.add(make_model(), tmp_path / "models", name="kept", preset=None, overrides=given)
    said = load_contract(make_model(), detector=detector, overrides=given)
    assert load_contract(added.path, detector=detector) == said
    assert said.detector is not None
    assert (said.faces, said.precision, said.detector.max_side) == ("all", "tf32", 1280)


def test_settings_beside_the_file_are_kept_and_an_option_wins(tmp_path: Path, make_model: MakeModel) -> None:
    source, detector = make_model(), build_scrfd(tmp_path / "detector.onnx")
    source.with_suffix(".toml").write_text('faces = "all"\n[detector]\nmax_side = 960\nmin_side = 128\n')
    added = models.add(
        source, tmp_path / "models", name="kept", preset=None, overrides=TOLD | {"detector.max_side": "1280"}
    )
    contract = load_contract(added.path, detector=detector)
    assert contract.detector is not None
    assert (contract.faces, contract.detector.min_side, contract.detector.max_side) == ("all", 128, 1280)


def test_a_preset_can_be_given_as_a_setting(make_model: MakeModel) -> None:
    assert load_contract(make_model(side=112), overrides={"preset": "sface"}).colour == "bgr"


@pytest.mark.parametrize("setting", [{"detector.max_side": "9999"}, {"detector.nms_iou": "x"}, {"precision": "int4"}])
def test_a_setting_that_cannot_be_is_refused_and_nothing_is_kept(
    tmp_path: Path, make_model: MakeModel, setting: dict[str, str]
) -> None:
    with pytest.raises(ModelError):
        add(make_model(), tmp_path / "models", **setting)
    assert known_models.files(tmp_path / "models") == []


@pytest.mark.parametrize("name", ["..", ".", "", "  ", "a/b", "../a", "a\\b", ".hidden", "-n", "a\0b", "x" * 201])
def test_a_name_that_is_no_file_name_is_refused(tmp_path: Path, make_model: MakeModel, name: str) -> None:
    with pytest.raises(UsageError, match="name"):
        add(make_model(), tmp_path / "models", name)
    assert not (tmp_path / "models").exists()


def program(path: Path, nodes: list[onnx.NodeProto], initial: list[onnx.TensorProto]) -> Path:
    """A graph with a picture as its input and a vector of any length as its output."""
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "program",
        [value("x", TensorProto.FLOAT, ["n", 3, SIDE, SIDE])],
        [value("out", TensorProto.FLOAT, ["n", "d"])],
        initial,
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


def loop(path: Path, body_nodes: list[onnx.NodeProto]) -> Path:
    """Rounds without end over the flat picture ``v`` -> ``w``."""
    value = helper.make_tensor_value_info
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), *body_nodes],
        "body",
        [value("i", TensorProto.INT64, []), value("go", TensorProto.BOOL, []), value("v", TensorProto.FLOAT, None)],
        [value("on", TensorProto.BOOL, []), value("w", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.array([1, 2], np.int64), "twice")],
    )
    nodes = [
        helper.make_node("Flatten", ["x"], ["flat"]),
        helper.make_node("Loop", ["rounds", "yes", "flat"], ["out"], body=body),
    ]
    initial = [numpy_helper.from_array(np.array(2**62), "rounds"), numpy_helper.from_array(np.array(True), "yes")]
    return program(path, nodes, initial)


def test_a_model_that_never_ends_is_refused_in_time(tmp_path: Path) -> None:
    path = loop(tmp_path / "endless.onnx", [helper.make_node("Add", ["v", "v"], ["w"])])
    with pytest.raises(ModelError, match="may never end"):
        try_out(path, overrides=TOLD, limit_s=1)
    with pytest.raises(ModelError, match="may never end"):
        load_contract(path, overrides=TOLD, limit_s=1)


def test_a_model_that_grows_without_end_is_refused_before_it_takes_the_memory(tmp_path: Path) -> None:
    path = loop(tmp_path / "growing.onnx", [helper.make_node("Tile", ["v", "twice"], ["w"])])
    with pytest.raises(ModelError) as caught:
        try_out(path, overrides=TOLD, limit_s=20, memory=1 << 30)
    assert str(caught.value).count("\n") == 0


def test_a_model_that_asks_for_more_memory_than_there_is_is_refused(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("ConstantOfShape", ["shape"], ["huge"]),
        helper.make_node("ReduceSum", ["huge"], ["sum"], keepdims=0),
        helper.make_node("Flatten", ["x"], ["flat"]),
        helper.make_node("Add", ["flat", "sum"], ["out"]),
    ]
    shape = numpy_helper.from_array(np.array([100_000, 20_000], np.int64), "shape")
    with pytest.raises(ModelError, match="memory"):
        try_out(program(tmp_path / "huge.onnx", nodes, [shape]), overrides=TOLD)
