"""From a model file to its contract: flags, TOML, presets, known weights, the graph, in this order."""

from __future__ import annotations

from pathlib import Path

import pytest

from facedb.core.errors import ModelError
from facedb.embedding.model_files.model_hash import weights_sha256
from facedb.embedding.model_files.presets import PRESETS
from facedb.embedding.model_files.resolve import load_contract
from tests.unit.embedding.conftest import DIM, SIDE, MakeModel, build_scrfd

TOLD = {"colour": "rgb", "mean": "0", "std": "1", "template": "box"}


def beside(model: Path, text: str) -> None:
    model.with_suffix(".toml").write_text(text, encoding="utf-8")


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("dtype", ["float32", "float16", "uint8"])
@pytest.mark.parametrize("batch", [None, 1, 4])
def test_the_graph_says_names_layout_type_size_and_dimension(
    make_model: MakeModel, layout: str, dtype: str, batch: int | None
) -> None:
    path = make_model(layout=layout, dtype=dtype, batch=batch)
    contract = load_contract(path, overrides=TOLD)
    assert (contract.input_name, contract.output_name) == ("data", "embedding")
    assert (contract.layout, contract.dtype, contract.input_size) == (layout, dtype, (SIDE, SIDE))
    assert contract.dim == DIM
    assert contract.weights_sha256 == weights_sha256(path)
    assert contract.precision == ("float16" if dtype == "float16" else "float32")


def test_nothing_known_names_the_options_to_give(make_model: MakeModel) -> None:
    with pytest.raises(ModelError, match=r"colour, mean, std, template.*--preset"):
        load_contract(make_model())


def test_112_pixels_are_taken_for_arcface_and_that_is_said(make_model: MakeModel) -> None:
    notes: list[str] = []
    contract = load_contract(make_model(side=112), notes=notes)
    assert contract.mean == PRESETS["arcface"].mean
    assert contract.colour == "rgb"
    assert len(notes) == 1
    assert "--preset" in notes[0]


def test_a_preset_gives_what_the_graph_does_not_say(make_model: MakeModel) -> None:
    contract = load_contract(make_model(side=None), overrides={"size": "32x32", **TOLD})
    assert contract.input_size == (32, 32)
    sface = load_contract(make_model("s.onnx", side=112), preset="sface")
    assert (sface.colour, sface.mean, sface.std) == ("bgr", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


def test_the_toml_beside_the_model_is_read(make_model: MakeModel) -> None:
    path = make_model()
    beside(
        path,
        'name = "mine"\ncolour = "bgr"\nmean = [1, 2, 3.5]\nstd = 128\ntemplate = "box"\nmargin = 0.2\nfaces = "all"\n',
    )
    contract = load_contract(path)
    assert contract.name == "mine"
    assert contract.mean == (1.0, 2.0, 3.5)
    assert contract.std == (128.0, 128.0, 128.0)
    assert (contract.colour, contract.template, contract.margin, contract.faces) == ("bgr", "box", 0.2, "all")


def test_explicit_beats_preset_beats_toml(make_model: MakeModel) -> None:
    path = make_model(side=112)
    beside(path, 'colour = "bgr"\nmean = 3\nstd = 2\ntemplate = "box"\nfaces = "all"\nname = "kept"\n')
    by_preset = load_contract(path, preset="arcface")
    assert (by_preset.colour, by_preset.mean[0], by_preset.faces, by_preset.name) == ("rgb", 127.5, "all", "kept")
    by_flag = load_contract(path, preset="arcface", faces="error", overrides={"mean": "9"})
    assert (by_flag.mean[0], by_flag.faces) == (9.0, "error")


def test_a_toml_may_start_from_a_preset(make_model: MakeModel) -> None:
    path = make_model(side=112)
    beside(path, 'preset = "sface"\nmean = 5\n')
    contract = load_contract(path)
    assert (contract.colour, contract.mean[0]) == ("bgr", 5.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('color = "rgb"', "did you mean 'colour'"),
        ("mean = ", "not valid TOML"),
        ('preset = "arcfase"', "Did you mean 'arcface'"),
        ("mean = [1, 2]", "one number or three"),
        ('mean = "dark"', "is a number"),
        ('size = "huge"', "112x112"),
        ('output = "nothing"', "has no output 'nothing'"),
        ('layout = "CHW"', "NCHW or NHWC"),
    ],
)
def test_a_wrong_toml_is_refused_with_the_reason(make_model: MakeModel, text: str, message: str) -> None:
    path = make_model(side=112)
    beside(path, text)
    with pytest.raises(ModelError, match=message):
        load_contract(path)


