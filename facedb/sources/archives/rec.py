"""InsightFace's ``train.rec``: images in an MXNet RecordIO file, read without MXNet, with or without ``train.idx``."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from facedb.core import rejects
from facedb.core.counting import counted
from facedb.core.errors import InputError
from facedb.core.files.image_format import HEAD_BYTES
from facedb.core.records import ImageRecord
from facedb.sources import problems
from facedb.sources.archives.containers import Containers
from facedb.sources.archives.recfile import Place, RecFile
from facedb.sources.archives.recordio import HEADER, NAMES, RecordHeader, parse_header
from facedb.sources.files import judge_head
from facedb.sources.options import SourceOptions
from facedb.sources.tables.csv_table import TextTable

_COMPANIONS = (".idx", ".lst", "property", NAMES)


class RecSource:
    """The images of one ``.rec`` file or of all below a folder; their labels are the identities.

    An image is named after its file and its key in the index, ``train.rec/17``; without an index after its place in the
    file, counted from 0, which is the same number in files that InsightFace's tools wrote. The record of the ranges and
    those of the identities are no images and give no record. The index is held in memory, 16 bytes an entry. An index that
    cannot be right is ignored, and one that is cut short is completed from the file. ``train.names.csv`` beside ``train.rec``
    names the labels, as facedb's export writes it.
    """

    format = "rec"

    def __init__(self, path: Path, options: SourceOptions) -> None:
        path = path.with_suffix(".rec") if path.suffix == ".idx" else path
        self._containers = Containers(path, ".rec files", follow_links=options.follow_links)
        self.root = self._containers.root
        self._with_labels = options.identity_from != "none"
        self._names: dict[str, str] = {}
        self.remarks: list[str] = []

    def records(self) -> Iterator[ImageRecord]:
        """Yield one record per image, and one per place where a file is damaged."""
        for found in self._containers.find(_is_rec):
            if isinstance(found, str):
                yield from self._read(found)
            elif found.broken or not found.path.endswith(_COMPANIONS):
                yield self._containers.left_out(found)

    def count_hint(self) -> int | None:
        """Return the number of images that the first records state; None where one does not."""
        total = 0
        for found in self._containers.find(_is_rec):
            if isinstance(found, str):
                images = self._stated(found)
                if images is None:
                    return None
                total += images
        return total

    def _stated(self, path: str) -> int | None:
        try:
            with RecFile(self.root / path) as file:
                ranges = _ranges(file) if file.is_recordio() else None
        except OSError:
            return None
        return None if ranges is None else ranges[0] - 1

    def _read(self, path: str) -> Iterator[ImageRecord]:
        try:
            file = RecFile(self.root / path)
        except OSError as error:
            yield self._containers.unusable(path, problems.unreadable(error))
            return
        with file:
            if not file.is_recordio():
                yield self._containers.unusable(path, problems.bad_record("The file does not start as RecordIO does."))
                return
            ranges = _ranges(file)
            self._names = _names_of_labels(self.root / path)
            seen, whole = 0, True
            for place in file.records():
                whole = whole and place.problem is None
                record = self._record(path, file, place, ranges if whole or file.has_index else None)
                if record is not None:
                    seen += 1
                    yield record
            self.remarks += file.remarks
            if ranges is not None and not file.has_index and seen < ranges[0] - 1:
                detail = f"The first record promises {counted(ranges[0] - 1, 'image')}, and the file holds {seen:,}."
                problem = rejects.problem(rejects.TRUNCATED, detail)
                yield ImageRecord(path, None, file.size, file.mtime_ns, problem=problem)

    def _record(self, path: str, file: RecFile, place: Place, ranges: tuple[int, int] | None) -> ImageRecord | None:
        name = f"{path}/{place.key}" if place.key is not None else f"{path}/@{place.start}"
        record = ImageRecord(name, None, place.end - place.start, file.mtime_ns)
        if place.problem:
            return replace(record, problem=place.problem)
        header = _header(file, place)
        if header is None:
            return replace(record, problem=problems.bad_record("The record is too short to hold a label."))
        length = place.data_length - header.size
        if length == 0 and header.is_list and (ranges is None or place.key == 0 or (place.key or 0) >= ranges[0]):
            return None
        offset = place.offset_of(header.size)
        record = replace(
            record,
            identity=self._identity(header),
            size=length,
            container=path,
            offset=offset,
            length=place.data_end - offset,
        )
        if place.unlisted:
            return replace(record, ignored=replace(problems.OTHER_FILE, detail="The index does not list this record."))
        head = file.data_head(place, header.size + HEAD_BYTES)[header.size :]
        return judge_head(record, head, expected=True)

    def _identity(self, header: RecordHeader) -> str | None:
        label = _label(header) if self._with_labels else None
        return None if label is None else self._names.get(label, label)


def _names_of_labels(rec: Path) -> dict[str, str]:
    """Return identity by label from the table beside a ``.rec`` file, empty where there is none; raises InputError."""
    path = rec.with_suffix(NAMES)
    if not path.is_file():
        return {}
    with TextTable(path) as table:
        if table.header != ["label", "identity"]:
            raise InputError(f"{path} needs the columns label and identity; it was {table.dialect.separated}.")
        return {cells[0]: cells[1] for _, cells in table.rows() if cells is not None and cells[1]}


def _is_rec(path: str) -> bool:
    return path.endswith(".rec")


def _header(file: RecFile, place: Place) -> RecordHeader | None:
    header = parse_header(file.data_head(place, HEADER.size + HEAD_BYTES))
    if header is not None:
        return header
    # Longer lists of labels than usual: the number of them, the first word, says how much to read.
    count = int.from_bytes(file.data_head(place, 4), "little")
    return parse_header(file.data_head(place, HEADER.size + 4 * count)) if 4 * count < place.data_length else None


def _ranges(file: RecFile) -> tuple[int, int] | None:
    """Return first and last + 1 key of the identities' records, as record 0 of InsightFace's files states them."""
    place = file.first()
    header = None if place.problem else _header(file, place)
    if header is None or not header.is_list or len(header.labels) != 2 or place.data_length != header.size:
        return None
    first, end = header.labels
    return (int(first), int(end)) if 1 <= first <= end < math.inf else None


def _label(header: RecordHeader) -> str | None:
    label = header.labels[0]
    if not math.isfinite(label):
        return None
    return str(int(label)) if label.is_integer() else str(label)
