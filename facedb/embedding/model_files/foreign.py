"""Files that are given as an ONNX model and are something else: what they are, and what to do."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Final

from facedb.core.files import magic
from facedb.core.files.image_format import image_format

ORT_MAGIC: Final = b"ORTM"
_HEAD: Final = 1024
_EXPORT: Final = "export it to ONNX in that framework"

_LFS: Final = "a Git LFS pointer, a placeholder for the real file"
_STARTS: Final[tuple[tuple[bytes, str, str], ...]] = (
    (magic.LFS_POINTER, _LFS, "run `git lfs pull` in its repository, or download the file itself"),
    (b"version https://hawser", _LFS, "run `git lfs pull` in its repository, or download the file itself"),
    (b"/annex/objects/", "a git-annex pointer", "run `git annex get` in its repository"),
    (b"# xet version", "a Xet pointer", "download the file itself"),
    (magic.GZIP, "a gzip archive", "unpack it and give the .onnx inside"),
    (magic.BZIP2, "a bzip2 archive", "unpack it and give the .onnx inside"),
    (magic.XZ, "an xz archive", "unpack it and give the .onnx inside"),
    (magic.ZSTD, "a zstd archive", "unpack it and give the .onnx inside"),
    (magic.SEVEN_ZIP, "a 7-Zip archive", "unpack it and give the .onnx inside"),
    (magic.RAR, "a RAR archive", "unpack it and give the .onnx inside"),
    (magic.HDF5, "an HDF5 file, as Keras writes its weights", f"{_EXPORT}, for instance with tf2onnx"),
    (b"ptrt", "a TensorRT engine", "give the .onnx that it was built from"),
    (b"ftrt", "a TensorRT engine", "give the .onnx that it was built from"),
    (b"GGUF", "a GGUF file of llama.cpp", "give an ONNX model"),
    (b"\x12\x01\0\0\0\0\0\0", "the parameters of an MXNet model", "export it to ONNX with mxnet's onnx module"),
    (b"7767517\n", "an ncnn model", "give the ONNX model that it was converted from"),
    (b"\x93NUMPY", "a NumPy array", "embeddings are read by `facedb ingest`"),
    (b"\x7fELF", "a program or library", "give an .onnx file"),
    (magic.PDF, "a PDF document", "download the model itself"),
)
_SUFFIXES: Final[dict[str, tuple[str, str]]] = {
    ".caffemodel": ("the weights of a Caffe model", _EXPORT),
    ".prototxt": ("the description of a Caffe model", _EXPORT),
    ".pb": ("a TensorFlow graph", f"{_EXPORT}, for instance with tf2onnx"),
    ".mlmodel": ("a Core ML model", "give the ONNX model that it was converted from"),
    ".engine": ("a TensorRT engine", "give the .onnx that it was built from"),
    ".trt": ("a TensorRT engine", "give the .onnx that it was built from"),
    ".plan": ("a TensorRT engine", "give the .onnx that it was built from"),
    ".pdmodel": ("a PaddlePaddle model", "export it with paddle2onnx"),
    ".pdparams": ("the weights of a PaddlePaddle model", "export it with paddle2onnx"),
    ".weights": ("the weights of a Darknet model", _EXPORT),
    ".ckpt": ("a checkpoint of another framework", _EXPORT),
    ".rknn": ("a model for a Rockchip NPU", "give the ONNX model that it was converted from"),
    ".dlc": ("a model for a Qualcomm NPU", "give the ONNX model that it was converted from"),
}


def sentence(path: Path, fault: str) -> str:
    """The sentence for a file that was given as a model and is not one; ``fault`` is what the reader of ONNX files said.

    Raises OSError where it cannot be read.
    """
    with path.open("rb") as stream:
        head = stream.read(_HEAD)
    size = path.stat().st_size
    what, advice = recognise(path, head, size) or (f"no ONNX model ({fault})", "fetch or export it again")
    return f"{path.name} is {what}{'' if what.startswith('no ') else ', not an ONNX model'}: {advice}."


def recognise(path: Path, head: bytes, size: int) -> tuple[str, str] | None:
    """What a file is and what to do, from its first bytes (and its name, where bytes do not tell); None where nothing tells."""
    if not head:
        return "an empty file", "the download did not finish; fetch it again"
    for start, what, advice in _STARTS:
        if head.startswith(start):
            return what, advice
    return _container(path, head, size) or _text(path, head) or _picture(head) or _protobuf(path, head)


def _container(path: Path, head: bytes, size: int) -> tuple[str, str] | None:
    if head.startswith(magic.ZIP):
        return _zip(path)
    if head[257:262] == b"ustar":
        return "a tar archive", "unpack it and give the .onnx inside"
    if head[4:8] == b"TFL3":
        return "a TensorFlow Lite model", "convert it with tf2onnx --tflite"
    if head[8:9] == b"{" and 2 <= int.from_bytes(head[:8], "little") <= size - 8:
        return (
            "a safetensors file, weights without their network",
            "export the model to ONNX in PyTorch (torch.onnx.export)",
        )
    # A pickle begins with its protocol and a frame, a mapping, a list or a long integer.
    if head[:1] == b"\x80" and 2 <= head[1] <= 5 and head[2:3] in (b"\x95", b"}", b"]", b"\x8a", b"c", b"("):
        return (
            "a Python pickle, as PyTorch writes its checkpoints",
            "export the model to ONNX in PyTorch (torch.onnx.export)",
        )
    return None


def _zip(path: Path) -> tuple[str, str]:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError):
        return "a broken ZIP archive", "the download did not finish; fetch it again"
    inside = [name for name in names if name.lower().endswith(".onnx")]
    if inside:
        return f"a ZIP archive that holds {inside[0]}", "unpack it and give that file"
    if any(name.endswith(("/data.pkl", "/constants.pkl")) for name in names):
        return "a PyTorch checkpoint", "export the model to ONNX in PyTorch (torch.onnx.export)"
    if any(name.endswith(".weights.h5") for name in names):
        return "a Keras model", "export it to ONNX, for instance with tf2onnx"
    if names and all(name.endswith(".npy") for name in names):
        return "a NumPy archive", "embeddings are read by `facedb ingest`"
    return "a ZIP archive without an .onnx file", "give an ONNX model"


def _text(path: Path, head: bytes) -> tuple[str, str] | None:
    text = magic.text_start(head)
    if magic.is_page(text) or b"<html" in text[:512]:
        return "a web page", "the address led to a page about the file; use its download link"
    if text.startswith((b"<?xml", b"<net")):
        if b"<net" in text:
            return "the description of an OpenVINO model", "give the ONNX model that it was converted from"
        return "an XML text, perhaps the error message of a server", "fetch the file again"
    if text.startswith(b"{"):
        if b'"nodes"' in text:
            return "the description of an MXNet model", "export it to ONNX with mxnet's onnx module"
        return "a JSON text, perhaps the error message of a server", "fetch the file again"
    if b"\0" not in head and path.suffix.lower() not in _SUFFIXES and _is_text(head):
        return "a text", "look into it, and fetch the model itself"
    return None


def _is_text(head: bytes) -> bool:
    try:
        words = head[:-3].decode("utf-8") if len(head) == _HEAD else head.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return all(letter.isprintable() or letter in "\r\n\t\f" for letter in words)


def _picture(head: bytes) -> tuple[str, str] | None:
    found = image_format(head)
    return None if found is None else (f"a picture ({found})", "give the model with --model and photos as the folder")


def _protobuf(path: Path, head: bytes) -> tuple[str, str] | None:
    known = _SUFFIXES.get(path.suffix.lower())
    if known is not None:
        return known
    if path.suffix.lower() == ".bin" and path.with_suffix(".xml").is_file():
        return "the weights of an OpenVINO model", "give the ONNX model that it was converted from"
    # A Caffe net begins with its name, a TensorFlow graph with its first node: both with field 1 as bytes, where ONNX has a number.
    if head[:1] == b"\x0a":
        return "the protobuf of another framework, such as Caffe or TensorFlow", _EXPORT
    # The version of the format, which every ONNX model begins with.
    if head[:1] == b"\x08" and head[1:2] <= b"\x20":
        return "no whole ONNX model, though it begins like one", "the download was cut short or damaged; fetch it again"
    return None
