"""Putting files down and reading sources back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from facedb.core.records import ImageRecord, VectorBatch
from facedb.core.rejects import Problem
from facedb.sources.image_bytes import ByteReader
from facedb.sources.options import SourceOptions
from facedb.sources.registry import open_source
from facedb.sources.source import Source


def put(folder: Path, path: str, data: bytes) -> Path:
    """Write a file, with the folders it needs."""
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)
    return target


def read_all(path: Path, format_name: str = "auto", **options: object) -> list[ImageRecord | VectorBatch]:
    """All that a source yields."""
    return list(open_source(path, format_name, SourceOptions(**options)).records())  # type: ignore[arg-type]


def images(path: Path, format_name: str = "auto", **options: object) -> dict[str, ImageRecord]:
    """The image records of a source by path, none of which may come twice."""
    records = [record for record in read_all(path, format_name, **options) if isinstance(record, ImageRecord)]
    by_path = {record.path: record for record in records}
    assert len(by_path) == len(records), "a path came twice"
    return by_path


def image_records(source: Source) -> Iterator[ImageRecord]:
    """The records of a source that holds images only."""
    for record in source.records():
        assert isinstance(record, ImageRecord)
        yield record


def problem_of(record: ImageRecord) -> Problem:
    """What is wrong with a record, which must be something."""
    assert record.problem is not None
    return record.problem


def verdict(record: ImageRecord) -> str:
    """The code of what is wrong with a record, or ``image``."""
    problem = record.problem or record.ignored
    return problem.code if problem else "image"


def verdicts(path: Path, format_name: str = "auto", **options: object) -> dict[str, str]:
    """What became of each path."""
    return {name: verdict(record) for name, record in images(path, format_name, **options).items()}


def content(path: Path, format_name: str = "auto", **options: object) -> dict[str, tuple[str | None, bytes]]:
    """Identity and bytes of each good image, read through a ByteReader."""
    source = open_source(path, format_name, SourceOptions(**options))  # type: ignore[arg-type]
    found = {}
    with ByteReader() as reader:
        for record in source.records():
            if isinstance(record, ImageRecord) and verdict(record) == "image":
                data = reader.read(source.root, record.path, record.container, record.offset, record.length)
                found[record.path] = (record.identity, data)
                assert record.size == len(data)
    return found


def vectors(path: Path, format_name: str = "auto", **options: object) -> list[VectorBatch]:
    """The batches of vectors of a source."""
    return [item for item in read_all(path, format_name, **options) if isinstance(item, VectorBatch)]
