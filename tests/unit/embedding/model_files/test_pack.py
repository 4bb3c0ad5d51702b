"""Packs of several models: InsightFace's signatures as folders and as archives."""

from __future__ import annotations

import zipfile
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from facedb.core.errors import ConflictError, ModelError
from facedb.embedding.model_files.pack import is_pack, read_pack, unpack
from tests.unit.embedding.conftest import build_model, build_scrfd


def beside(path: Path, side: int, dim: int) -> Path:
    """A model that is neither detector nor face model: ``dim`` values of a picture of another size."""
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [
            helper.make_node("GlobalAveragePool", ["data"], ["one"]),
            helper.make_node("Flatten", ["one"], ["flat"]),
            helper.make_node("Concat", ["flat"] * dim, ["fc1"], axis=1),
        ],
        "beside",
        [value("data", TensorProto.FLOAT, ["n", 3, side, side])],
        [value("fc1", TensorProto.FLOAT, ["n", 3 * dim])],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


def buffalo(folder: Path, model: str = "w600k_r50.onnx", detector: str = "det_10g.onnx") -> Path:
    folder.mkdir()
    build_model(folder / model, side=112, dim=512)
    build_scrfd(folder / detector)
    beside(folder / "1k3d68.onnx", 192, 1103)
    beside(folder / "2d106det.onnx", 192, 70)
    beside(folder / "genderage.onnx", 96, 1)
    return folder


def zipped(folder: Path, archive: Path, prefix: str = "") -> Path:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        for file in sorted(folder.iterdir()):
            opened.write(file, prefix + file.name)
    return archive


@pytest.mark.parametrize(
    ("model", "detector"),
    [
        ("w600k_r50.onnx", "det_10g.onnx"),
        ("glintr100.onnx", "scrfd_10g_bnkps.onnx"),
        ("w600k_mbf.onnx", "det_500m.onnx"),
    ],
)
def test_a_pack_is_told_apart_by_its_signatures(tmp_path: Path, model: str, detector: str) -> None:
    folder = buffalo(tmp_path / "pack", model, detector)
    assert is_pack(folder)
    pack = read_pack(folder)
    assert (pack.model.name, pack.detector) == (model, folder / detector)
    assert pack.ignored == ("1k3d68.onnx", "2d106det.onnx", "genderage.onnx")
    assert pack.licence is not None
    assert "non-commercial" in pack.licence


def test_models_of_other_sizes_are_left_aside_whatever_they_are_called(tmp_path: Path) -> None:
    folder = buffalo(tmp_path / "pack")
    (folder / "genderage.onnx").rename(folder / "attributes.onnx")
    assert "attributes.onnx" in read_pack(folder).ignored


def test_several_face_models_are_a_question_and_none_is_an_error(tmp_path: Path) -> None:
    folder = buffalo(tmp_path / "pack")
    build_model(folder / "other.onnx", side=112, dim=128)
    with pytest.raises(ModelError, match=r"several face models \(other.onnx, w600k_r50.onnx\)"):
        read_pack(folder)
    for name in ("other.onnx", "w600k_r50.onnx"):
        (folder / name).unlink()
    with pytest.raises(ModelError, match="no model that embeds faces"):
        read_pack(folder)


@pytest.mark.parametrize("prefix", ["", "buffalo_l/", "models/buffalo_l/"])
def test_an_archive_is_unpacked_once_and_is_the_folder(tmp_path: Path, prefix: str) -> None:
    archive = zipped(buffalo(tmp_path / "pack"), tmp_path / "buffalo_l.zip", prefix)
    assert is_pack(archive)
    home = tmp_path / "models" / "buffalo_l"
    for _ in range(2):
        unpack(archive, home)
        assert read_pack(home).model.read_bytes() == (tmp_path / "pack" / "w600k_r50.onnx").read_bytes()
    assert not (home / "genderage.onnx").exists()
    (home / "w600k_r50.onnx").write_bytes(b"changed")
    with pytest.raises(ConflictError, match="holds other models"):
        unpack(archive, home)


def test_an_archive_cut_short_or_with_paths_that_lead_out_leaves_nothing_outside(tmp_path: Path) -> None:
    archive = zipped(buffalo(tmp_path / "pack"), tmp_path / "evil.zip", "../../")
    unpack(archive, tmp_path / "models" / "evil")
    assert {file.name for file in (tmp_path / "models").rglob("*.onnx")} == {"det_10g.onnx", "w600k_r50.onnx"}
    assert not list(tmp_path.parent.glob("*.onnx"))
    data = bytearray(archive.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 200] = bytes(200)
    spoilt = tmp_path / "spoilt.zip"
    spoilt.write_bytes(bytes(data))
    with pytest.raises(ModelError, match="cannot be unpacked"):
        unpack(spoilt, tmp_path / "models" / "spoilt")
    assert not (tmp_path / "models" / "spoilt").exists()


def test_a_folder_without_models_and_a_lone_file_are_no_packs(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    assert not is_pack(tmp_path / "photos")
    assert not is_pack(build_model(tmp_path / "one.onnx"))
    assert not is_pack(tmp_path / "absent")
