"""The bytes of an image, from a file of its own or from inside a container; for many threads at once."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import threading
import zlib
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from facedb.core.files import magic
from facedb.sources.archives.recordio import MAGIC_BYTES, join_parts

_CHUNK = 1 << 20
_WINDOW_CHUNKS = 32
_PARQUET = b"PAR1"
_COMPRESSED: dict[bytes, Callable[[str], io.BufferedIOBase]] = {
    magic.GZIP: gzip.GzipFile,
    magic.BZIP2: bz2.BZ2File,
    magic.XZ: lzma.LZMAFile,
}


class _Container(Protocol):
    def read_at(self, offset: int, length: int) -> bytes: ...

    def close(self) -> None: ...


class _PlainContainer:
    """A container whose members lie in the file as they are: positioned reads need no lock."""

    def __init__(self, descriptor: int, *, is_recordio: bool) -> None:
        self._descriptor = descriptor
        self._is_recordio = is_recordio

    def read_at(self, offset: int, length: int) -> bytes:
        parts = []
        while length > 0:
            part = os.pread(self._descriptor, length, offset)
            if not part:
                raise OSError("the container ends before the image does")
            parts.append(part)
            offset += len(part)
            length -= len(part)
        data = b"".join(parts)
        return join_parts(data) if self._is_recordio else data

    def close(self) -> None:
        os.close(self._descriptor)


class _CompressedContainer:
    """A compressed stream that is read forward; the last 32 MiB stay, as threads ask for images a little out of order.

    A read before that window starts again at the beginning of the stream: right, and slow.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._stream: io.BufferedIOBase | None = None
        self._window: deque[bytes] = deque()
        self._start = 0
        self._end = 0

    def read_at(self, offset: int, length: int) -> bytes:
        with self._lock:
            if self._stream is None or offset < self._start:
                self._restart()
            # Whatever of the image a full window would push out is taken along while going forward.
            data = bytearray()
            while True:
                data += self._cached(offset + len(data), length - len(data))
                if len(data) >= length:
                    return bytes(data)
                if not self._advance():
                    raise OSError("the container ends before the image does")

    def _cached(self, offset: int, length: int) -> bytes:
        found = bytearray()
        position = self._start
        for chunk in self._window:
            if position + len(chunk) > offset and position < offset + length:
                found += chunk[max(offset - position, 0) : offset + length - position]
            position += len(chunk)
        return bytes(found)

    def _advance(self) -> bool:
        if self._stream is None:
            return False
        try:
            chunk = self._stream.read(_CHUNK)
        except (EOFError, zlib.error, lzma.LZMAError) as error:
            raise OSError(f"the compressed container is damaged: {error}") from error
        if not chunk:
            return False
        self._window.append(chunk)
        self._end += len(chunk)
        if len(self._window) > _WINDOW_CHUNKS:
            self._start += len(self._window.popleft())
        return True

    def _restart(self) -> None:
        self.close()
        self._stream = open_compressed(self._path)
        self._window.clear()
        self._start = self._end = 0

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None


class ByteReader:
    """Reads what an ImageRecord points to; a context manager that closes what it opened.

    At most ``max_open`` containers stay open, more only while that many are being read at once.
    """

    def __init__(self, max_open: int = 8) -> None:
        self._max_open = max_open
        self._lock = threading.Lock()
        self._open: OrderedDict[str, _Container] = OrderedDict()
        self._users: dict[str, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close every container that is open; call it when no thread reads any more."""
        with self._lock:
            for container in self._open.values():
                container.close()
            self._open.clear()

    def read(self, root: Path, path: str, container: str | None, offset: int | None, length: int | None) -> bytes:
        """Return the bytes of one image; raises OSError where file or container are gone, unreadable or too short.

        ``path`` (or ``container``, where given) is relative to ``root``; ``offset`` and ``length`` are those of the
        record, for parquet the number of the row. Compressed containers and parquet are quick where records
        are asked for about in the order of their offsets.
        """
        if container is None:
            with open(os.path.join(root, path), "rb") as file:
                return file.read()
        if offset is None or length is None:
            raise OSError(f"the place of {path!r} in its container is not known")
        with self._pinned(os.path.join(root, container)) as opened:
            return opened.read_at(offset, length)

    @contextmanager
    def _pinned(self, full_path: str) -> Iterator[_Container]:
        with self._lock:
            container = self._open.get(full_path)
            if container is None:
                self._close_idle(self._max_open - 1)
                container = self._open[full_path] = _open_container(full_path)
            self._open.move_to_end(full_path)
            self._users[full_path] = self._users.get(full_path, 0) + 1
        try:
            yield container
        finally:
            with self._lock:
                self._users[full_path] -= 1
                if not self._users[full_path]:
                    del self._users[full_path]

    def _close_idle(self, keep: int) -> None:
        for name in [name for name in self._open if name not in self._users]:
            if len(self._open) <= keep:
                return
            self._open.pop(name).close()


def open_compressed(full_path: str) -> io.BufferedIOBase:
    """Open a gzip, bzip2 or xz file for reading what it holds; raises OSError where it is none of these."""
    with open(full_path, "rb") as file:
        head = file.read(6)
    for start, open_file in _COMPRESSED.items():
        if head.startswith(start):
            return open_file(full_path)
    raise OSError(f"{full_path} is not compressed in a known way")


def is_compressed(head: bytes) -> bool:
    """Say whether a file that starts with ``head`` is one that ``open_compressed`` opens."""
    return head.startswith(tuple(_COMPRESSED))


def _open_container(full_path: str) -> _Container:
    descriptor = os.open(full_path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    head = os.pread(descriptor, 6, 0)
    if is_compressed(head):
        os.close(descriptor)
        return _CompressedContainer(full_path)
    if head.startswith(_PARQUET):
        os.close(descriptor)
        # Arrow takes long to import, and most sources do without it.
        from facedb.sources.tables.parquet_pictures import PictureContainer

        return PictureContainer(full_path)
    return _PlainContainer(descriptor, is_recordio=head.startswith(MAGIC_BYTES))
