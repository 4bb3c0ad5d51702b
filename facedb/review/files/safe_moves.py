"""Moving files below one root so that nothing is overwritten, nothing leaves the root, and a crash loses nothing.

Every path is walked folder by folder with O_NOFOLLOW, so that a symbolic link, also one that appears meanwhile, ends the
walk instead of leading out. A file gets its new name by a hard link, which fails where the name is taken, and then loses
its old one; on file systems without hard links, and between two, it is copied, verified and synchronised first.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from facedb.core.errors import ConflictError, InputError
from facedb.core.files.paths import display, quoted
from facedb.dataset.intake.storable import storable_time
from facedb.review.files.checkpoints import reached

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NO_LINKS_HERE = (errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS)
_CHUNK = 1 << 20

Where = Literal["before", "between", "after"]


@dataclass(frozen=True, slots=True)
class FolderState:
    """A folder: permission bits and modification time in nanoseconds since 1970."""

    mode: int
    mtime_ns: int


class Tree:
    """The files below ``root``; a context manager. Paths are relative to it, with ``/``.

    ``hard_links`` False copies always, as on a file system that has no hard links.
    """

    def __init__(self, root: str, *, hard_links: bool = True) -> None:
        self.root = root
        self._hard_links = hard_links
        self._fd = -1

    def __enter__(self) -> Self:
        try:
            self._fd = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise InputError(
                f"The folder {display(self.root)} cannot be opened: {error.strerror}. If it has moved, say so first: "
                f"`facedb ingest NEW --moved-from {quoted(self.root)}`."
            ) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        os.close(self._fd)

    def folder_state(self, path: str) -> FolderState | None:
        """A folder as it is, or None where there is none; ``path`` is empty for the root."""
        try:
            with self._folder(path) as fd:
                status = os.fstat(fd)
        except FileNotFoundError:
            return None
        return FolderState(stat.S_IMODE(status.st_mode), storable_time(status.st_mtime_ns) or 0)

    def where(self, source: str, target: str, sha256: bytes, *, begun: bool) -> Where:
        """How far the move of a file is, told from the files alone.

        Raises ConflictError where the file is missing or has other bytes, and where ``target`` is taken by something that
        the move did not put there; before it has ``begun`` that is anything.
        """
        at_source, at_target = self._status(source), self._status(target)
        if begun:
            at_source = None if self._is_reservation(source, at_source) else at_source
            at_target = None if self._is_reservation(target, at_target) else at_target
        if at_source is not None and at_target is None:
            self._check(source, sha256)
            return "before"
        if at_source is None and at_target is not None and begun:
            self._check(target, sha256)
            return "after"
        if at_source is None:
            raise ConflictError(f"{self._named(source)} is gone: ingest again and make a new plan.")
        if not begun:
            raise ConflictError(f"{self._named(target)} exists already and is not overwritten: make a new plan.")
        self._check(source, sha256)
        self._check(target, sha256)
        return "between"

    def move(self, source: str, target: str, sha256: bytes) -> os.stat_result:
        """Bring the file at ``source`` to ``target``, from wherever an earlier attempt left it; returns its new status.

        The folder of ``target`` must be there. Raises ConflictError as ``where`` does.
        """
        where = self.where(source, target, sha256, begun=True)
        if where == "before":
            self._give_name(source, target, sha256)
        if where != "after":
            with self._parent(source) as (folder, name):
                os.unlink(name, dir_fd=folder)
                reached("unlinked")
                os.fsync(folder)
        return self.status(target)

    def check_writable(self, path: str) -> None:
        """Raise ConflictError where the folder of ``path``, or the nearest one above it that is there, takes no change."""
        for folder in reversed(parents(path)):
            try:
                with self._folder(folder) as fd:
                    if os.access(".", os.W_OK | os.X_OK, dir_fd=fd):
                        return
            except FileNotFoundError:
                continue
            raise ConflictError(
                f"The folder {self._named(folder)} may not be changed: give yourself write access to it."
            )

    def status(self, path: str) -> os.stat_result:
        """The status of a file; raises ConflictError where it is gone or a symbolic link."""
        status = self._status(path)
        if status is None:
            raise ConflictError(f"{self._named(path)} is gone: find out what else changes these files.")
        return status

    def clean_up(self, path: str) -> None:
        """Remove what an interrupted copy to ``path`` left behind, if anything."""
        with suppress(FileNotFoundError), self._parent(path) as (folder, name):
            _clean_up(folder, name)

    def make_folder(self, path: str) -> None:
        """Make a folder and those above it where they are missing."""
        done = ""
        for part in filter(None, path.split("/")):
            with self._folder(done) as fd, suppress(FileExistsError):
                os.mkdir(part, dir_fd=fd)
                os.fsync(fd)
                reached("made folder")
            done = f"{done}/{part}" if done else part

    def remove_empty_folder(self, path: str) -> bool:
        """Remove a folder if it is there and empty; says whether it is gone now."""
        try:
            with self._parent(path) as (folder, name):
                os.rmdir(name, dir_fd=folder)
                os.fsync(folder)
                reached("removed folder")
        except FileNotFoundError:
            return True
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                return False
            raise
        return True

    def restore_folder(self, path: str, state: FolderState) -> None:
        """Give a folder the permission bits and modification time that it had."""
        with self._folder(path) as fd:
            if stat.S_IMODE(os.fstat(fd).st_mode) != state.mode:
                os.fchmod(fd, state.mode)
            os.utime(fd, ns=(os.fstat(fd).st_atime_ns, state.mtime_ns))

    def _give_name(self, source: str, target: str, sha256: bytes) -> None:
        with self._parent(source) as (folder, name), self._parent(target) as (new_folder, new_name):
            _clean_up(new_folder, new_name)
            fd = os.open(name, _FILE, dir_fd=folder)
            try:
                if _digest(fd) != sha256:
                    raise ConflictError(_changed(self._named(source)))
                if not self._linked(folder, name, new_folder, new_name, fd):
                    self._copied(fd, new_folder, new_name, sha256)
            except FileExistsError as error:
                raise ConflictError(f"{self._named(target)} exists already and is not overwritten.") from error
            finally:
                os.close(fd)
            reached("named")
            os.fsync(new_folder)

    def _linked(self, folder: int, name: str, new_folder: int, new_name: str, fd: int) -> bool:
        if not self._hard_links:
            return False
        try:
            os.link(name, new_name, src_dir_fd=folder, dst_dir_fd=new_folder, follow_symlinks=False)
        except OSError as error:
            if error.errno in _NO_LINKS_HERE:
                return False
            raise
        linked = os.stat(new_name, dir_fd=new_folder, follow_symlinks=False)
        hashed = os.fstat(fd)
        if (linked.st_dev, linked.st_ino) != (hashed.st_dev, hashed.st_ino):
            os.unlink(new_name, dir_fd=new_folder)
            raise ConflictError(_changed(display(name)))
        return True

    def _copied(self, fd: int, new_folder: int, new_name: str, sha256: bytes) -> None:
        """Copy under a temporary name, verify, reserve the new name without overwriting, then replace the reservation."""
        part = _part(new_name)
        status = os.fstat(fd)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        copy = os.open(part, flags, 0o600, dir_fd=new_folder)
        try:
            reached("copying")
            os.lseek(fd, 0, os.SEEK_SET)
            while chunk := os.read(fd, _CHUNK):
                view = memoryview(chunk)
                while view:
                    view = view[os.write(copy, view) :]
            os.fchmod(copy, stat.S_IMODE(status.st_mode))
            os.utime(copy, ns=(status.st_atime_ns, status.st_mtime_ns))
            os.fsync(copy)
            if _digest(copy) != sha256:
                raise ConflictError(f"The copy of {display(new_name)} differs from the original: check the disk.")
        finally:
            os.close(copy)
        reached("copied")
        os.close(os.open(new_name, flags, 0o600, dir_fd=new_folder))
        reached("reserved")
        os.rename(part, new_name, src_dir_fd=new_folder, dst_dir_fd=new_folder)

    def _check(self, path: str, sha256: bytes) -> None:
        with self._parent(path) as (folder, name):
            fd = os.open(name, _FILE, dir_fd=folder)
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode) or _digest(fd) != sha256:
                raise ConflictError(_changed(self._named(path)))
        finally:
            os.close(fd)

    def _is_reservation(self, path: str, status: os.stat_result | None) -> bool:
        """Whether the file is the empty one of a copy that was interrupted: the temporary file beside it proves it."""
        return status is not None and status.st_size == 0 and self._status(_part(path)) is not None

    def _status(self, path: str) -> os.stat_result | None:
        try:
            with self._parent(path) as (folder, name):
                status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return None
        if stat.S_ISLNK(status.st_mode):
            raise ConflictError(f"{self._named(path)} is a symbolic link, which facedb does not move.")
        return status

    def _named(self, path: str) -> str:
        return display(Path(self.root) / path)

    @contextmanager
    def _parent(self, path: str) -> Iterator[tuple[int, str]]:
        folder, _, name = path.rpartition("/")
        with self._folder(folder) as fd:
            yield fd, name

    @contextmanager
    def _folder(self, path: str) -> Iterator[int]:
        """A descriptor of a folder below the root; raises FileNotFoundError, or ConflictError at a symbolic link."""
        fd = os.dup(self._fd)
        try:
            for part in filter(None, path.split("/")):
                if part in (".", ".."):
                    raise ConflictError(f"{self._named(path)} leads outside the root and is not touched.")
                fd, previous = self._step(fd, part, path), fd
                os.close(previous)
            yield fd
        finally:
            os.close(fd)

    def _step(self, fd: int, part: str, path: str) -> int:
        try:
            return os.open(part, _FOLDER, dir_fd=fd)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENOTDIR):
                raise ConflictError(
                    f"{self._named(path)} leads through {display(part)!r}, a symbolic link or no folder, and is not touched."
                ) from error
            raise


def parents(path: str) -> list[str]:
    """The folders above a path, from the root (empty) down."""
    parts = path.split("/")[:-1]
    return ["/".join(parts[:n]) for n in range(len(parts) + 1)]


def exists(root: str, path: str) -> bool:
    """Whether anything has this name below ``root``, a dangling link included."""
    return os.path.lexists(Path(root) / path)


def _part(path: str) -> str:
    folder, slash, name = path.rpartition("/")
    return f"{folder}{slash}.{hashlib.sha256(os.fsencode(name)).hexdigest()[:16]}.facedb-part"


def _clean_up(folder: int, name: str) -> None:
    with suppress(FileNotFoundError):
        os.stat(_part(name), dir_fd=folder, follow_symlinks=False)
        with suppress(FileNotFoundError):
            if os.stat(name, dir_fd=folder, follow_symlinks=False).st_size == 0:
                os.unlink(name, dir_fd=folder)
                reached("cleaned")
        os.unlink(_part(name), dir_fd=folder)


def _digest(fd: int) -> bytes:
    os.lseek(fd, 0, os.SEEK_SET)
    found = hashlib.sha256()
    while chunk := os.read(fd, _CHUNK):
        found.update(chunk)
    return found.digest()


def _changed(name: str) -> str:
    return f"{name} changed since it was planned and is not touched: ingest again and make a new plan."
