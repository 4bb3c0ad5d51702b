"""Which files an ONNX graph keeps its weights in, read from the graph itself.

A reader of the few fields that matter instead of the package ``onnx``: that one brings a protobuf runtime of its own, loads every
weight into memory to look at their names, and refuses files past 2 GB. Field numbers are those of ``onnx.proto`` (ONNX 1.19, stable by
the rules of protobuf); the encoding is that of protobuf.dev/programming-guides/encoding. Values are stepped over, never copied.
"""

from __future__ import annotations

import mmap
import os
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from facedb.core.errors import ModelError

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

# The messages on the way to a tensor: field number -> the message it holds.
_MODEL: Final = "model"
_TENSOR: Final = "tensor"
_WAY: Final[dict[str, dict[int, str]]] = {
    _MODEL: {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: _TENSOR, 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: _TENSOR, 6: "graph", 10: _TENSOR, 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: _TENSOR, 2: _TENSOR},
}
_IR_VERSION, _GRAPH = 1, 7
_EXTERNAL_DATA, _DATA_LOCATION, _EXTERNAL = 13, 14, 1
_MAX_FIELDS: Final = 5_000_000
_MAX_DEPTH: Final = 64
_MAX_VALUE: Final = 1 << 16
# ONNX Runtime takes this location for an address in its own memory.
_MEMORY_ADDRESS: Final = "_ORT_MEM_ADDR_"


class NotProtobufError(ValueError):
    """The bytes are not the fields of a protobuf message, or not those of an ONNX model."""


@dataclass(frozen=True, slots=True)
class External:
    """One place outside the graph: ``location`` as the graph writes it, and the first byte past what it takes there."""

    location: str
    end: int


def external_data(path: Path) -> tuple[External, ...]:
    """What the graph of an ONNX file keeps in other files, one entry a location, sorted; empty where all is inside.

    Raises NotProtobufError where the file is no ONNX model, OSError where it cannot be read, ModelError for a graph nested or
    split beyond every real one, which would take for ever to read.
    """
    with path.open("rb") as stream:
        if os.fstat(stream.fileno()).st_size == 0:
            raise NotProtobufError("it is empty")
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _Walk(data, path.name).locations()


class _Walk:
    """One pass over the messages of a file."""

    def __init__(self, data: mmap.mmap, name: str) -> None:
        self._data = data
        self._name = name
        self._fields = 0
        self._found: dict[str, int] = {}

    def locations(self) -> tuple[External, ...]:
        top = list(self._read(0, len(self._data)))
        kinds = {(number, kind) for number, kind, _, _ in top}
        if (_IR_VERSION, _VARINT) not in kinds or (_GRAPH, _BYTES) not in kinds:
            raise NotProtobufError("it has no graph")
        for number, kind, start, end in top:
            if kind == _BYTES and number in _WAY[_MODEL]:
                self._walk(_WAY[_MODEL][number], start, end, 1)
        return tuple(External(location, end) for location, end in sorted(self._found.items()))

    def _walk(self, message: str, start: int, end: int, depth: int) -> None:
        if depth > _MAX_DEPTH:
            raise ModelError(
                f"The graph of {self._name} is nested more than {_MAX_DEPTH} levels deep; it is not loaded."
            )
        if message == _TENSOR:
            self._tensor(start, end)
            return
        way = _WAY[message]
        for number, kind, first, last in self._read(start, end):
            if kind == _BYTES and number in way:
                self._walk(way[number], first, last, depth + 1)

    def _tensor(self, start: int, end: int) -> None:
        entries: dict[str, str] = {}
        external = False
        for number, kind, first, last in self._read(start, end):
            if number == _EXTERNAL_DATA and kind == _BYTES:
                key, value = self._entry(first, last)
                entries[key] = value
            elif number == _DATA_LOCATION and kind == _VARINT:
                external = first == _EXTERNAL
        if not external:
            return
        try:
            stop = int(entries.get("offset") or 0) + int(entries.get("length") or 0)
        except ValueError:
            raise ModelError(
                f"{self._name} says of its weights that they start at {entries.get('offset')!r}."
            ) from None
        location = entries.get("location", "")
        self._found[location] = max(self._found.get(location, 0), stop)

    def _entry(self, start: int, end: int) -> tuple[str, str]:
        parts = {1: "", 2: ""}
        for number, kind, first, last in self._read(start, end):
            if kind == _BYTES and number in parts:
                if last - first > _MAX_VALUE:
                    raise ModelError(
                        f"{self._name} names a file in {last - first:,} bytes, which no file name has; it is not loaded."
                    )
                parts[number] = os.fsdecode(self._data[first:last])
        return parts[1], parts[2]

    def _read(self, start: int, end: int) -> Iterator[tuple[int, int, int, int]]:
        """(field number, wire type, first byte, end) of every field; of a varint its value and the end."""
        place = start
        while place < end:
            self._fields += 1
            if self._fields > _MAX_FIELDS:
                raise ModelError(f"The graph of {self._name} has more than {_MAX_FIELDS:,} parts; it is not loaded.")
            key, place = self._varint(place, end)
            number, kind = key >> 3, key & 7
            if kind == _VARINT:
                value, place = self._varint(place, end)
                yield number, kind, value, place
                continue
            if kind == _BYTES:
                length, place = self._varint(place, end)
            elif kind in (_FIXED64, _FIXED32):
                length = 8 if kind == _FIXED64 else 4
            else:
                raise NotProtobufError(f"wire type {kind} at byte {place}")
            if number == 0 or place + length > end:
                raise NotProtobufError(f"a field past the end at byte {place}")
            yield number, kind, place, place + length
            place += length

    def _varint(self, place: int, end: int) -> tuple[int, int]:
        value = shift = 0
        while place < end and shift < 70:
            byte = self._data[place]
            place += 1
            value |= (byte & 127) << shift
            if byte < 128:
                return value, place
            shift += 7
        raise NotProtobufError(f"a number past the end at byte {place}")


def resolve(model: Path, external: External) -> Path:
    """The file that a location means: a regular file below the folder of the model, long enough for what the graph takes there.

    A model that is itself a link may have its weights beside what it points to, as in a download cache. Raises ModelError for
    absolute paths, for paths and links that lead out of these folders, for files that are missing or cut short.
    """
    location = external.location
    parts = location.split("/")
    if not location or "\0" in location or posixpath.isabs(location) or ".." in parts or _MEMORY_ADDRESS in parts:
        raise ModelError(
            f"{model.name} keeps weights in {location!r}, which is not a file below its own folder: it is not loaded; "
            "export it again with a plain file name."
        )
    folders = {model.absolute().parent.resolve(), model.resolve().parent}
    path = model.parent / location
    real = path.resolve()
    if not any(real.is_relative_to(folder) for folder in folders):
        raise ModelError(
            f"{model.name} keeps weights in {location}, a link that leads out of its folder to {real}: it is not loaded; "
            "put the file itself there."
        )
    if not real.is_file():
        raise ModelError(
            f"{model.name} keeps weights in {location}, which is not beside it: put that file into {path.parent}, or export the "
            "model again as one file."
        )
    if real.stat().st_size < external.end:
        raise ModelError(
            f"{location}, the weights of {model.name}, is cut short: it has {real.stat().st_size:,} bytes of at least "
            f"{external.end:,}; fetch it again."
        )
    return path
