"""Arrays in ``.npz`` files: FACE01's ``npKnown.npz``, one for each person or one of all, and what facedb itself exports."""

from __future__ import annotations

import io
import lzma
import os
import posixpath
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from facedb.core.counting import counted
from facedb.core.records import ImageRecord, VectorBatch
from facedb.sources import problems
from facedb.sources.archives.containers import Containers
from facedb.sources.arrays.npyformat import BadArrayError, Readable, TextStream, VectorStream, batch_sizes
from facedb.sources.arrays.smallzip import Member, read_directory, read_member
from facedb.sources.arrays.vectors import BatchCollector
from facedb.sources.extensions import has_image_extension
from facedb.sources.folder import Entry
from facedb.sources.identity import identity_rule
from facedb.sources.options import SourceOptions
from facedb.sources.source import ROWS_PER_BATCH
from facedb.sources.tables.columns import PATH_NAMES, VECTOR_NAMES, column_of, label
from facedb.sources.tables.path_list import named_file
from facedb.sources.tables.table import vector_name

_SMALL = 4 << 20
_LABEL_ARRAYS = "identity identities label labels person persons class classes target y"
_BROKEN = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, RuntimeError, ValueError)
_NO_VECTOR = replace(problems.OTHER_FILE, detail="No vector is stored for this image, and only vectors are read here.")


class NpzSource:
    """The vectors of one ``.npz`` file, of those a pattern names, or of all below a folder.

    The identity of a row is found in the path of its file. In a file at the top it is the row's name, or, where the
    names are those of images, what the rule finds in them. A row is named ``FOLDER/NAME`` where the names of its file
    are those of images, all different and at most 8,192, and ``FILE#ROW`` otherwise. Images that have a vector have no
    record of their own.

    A file without an array of names may have one of paths and one of identities instead, as facedb writes them; without
    vectors it is a list of images. The array of vectors may have any of the names that columns of embeddings have.
    """

    format = "npz"
    remarks: Sequence[str] = ()

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
                    total += (archive.first(PATH_NAMES) or archive.vectors()).rows
        except (BadArrayError, OSError, *_BROKEN):
            return None
        return total

    def _read(self, path: str, collector: BatchCollector) -> Iterator[ImageRecord | VectorBatch]:
        try:
            with _Archive(os.path.join(self.root, path), self._options) as archive:
                if archive.names_people:
                    yield from self._rows(path, archive, collector)
                else:
                    yield from self._table(path, archive, collector)
        except BadArrayError as error:
            yield self._containers.unusable(path, problems.bad_record(str(error)))
        except OSError as error:
            yield self._containers.unusable(path, problems.unreadable(error))
        except _BROKEN as error:
            yield self._containers.unusable(path, problems.bad_record(f"The archive is damaged: {error}."))

    def _rows(self, path: str, archive: _Archive, collector: BatchCollector) -> Iterator[VectorBatch]:
        vectors, names = archive.vectors(), archive.names()
        if vectors.rows != names.rows:
            raise BadArrayError(
                f"It holds {counted(vectors.rows, 'vector')} and {counted(names.rows, 'name')}: there must be one each."
            )
        few = names.read_rows(names.rows) if names.rows <= ROWS_PER_BATCH else None
        images = None if few is None else _image_paths(path, few)
        start = 0
        for count in batch_sizes(vectors, names):
            stop = start + count
            labels = names.read_rows(count) if few is None else few[start:stop]
            paths = [f"{path}#{row}" for row in range(start, stop)] if images is None else images[start:stop]
            yield from collector.add(paths, self._identities(path, labels), vectors.read_rows(count))
            start = stop

    def _table(self, path: str, archive: _Archive, collector: BatchCollector) -> Iterator[ImageRecord | VectorBatch]:
        """The rows of an archive whose arrays are the columns of a table."""
        paths, labels, ordinals = map(archive.first, (PATH_NAMES + " paths objectids", _LABEL_ARRAYS, "ordinal"))
        vectors = archive.vectors() if archive.has_vectors or paths is None else None
        main = vectors or paths
        if main is None or (paths is None and labels is None):
            archive.names()
            return
        columns = [column for column in (vectors, paths, labels, ordinals) if column is not None]
        if {column.rows for column in columns} != {main.rows}:
            raise BadArrayError("The arrays of vectors, paths and identities have different lengths.")
        start = 0
        for count in batch_sizes(*columns):
            names = [f"{path}#{start + k}" for k in range(count)] if paths is None else paths.read_rows(count)
            identities = list(map(self._rule, names)) if labels is None else list(map(label, labels.read_rows(count)))
            if self._options.identity_from == "none":
                identities = [None] * count
            if vectors is None:
                yield from map(self._image, names, identities)
            else:
                order = ["0"] * count if ordinals is None else ordinals.read_rows(count)
                yield from collector.add(list(map(vector_name, names, order)), identities, vectors.read_rows(count))
            start += count

    def _image(self, path: str, identity: str | None) -> ImageRecord:
        return replace(named_file(self.root, path, self._rule), identity=identity)

    def _identities(self, path: str, names: list[str]) -> list[str | None]:
        if self._options.identity_from == "regex":
            folder = posixpath.dirname(path)
            return [self._rule(posixpath.join(folder, name)) for name in names]
        if self._options.identity_from == "none" or "/" in path:
            return [self._rule(path)] * len(names)
        if all(map(has_image_extension, names)):
            return list(map(self._rule, names))
        return list(map(label, names))

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

    @property
    def names_people(self) -> bool:
        """Whether the archive has FACE01's array of names, or no other that says who is in it."""
        return self._options.name_array in self._arrays()

    @property
    def has_vectors(self) -> bool:
        """Whether an array of vectors was named or has a usual name."""
        return self._vector_array() in self._arrays()

    def vectors(self) -> VectorStream:
        """Open the array of vectors."""
        name = self._vector_array()
        return VectorStream(self._member(name, "--vector-array"), name)

    def first(self, names: str) -> TextStream | None:
        """Open the first array that has one of the ``names``; None where there is none."""
        arrays = self._arrays()
        column = column_of(arrays, names)
        return None if column is None else TextStream(self._member(arrays[column], ""), arrays[column], floats=True)

    def _vector_array(self) -> str:
        arrays, wanted = self._arrays(), self._options.vector_array
        column = None if wanted in arrays else column_of(arrays, VECTOR_NAMES)
        return wanted if column is None else arrays[column]

    def _arrays(self) -> list[str]:
        members = self._large.namelist() if self._small is None else list(self._small)
        return [name.removesuffix(".npy") for name in members if name.endswith(".npy")]

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
            seen = ", ".join(sorted(self._arrays())) or "none"
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