def test_a_size_that_the_graph_does_not_have_is_refused(make_model: MakeModel) -> None:
    with pytest.raises(ModelError, match="does not fit"):
        load_contract(make_model(), preset="arcface")


def test_a_free_size_needs_an_option(make_model: MakeModel) -> None:
    with pytest.raises(ModelError, match=r"'size'.*--preset"):
        load_contract(make_model(side=None), overrides=TOLD)


def test_a_grey_model_is_refused(make_model: MakeModel) -> None:
    with pytest.raises(ModelError, match="3 channels"):
        load_contract(make_model(channels=1), overrides=TOLD)


def test_of_several_outputs_the_only_flat_one_is_taken(make_model: MakeModel) -> None:
    contract = load_contract(make_model(outputs=("map", "embedding")), overrides=TOLD)
    assert contract.output_name == "embedding"


def test_several_flat_outputs_need_a_name(make_model: MakeModel) -> None:
    path = make_model(outputs=("embedding", "embedding_b"))
    with pytest.raises(ModelError, match=r"several outputs.*'output'"):
        load_contract(path, overrides=TOLD)
    assert load_contract(path, overrides={**TOLD, "output": "embedding_b"}).output_name == "embedding_b"


def test_a_map_is_no_vector(make_model: MakeModel) -> None:
    with pytest.raises(ModelError, match="a map, not one vector"):
        load_contract(make_model(outputs=("map", "embedding")), overrides={**TOLD, "output": "map"})


def test_a_vector_with_trailing_ones_is_a_vector(make_model: MakeModel) -> None:
    assert load_contract(make_model(outputs=("pooled",)), overrides=TOLD).dim == DIM


@pytest.mark.parametrize("content", [b"", b"not a model at all", b"\x08\x07" * 40, b"\x08\x09:\x04junk"])
def test_a_file_that_is_no_model_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "junk.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"^junk\.onnx is |cannot load junk\.onnx"):
        load_contract(path)


def test_a_missing_model_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no model file"):
        load_contract(tmp_path / "absent.onnx")


def test_the_detector_settings_reach_its_contract(make_model: MakeModel, tmp_path: Path) -> None:
    detector = build_scrfd(tmp_path / "detector.onnx")
    settings = {**TOLD, "detector.score_threshold": "0.5", "detector.max_side": "960"}
    contract = load_contract(make_model(), detector=detector, overrides=settings)
    assert contract.detector is not None
    assert contract.detector.weights_sha256 == weights_sha256(detector)
    assert (contract.detector.score_threshold, contract.detector.max_side) == (0.5, 960)


def test_a_detector_without_landmarks_does_not_go_with_a_model_that_aligns(
    make_model: MakeModel, tmp_path: Path
) -> None:
    detector = build_scrfd(tmp_path / "detector.onnx", landmarks=False)
    with pytest.raises(ModelError, match="without landmarks"):
        load_contract(make_model(), detector=detector, overrides={**TOLD, "template": "arcface"})
    assert load_contract(make_model(), detector=detector, overrides={**TOLD, "template": "box"}).detector is not None


def test_a_face_model_is_no_detector_and_a_detector_no_face_model(make_model: MakeModel, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not a face detector"):
        load_contract(make_model(), detector=make_model("other.onnx"), overrides=TOLD)
    with pytest.raises(ModelError, match="is a face detector: give it as --detector"):
        load_contract(build_scrfd(tmp_path / "detector.onnx"))
