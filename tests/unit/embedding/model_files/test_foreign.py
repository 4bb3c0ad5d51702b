"""Files given as a model that are something else are named as what they are."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import struct
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from facedb.core.errors import ModelError
from facedb.embedding.model_files.model_hash import weights_sha256
from tests.unit.embedding.conftest import MakeModel, encode, picture


def zipped(*members: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for member in members:
            archive.writestr(member, b"content")
    return stream.getvalue()


def tarred() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("model.onnx"))
    return stream.getvalue()


def safetensors() -> bytes:
    header = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    return struct.pack("<Q", len(header)) + header + bytes(4)


def numpy_file() -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.zeros(3))
    return stream.getvalue()


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:0ba9fbfa\nsize 38696353\n"


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("m.onnx", LFS, "Git LFS pointer.*git lfs pull"),
        ("m.onnx", b"/annex/objects/SHA256E-s38696353--0ba9fbfa.onnx\n", "git-annex pointer"),
        ("m.onnx", b"", "an empty file"),
        ("m.zip", zipped("pack/det_10g.onnx", "pack/w600k_r50.onnx"), "ZIP archive that holds pack/det_10g.onnx"),
        ("m.zip", zipped("readme.txt"), "ZIP archive without an .onnx"),
        ("m.onnx", zipped("archive/data.pkl", "archive/data/0"), "PyTorch checkpoint"),
        ("m.keras", zipped("config.json", "model.weights.h5"), "Keras model"),
        ("m.npz", zipped("a.npy"), "NumPy archive"),
        ("m.zip", zipped("a.onnx")[:40], "broken ZIP archive"),
        ("m.onnx.gz", gzip.compress(b"\x08\x09"), "gzip archive"),
        ("m.tar", tarred(), "tar archive"),
        ("m.pth", pickle.dumps({"state_dict": {}}), "Python pickle"),
        ("m.pt", b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.", "Python pickle"),
        ("m.safetensors", safetensors(), "safetensors"),
        ("m.h5", b"\x89HDF\r\n\x1a\n" + bytes(64), "HDF5"),
        ("m.tflite", b"\x1c\0\0\0TFL3" + bytes(64), "TensorFlow Lite"),
        ("m.caffemodel", b"\x0a\x08ResNet50\x12\x00", "Caffe"),
        ("net.bin", b"\x0a\x08ResNet50\x12\x00", "Caffe or TensorFlow"),
        ("saved_model.pb", b"\x08\x01\x12\x02\x0a\x00", "TensorFlow graph"),
        ("m.onnx", b"ftrt" + bytes(60), "TensorRT engine"),
        ("m.engine", bytes(range(1, 80)), "TensorRT engine"),
        ("m.xml", b'<?xml version="1.0"?>\n<net name="face" version="11">\n</net>', "OpenVINO"),
        ("m.params", b"\x12\x01\0\0\0\0\0\0" + bytes(64), "MXNet"),
        ("m-symbol.json", b'{\n  "nodes": [], "arg_nodes": []}', "MXNet"),
        ("m.param", b"7767517\n75 83\nInput data 0 1 data", "ncnn"),
        ("m.onnx", b"\n<!DOCTYPE html>\n<html><head>", "web page"),
        ("m.onnx", b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "error message of a server"),
        ("m.onnx", b'{"error": "Not Found"}', "JSON text"),
        ("m.onnx", "Das ist kein Modell, nur Text über eines.".encode(), "a text"),
        ("m.onnx", encode(picture()), r"a picture \(PNG\)"),
        ("m.npy", numpy_file(), "NumPy array"),
    ],
    # Archives carry the time at which they were made, and processes that share the tests must agree on their names.
    ids=lambda value: None if not isinstance(value, bytes) else f"{len(value)} bytes",
)
def test_what_is_no_onnx_model_is_named_in_one_sentence(tmp_path: Path, name: str, content: bytes, what: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ModelError, match=what) as caught:
        weights_sha256(path)
    assert str(caught.value).startswith(f"{name} is ")
    assert str(caught.value).count(". ") == 0


def test_a_download_that_was_cut_short_is_called_that(make_model: MakeModel) -> None:
    path = make_model()
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ModelError, match="cut short or damaged"):
        weights_sha256(path)


def test_the_weights_of_an_openvino_model_are_known_by_their_description(tmp_path: Path) -> None:
    (tmp_path / "face.xml").write_text("<net/>")
    (tmp_path / "face.bin").write_bytes(bytes(range(128, 256)))
    with pytest.raises(ModelError, match="OpenVINO"):
        weights_sha256(tmp_path / "face.bin")
