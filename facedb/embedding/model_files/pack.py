"""A folder or ZIP archive with several models, as InsightFace publishes them: which one embeds, which one finds faces."""

from __future__ import annotations

import shutil
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from facedb.core.errors import ConflictError, ModelError
from facedb.core.files.whole_file import whole_folder
from facedb.embedding.detection.detect import heads_of
from facedb.embedding.session import Graph, graph_of, open_session

INSIGHTFACE_LICENCE: Final = "InsightFace's pretrained models are for non-commercial research only"

# What InsightFace's packs hold beside detector and face model: 3-d and 2-d landmarks, gender and age.
_BESIDE: Final = frozenset({"1k3d68.onnx", "2d106det.onnx", "genderage.onnx"})
_INSIGHTFACE: Final = ("w600k_", "glintr100", "ms1mv3_", "webface_")
_SIDE: Final = 112
_SMALLEST_DIM: Final = 64
_MAX_MEMBERS: Final = 10_000
_MAX_BYTES: Final = 4 << 30


@dataclass(frozen=True, slots=True)
class Pack:
    """What a pack is used for: the face model, the detector (None: there is none), the names of models that are ignored, the licence
    where known."""

    model: Path
    detector: Path | None
    ignored: tuple[str, ...]
    licence: str | None


def is_pack(path: Path) -> bool:
    """Whether a path is a folder with .onnx files, or a ZIP archive that holds some."""
    if path.is_dir():
        return any(path.glob("*.onnx"))
    return path.is_file() and zipfile.is_zipfile(path) and bool(_members(path))


def read_pack(folder: Path) -> Pack:
    """Tell the models of a folder apart by their names and signatures.

    The face model takes 112 x 112 pictures (or any size) and gives one vector for each; the detector is a YuNet or SCRFD. Raises
    ModelError where the folder has no face model, or several of a kind.
    """
    models: list[Path] = []
    detectors: list[Path] = []
    ignored: list[Path] = []
    for path in sorted(folder.glob("*.onnx")):
        if path.name in _BESIDE:
            ignored.append(path)
            continue
        graph = graph_of(open_session(path))
        (detectors if heads_of(graph) else models if _embeds(graph) else ignored).append(path)
    for kind, found in (("face models", models), ("detectors", detectors)):
        if len(found) > 1:
            option = "--model" if found is models else "--detector"
            raise ModelError(
                f"{folder} holds several {kind} ({', '.join(path.name for path in found)}): name one of these files with {option}."
            )
    if not models:
        there = ", ".join(path.name for path in sorted(folder.glob("*.onnx")))
        raise ModelError(f"{folder} holds no model that embeds faces ({there}): give the path of one as --model.")
    licence = INSIGHTFACE_LICENCE if models[0].name.startswith(_INSIGHTFACE) else None
    return Pack(models[0], detectors[0] if detectors else None, tuple(path.name for path in ignored), licence)


def _embeds(graph: Graph) -> bool:
    if len(graph.inputs) != 1 or len(graph.inputs[0].shape) != 4 or len(graph.outputs) != 1:
        return False
    shape, vector = graph.inputs[0].shape, graph.outputs[0].shape
    sides = shape[2:] if shape[1] in (3, None) else shape[1:3]
    return (
        all(side in (_SIDE, None) for side in sides)
        and len(vector) == 2
        and (vector[1] or _SMALLEST_DIM) >= _SMALLEST_DIM
    )


def unpack(archive: Path, folder: Path) -> None:
    """Bring the models of a ZIP archive into ``folder``, whole or not at all; what is there and the same stays.

    Raises ModelError for an archive that is broken, encrypted or absurdly large, ConflictError where other models are there.
    """
    members = [member for member in _members(archive) if PurePosixPath(member.filename).name not in _BESIDE]
    total = sum(member.file_size for member in members)
    if total > _MAX_BYTES:
        raise ModelError(f"{archive.name} would unpack to {total:,} bytes: unpack it yourself and give the folder.")
    names = [PurePosixPath(member.filename).name for member in members]
    if len(set(names)) < len(names):
        raise ModelError(
            f"{archive.name} holds several models of one name: unpack it yourself and give one of its folders."
        )
    if folder.exists():
        if all(_is_there(folder / name, member) for name, member in zip(names, members, strict=True)):
            return
        raise ConflictError(
            f"{folder} is there and holds other models than {archive.name}: choose another name, or remove it."
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        with zipfile.ZipFile(archive) as opened, whole_folder(folder) as part:
            for name, member in zip(names, members, strict=True):
                with opened.open(member) as source, (part / name).open("xb") as target:
                    shutil.copyfileobj(source, target, 1 << 20)
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, zlib.error) as fault:
        raise ModelError(f"{archive.name} cannot be unpacked ({fault}): fetch it again, or give its folder.") from fault


def _members(archive: Path) -> list[zipfile.ZipInfo]:
    try:
        with zipfile.ZipFile(archive) as opened:
            members = opened.infolist()
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError):
        return []
    if len(members) > _MAX_MEMBERS:
        return []
    hidden = ("__MACOSX/", "._")
    return [
        member
        for member in members
        if member.filename.lower().endswith(".onnx")
        and not member.is_dir()
        and not member.filename.startswith(hidden[0])
        and not PurePosixPath(member.filename).name.startswith(hidden[1])
    ]


def _is_there(path: Path, member: zipfile.ZipInfo) -> bool:
    if not path.is_file() or path.stat().st_size != member.file_size:
        return False
    found = 0
    with path.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            found = zlib.crc32(chunk, found)
    return found == member.CRC
