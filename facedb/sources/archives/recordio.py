"""MXNet RecordIO as InsightFace uses it: the frame of a record, its header, and a writer of ``.rec`` + ``.idx``.

A record is ``u32 magic, u32 flag:3|length:29, data, zeros to a multiple of 4``. Where the data hold the magic at a
multiple of 4 they are cut there: the parts carry the flags 1 (first), 2 (middle), 3 (last), and the magic between two
parts is left out, as the next part's own stands in its place (source: dmlc-core, recordio.h). The data of an image
record are ``u32 flag, f32 label, u64 id, u64 id2``, then ``flag`` more float32 labels, then the image file.
"""

from __future__ import annotations

import csv
import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from facedb.core.errors import InputError

MAGIC = 0xCED7230A
MAGIC_BYTES = struct.pack("<I", MAGIC)
FRAME = struct.Struct("<II")
HEADER = struct.Struct("<IfQQ")
MAX_LENGTH = (1 << 29) - 1
MAX_KEY = 1 << 24
NAMES = ".names.csv"
"""Suffix of the table from label to identity that is written beside a ``.rec`` file."""


@dataclass(frozen=True, slots=True)
class RecordHeader:
    """The labels of a record and how many bytes of its data they take."""

    labels: tuple[float, ...]
    is_list: bool
    key: int
    size: int


def padded(length: int) -> int:
    """Round ``length`` up to the next multiple of 4."""
    return (length + 3) & ~3


def parse_header(data: bytes) -> RecordHeader | None:
    """Read the header at the start of a record's data; None where the data are too short for it."""
    if len(data) < HEADER.size:
        return None
    count, label, key, _ = HEADER.unpack_from(data)
    size = HEADER.size + 4 * count
    if count == 0:
        return RecordHeader((label,), is_list=False, key=key, size=size)
    if len(data) < size:
        return None
    return RecordHeader(struct.unpack_from(f"<{count}f", data, HEADER.size), is_list=True, key=key, size=size)


def join_parts(span: bytes) -> bytes:
    """Return the data of a span of a ``.rec`` file that may reach over several parts of one record.

    The span starts at a multiple of 4 inside one part and ends where the last part's data end. Without part borders in
    it, it is returned as it is.
    """
    border = _next_magic(span, 0)
    if border is None or border + FRAME.size > len(span):
        return span
    joined = bytearray(span[:border])
    while True:
        flag, length = divmod(FRAME.unpack_from(span, border)[1], MAX_LENGTH + 1)
        end = border + FRAME.size + length
        joined += MAGIC_BYTES
        joined += span[border + FRAME.size : end]
        if flag == 3 and end == len(span):
            return bytes(joined)
        # A magic that no chain of parts explains is part of an image written by a tool that does not cut records.
        if flag != 2 or end + FRAME.size > len(span) or span[end : end + 4] != MAGIC_BYTES:
            return span
        border = end


def raw_distance(part_lengths: Sequence[int], distance: int) -> int:
    """Return how far into the file, from the first part's data, the byte ``distance`` bytes into the joined data lies.

    A byte of a magic between two parts is that of the next part's own magic.
    """
    start = raw = 0
    for length in part_lengths:
        if distance < start + length + 4:
            break
        start += length + 4
        raw += length + FRAME.size
    return raw + distance - start


def split_parts(data: bytes) -> list[bytes]:
    """Return the parts that ``data`` must be written in: cut at each magic at a multiple of 4, the magic left out."""
    parts = []
    start = 0
    border = _next_magic(data, 0)
    while border is not None:
        parts.append(data[start:border])
        start = border + 4
        border = _next_magic(data, start)
    parts.append(data[start:])
    return parts


def _next_magic(data: bytes, start: int) -> int | None:
    """The first multiple of 4 from ``start`` on at which ``data`` hold the magic, or None."""
    position = data.find(MAGIC_BYTES, start)
    while position >= 0 and position % 4:
        position = data.find(MAGIC_BYTES, position + 1)
    return position if position >= 0 else None


