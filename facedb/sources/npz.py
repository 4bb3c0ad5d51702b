"""FACE01's ``npKnown.npz`` files: vectors without images, one folder per person, or one large archive of all."""

from __future__ import annotations

import io
import os
import posixpath
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from facedb.core.records import ImageRecord, VectorBatch
from facedb.sources import problems
from facedb.sources.containers import Containers
from facedb.sources.extensions import has_image_extension
from facedb.sources.folder import Entry
from facedb.sources.identity import identity_rule
from facedb.sources.npyformat import BadArrayError, Readable, TextStream, VectorStream, batch_sizes
from facedb.sources.options import SourceOptions
from facedb.sources.smallzip import Member, read_directory, read_member
from facedb.sources.source import ROWS_PER_BATCH
from facedb.sources.vectors import BatchCollector

_SMALL = 4 << 20
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)
_NO_VECTOR = replace(problems.OTHER_FILE, detail="No vector is stored for this image, and only vectors are read here.")


class NpzSource:
    """The vectors of one ``.npz`` file, of those a pattern names, or of all below a folder.

    The identity of a row is found in the path of its file. In a file at the top it is the row's name, or, where the
    names are those of images, what the rule finds in them. A row is named ``FOLDER/NAME`` where the names of its file
    are those of images, all different and at most 8,192, and ``FILE#ROW`` otherwise. Images that have a vector have no
    record of their own.
    """

    format = "npz"

    def __init__(self, path: Path, options: SourceOptions) -> None:
        self._containers = Containers(path, ".npz files", follow_links=options.follow_links)
        self.root = self._containers.root
        self._options = options
        self._rule = identity_rule(options)
        self._claimed = lru_cache(maxsize=16)(self._names_of_images)

    def records(self) -> Iterator[ImageRecord | VectorBatch]:
        """Yield batches of vectors, and a record for each file that is none or cannot be used."""
        collector = BatchCollector()
        for found in self._containers.find(_is_npz):
            if isinstance(found, str):
                yield from self._read(found, collector)
            elif not self._is_claimed(found):
                record = self._containers.left_out(found)
                image = record.ignored is not None and has_image_extension(record.path)
                yield replace(record, ignored=_NO_VECTOR) if image else record
        yield from collector.flush()

    def count_hint(self) -> int | None:
        """Return the number of rows of files that were named one by one; None for a folder."""
        if not self._containers.named:
            return None
        try:
            total = 0
            for path in self._containers.find(_is_npz):
                with _Archive(os.path.join(self.root, str(path)), self._options) as archive:
                    total += archive.vectors().rows
        except (BadArrayError, OSError, *_BROKEN):
            return None
        return total

    def _read(self, path: str, collector: BatchCollector) -> Iterator[ImageRecord | VectorBatch]:
        try:
            with _Archive(os.path.join(self.root, path), self._options) as archive:
                yield from self._rows(path, archive, collector)
        except BadArrayError as error:
            yield self._containers.unusable(path, problems.bad_record(str(error)))
        except OSError as error:
            yield self._containers.unusable(path, problems.unreadable(error))
        except _BROKEN as error:
            yield self._containers.unusable(path, problems.bad_record(f"The archive is damaged: {error}."))

    def _rows(self, path: str, archive: _Archive, collector: BatchCollector) -> Iterator[VectorBatch]:
        vectors, names = archive.vectors(), archive.names()
        if vectors.rows != names.rows:
            raise BadArrayError(f"There are {vectors.rows:,} vectors and {names.rows:,} names.")
        start = 0
        for count in batch_sizes(vectors.rows):
            rows, labels = vectors.read_rows(count), names.read_rows(count)
            whole = count == vectors.rows
            paths = (_image_paths(path, labels) if whole else None) or [f"{path}#{start + i}" for i in range(count)]
            yield from collector.add(paths, self._identities(path, labels), rows)
            start += count

    def _identities(self, path: str, names: list[str]) -> list[str | None]:
        if self._options.identity_from == "regex":
            folder = posixpath.dirname(path)
            return [self._rule(posixpath.join(folder, name)) for name in names]
        if self._options.identity_from == "none" or "/" in path:
            return [self._rule(path)] * len(names)
        if all(map(has_image_extension, names)):
            return list(map(self._rule, names))
        return [name or None for name in names]

    def _is_claimed(self, entry: Entry) -> bool:
        if entry.broken or not has_image_extension(entry.path):
            return False
        folder, _, name = entry.path.rpartition("/")
        while name not in self._claimed(folder):
            if not folder:
                return False
            folder, _, last = folder.rpartition("/")
            name = f"{last}/{name}"
        return True

    def _names_of_images(self, folder: str) -> frozenset[str]:
        claimed: set[str] = set()
        for file in sorted((self.root / folder).glob("*.npz")):
            try:
                with _Archive(os.fspath(file), self._options) as archive:
                    names = archive.names()
                    if names.rows <= ROWS_PER_BATCH:
                        claimed.update(_as_images(names.read_rows(names.rows)) or ())
            except (BadArrayError, OSError, *_BROKEN):
                # Reading the file itself makes the record that says what is wrong with it.
                continue
        return frozenset(claimed)


class _Archive:
    """One open ``.npz`` file: a small one is read whole, the members of a large one are read as streams."""

    def __init__(self, path: str, options: SourceOptions) -> None:
        self._path = path
        self._options = options
        self._small: dict[str, Member] | None = None

    def __enter__(self) -> _Archive:
        self._file = open(self._path, "rb")
        try:
            self._open()
        except BaseException:
            self._file.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def vectors(self) -> VectorStream:
        """Open the array of vectors."""
        name = self._options.vector_array
        return VectorStream(self._member(name, "--vector-array"), name)

    def names(self) -> TextStream:
        """Open the array of names."""
        name = self._options.name_array
        return TextStream(self._member(name, "--name-array"), name)

    def _open(self) -> None:
        self._data = b""
        if os.fstat(self._file.fileno()).st_size <= _SMALL:
            self._data = self._file.read()
            self._small = read_directory(self._data)
        if self._small is None:
            self._large = zipfile.ZipFile(self._file)

    def _member(self, name: str, flag: str) -> Readable:
        try:
            if self._small is not None:
                return io.BytesIO(read_member(self._data, self._small[name + ".npy"]))
            return self._large.open(name + ".npy")
        except KeyError:
            members = self._large.namelist() if self._small is None else self._small
            seen = ", ".join(sorted(other.removesuffix(".npy") for other in members)) or "none"
            raise BadArrayError(f"There is no array {name!r} (seen: {seen}): name it with {flag}.") from None


def _is_npz(path: str) -> bool:
    return path.lower().endswith(".npz")


def _as_images(names: list[str]) -> list[str] | None:
    different = set(names)
    if len(different) < len(names) or not all(map(has_image_extension, names)):
        return None
    odd = any(name[0] in "./" or "/." in name or "//" in name for name in names)
    return None if odd else names


def _image_paths(path: str, names: list[str]) -> list[str] | None:
    folder = path[: path.rfind("/") + 1]
    images = _as_images(names)
    return None if images is None else [folder + name for name in images]
