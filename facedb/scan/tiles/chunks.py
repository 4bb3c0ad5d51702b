"""The gallery of a scan as chunks: the vectors of each block in a file of their own, where workers on other machines reach them.

They travel out of the database once, to a folder of a disk or an object store, and never change: a manifest names each with its sha256,
and the scan remembers what the manifest must hash to. A worker that finds a chunk missing or changed reads the tables instead, so chunks
may be deleted at any time. They are the owner's alone, and go with the end of the scan.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import pairwise

import numpy as np

from facedb.core.errors import FacedbError, InputError, first_line
from facedb.core.progress import Reporter
from facedb.core.records import Float32Array
from facedb.db.connection import Connection
from facedb.db.queries import load
from facedb.join.error_bounds import quantise_int8
from facedb.scan.faces.gallery import this_database

SQL = load("scan", "chunks")

MANIFEST = "manifest.json"
_FILE = 0o600
_FOLDER = 0o700
_ROWS = 8192
_ELSEWHERE = "make room or access for it, or give another place with --chunks"


class DamagedError(InputError):
    """A chunk is not what its manifest says."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """One block: its file in the folder, how many ``rows`` it has, and the ``sha256`` of the file."""

    name: str
    rows: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What lies in a folder of chunks: float32 vectors of ``dim`` values, one chunk for each block in order.

    ``scale`` rounds all of them to int8, each with an error of at most ``error`` (see `quantise_int8`), so that the codes of a face are
    the same whatever part of the gallery a worker holds.
    """

    scan: int
    dim: int
    scale: float
    error: float
    chunks: tuple[Chunk, ...]


class Folder:
    """A folder of chunks at ``place``: a path, or a URL of an object store that fsspec knows (``s3://…``, ``gs://…``)."""

    def __init__(self, place: str) -> None:
        # Loaded only where there are chunks.
        from fsspec.core import url_to_fs

        self.place = place
        try:
            self._files, self._path = url_to_fs(place)
        except (ImportError, ValueError) as error:
            raise InputError(
                f"The place {place} for the vectors of a scan cannot be used ({first_line(error)}): give another one with --chunks."
            ) from error
        self._local = "file" in (
            self._files.protocol if isinstance(self._files.protocol, tuple) else (self._files.protocol,)
        )

    def make(self) -> None:
        """Make the folder, the owner's alone; raises InputError where that cannot be done."""
        try:
            if self._local:
                os.makedirs(self._path, mode=_FOLDER, exist_ok=True)  # noqa: PTH103 - a path of fsspec
                os.chmod(self._path, _FOLDER)  # noqa: PTH101
            else:
                self._files.makedirs(self._path, exist_ok=True)
        except OSError as error:
            raise InputError(
                f"The folder {self.place} for the vectors cannot be made ({first_line(error)}): {_ELSEWHERE}."
            ) from error

    def write(self, name: str, content: bytes) -> None:
        """Write a file whole; raises InputError where there is no room or no access."""
        path = f"{self._path}/{name}"
        try:
            if self._local:
                part = f"{path}.part"
                with suppress(FileNotFoundError):
                    os.unlink(part)  # noqa: PTH108
                with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE), "wb") as file:
                    file.write(content)
                os.replace(part, path)  # noqa: PTH105
            else:
                self._files.pipe_file(path, content)
        except OSError as error:
            raise InputError(f"{self.place}/{name} cannot be written ({first_line(error)}): {_ELSEWHERE}.") from error

    def read(self, name: str, sha256: str) -> bytes:
        """A file, if it hashes to ``sha256``; raises DamagedError."""
        try:
            content = bytes(self._files.cat_file(f"{self._path}/{name}"))
        except OSError as error:
            raise DamagedError(f"{self.place}/{name} cannot be read ({first_line(error)})") from error
        if hashlib.sha256(content).hexdigest() != sha256:
            raise DamagedError(f"{self.place}/{name} is not what was written")
        return content

    def remove(self) -> None:
        """Delete the folder with all that is in it; nothing to do where it is gone. Raises InputError."""
        try:
            self._files.rm(self._path, recursive=True)
        except FileNotFoundError:
            return
        except OSError as error:
            raise InputError(
                f"The vectors in {self.place} cannot be deleted ({first_line(error)}): delete that folder by hand."
            ) from error


class ChunkReader:
    """The chunks of a scan as a worker reads them."""

    def __init__(self, place: str, sha256: str) -> None:
        self._folder = Folder(place)
        told = json.loads(self._folder.read(MANIFEST, sha256))
        self.manifest = Manifest(**told | {"chunks": tuple(Chunk(**each) for each in told["chunks"])})

    def vectors(self, block: int) -> Float32Array:
        """The vectors float32 (n, d) of a block; raises DamagedError."""
        chunk = self.manifest.chunks[block]
        content = self._folder.read(chunk.name, chunk.sha256)
        vectors: Float32Array = np.load(io.BytesIO(content), allow_pickle=False)
        return vectors