def frame_record(data: bytes) -> bytes:
    """Return ``data`` as one record of a ``.rec`` file; raises InputError where it is longer than a record may be."""
    parts = split_parts(data)
    if max(map(len, parts)) > MAX_LENGTH:
        raise InputError(
            f"An image of {len(data):,} bytes does not fit into a .rec record: leave it out of the export."
        )
    framed = bytearray()
    for number, part in enumerate(parts):
        flag = 0 if len(parts) == 1 else 1 if number == 0 else 3 if number == len(parts) - 1 else 2
        framed += FRAME.pack(MAGIC, flag << 29 | len(part))
        framed += part
        framed += bytes(padded(len(part)) - len(part))
    return bytes(framed)


class IdentityRecordWriter:
    """Writes ``PREFIX.rec``, ``PREFIX.idx`` and ``property`` as InsightFace's training reads them, and ``PREFIX.names.csv``.

    Record 0 says where the identities' records begin and end; records 1 ... n are the images, those of one identity in
    a row, labelled 0, 1, 2 ... in the order the identities come; then one record per identity, the range of its images.
    The table of names says which identity has which label.
    The files appear under their names only when the context ends without an error.
    """

    def __init__(self, prefix: Path, image_size: tuple[int, int] = (112, 112)) -> None:
        self._prefix = prefix
        self._image_size = image_size
        self._seen: set[str] = set()
        self._starts: list[int] = []
        self._next_key = 1

    def __enter__(self) -> Self:
        self._rec: BinaryIO = self._temporary(".rec").open("wb")
        self._idx: BinaryIO = self._temporary(".idx").open("wb")
        self.identities: list[str] = []
        self._append(0, _range_record(0, 0, 0))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            self._rec.close()
            self._idx.close()
            for suffix in (".rec", ".idx", NAMES):
                self._temporary(suffix).unlink(missing_ok=True)

    def write(self, identity: str, image: bytes) -> int:
        """Append one image file and return its key; raises InputError where an identity comes back after another."""
        if not self.identities or self.identities[-1] != identity:
            if identity in self._seen:
                raise InputError(f"The images of identity {identity!r} must be written one after the other: sort them.")
            self._seen.add(identity)
            self.identities.append(identity)
            self._starts.append(self._next_key)
        key = self._next_key
        if key + len(self.identities) >= MAX_KEY:
            raise InputError(f"The ranges of a .rec file are float32 and end at {MAX_KEY:,} records: export in parts.")
        self._append(key, HEADER.pack(0, float(len(self.identities) - 1), key, 0) + image)
        self._next_key += 1
        return key

    def _append(self, key: int, data: bytes) -> None:
        self._idx.write(b"%d\t%d\n" % (key, self._rec.tell()))
        self._rec.write(frame_record(data))

    def _finish(self) -> None:
        first = self._next_key
        ends = [*self._starts[1:], first]
        for number, (start, end) in enumerate(zip(self._starts, ends, strict=False)):
            self._append(first + number, _range_record(first + number, start, end))
        self._rec.seek(0)
        self._rec.write(frame_record(_range_record(0, first, first + len(self._starts))))
        with self._temporary(NAMES).open("w", encoding="utf-8", errors="surrogateescape", newline="") as names:
            writer = csv.writer(names, lineterminator="\n")
            writer.writerow(("label", "identity"))
            writer.writerows(enumerate(self.identities))
            for file, suffix in ((self._rec, ".rec"), (self._idx, ".idx"), (names, NAMES)):
                file.flush()
                os.fsync(file.fileno())
                self._temporary(suffix).replace(self._named(suffix))
        height, width = self._image_size
        (self._prefix.parent / "property").write_text(f"{len(self._starts)},{height},{width}\n", encoding="ascii")

    def _named(self, suffix: str) -> Path:
        return self._prefix.with_name(self._prefix.name + suffix)

    def _temporary(self, suffix: str) -> Path:
        return self._prefix.with_name(self._prefix.name + suffix + ".part")


def _range_record(key: int, start: int, end: int) -> bytes:
    return HEADER.pack(2, 0.0, key, 0) + struct.pack("<2f", start, end)