def place_of(conn: Connection, root: str, scan_id: int) -> str:
    """The folder below ``root`` that is this scan's alone, of this database."""
    return f"{root.rstrip('/')}/facedb-{this_database(conn)}-scan-{scan_id}"


def export(
    conn: Connection, scan_id: int, root: str, vectors: Float32Array, borders: Sequence[int], reporter: Reporter
) -> None:
    """Write the ``vectors`` (n, d) of a scan as chunks below ``root``, block k from ``borders[k]`` to ``borders[k + 1]``; commits.

    What an earlier run of the same scan left there is taken as it is where it is whole. Raises InputError where nothing can be written.
    """
    if "://" not in root:
        root = os.path.abspath(os.path.expanduser(root))  # noqa: PTH100, PTH111 - it may be a URL
    if _is_whole(conn, scan_id, len(borders) - 1):
        return
    place = place_of(conn, root, scan_id)
    folder = Folder(place)
    # First the place, so that whatever is killed from here on, what lies there is found and deleted.
    conn.execute(SQL["begin"], {"scan_id": scan_id, "place": place})
    conn.commit()
    folder.make()
    scale, error = _quantisation(vectors)
    chunks = []
    with reporter.task("write chunks", len(vectors), "faces") as task:
        for block, (start, stop) in enumerate(pairwise(borders)):
            buffer = io.BytesIO()
            np.save(buffer, vectors[start:stop])
            content = buffer.getvalue()
            name = f"block-{block:06d}.npy"
            folder.write(name, content)
            chunks.append(Chunk(name, stop - start, hashlib.sha256(content).hexdigest()))
            task.advance(stop - start)
    manifest = Manifest(scan_id, int(vectors.shape[1]), scale, error, tuple(chunks))
    content = json.dumps(asdict(manifest), indent=1).encode()
    folder.write(MANIFEST, content)
    conn.execute(SQL["ready"], {"scan_id": scan_id, "sha256": hashlib.sha256(content).digest()})
    conn.commit()
    reporter.say(
        f"The vectors for workers are in {place} ({vectors.nbytes / 1e6:,.0f} MB); they are removed at the end of the scan."
    )


def reader(conn: Connection, scan_id: int) -> ChunkReader | None:
    """The chunks of a scan where it has some; raises DamagedError where they are not whole."""
    row = conn.execute(SQL["chunks"], {"scan_id": scan_id}).fetchone()
    if row is None or row[0] is None or row[1] is None:
        return None
    try:
        return ChunkReader(row[0], bytes(row[1]).hex())
    except (KeyError, TypeError, ValueError) as error:
        raise DamagedError(f"{row[0]}/{MANIFEST} is not what was written") from error


def remove(conn: Connection, scan_ids: Sequence[int]) -> None:
    """Delete the chunks of scans and what the database says of them; the caller commits. Raises InputError where one stays."""
    for scan_id, place in conn.execute(SQL["places"], {"scan_ids": list(scan_ids)}).fetchall():
        Folder(place).remove()
        conn.execute(SQL["gone"], {"scan_id": scan_id})


def remove_or_say(conn: Connection, scan_id: int, reporter: Reporter) -> None:
    """`remove` at the end of a scan, which must not fail because of it."""
    try:
        remove(conn, [scan_id])
    except FacedbError as error:
        reporter.say(str(error))


def given_up(conn: Connection, models: Sequence[int]) -> list[Folder]:
    """The chunks of every scan under these contracts, of which the database knows nothing from here on; to be removed before the commit."""
    return [Folder(row[0]) for row in conn.execute(SQL["of_models"], {"models": list(models)})]


def _is_whole(conn: Connection, scan_id: int, blocks: int) -> bool:
    """Whether an earlier run left a manifest that counts; a chunk that has gone since is read from the tables."""
    with suppress(DamagedError):
        found = reader(conn, scan_id)
        return found is not None and len(found.manifest.chunks) == blocks
    return False


def _quantisation(vectors: Float32Array) -> tuple[float, float]:
    """The scale for all ``vectors``, and the largest error with it, without keeping a code."""
    parts = [vectors[start : start + _ROWS] for start in range(0, len(vectors), _ROWS)]
    if not parts:
        return 1.0, 0.0
    peak = max(float(np.abs(part).max()) for part in parts)
    scale = float(np.float32(127.0 / peak))
    return scale, max(quantise_int8(part, scale=scale).error for part in parts)
