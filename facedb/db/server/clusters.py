"""Every embedded database of this user, also those whose home is gone: where each is, how large, and whose.

A database below the service directory outlives the home that points at it. So a note of each is left beside them (for
root) or in the user's state directory, when it is made.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from facedb.core.errors import ConflictError, DatabaseError, NotFoundError
from facedb.db.server.account import is_root
from facedb.db.server.process import processes, read_pid_file, read_unlinked

_STOP_SECONDS = {signal.SIGINT: 20.0, signal.SIGQUIT: 10.0, signal.SIGKILL: 10.0}


@dataclass(frozen=True, slots=True)
class Cluster:
    """One embedded database: its directory, the home it was made for (None: unknown), its bytes, and how it stands.

    It is ``orphaned`` where that home is gone or points at another one.
    """

    directory: Path
    home: Path | None
    bytes: int
    running: bool
    orphaned: bool


def note(directory: Path, home: Path, service_dir: Path) -> None:
    """Leave a note of a new database, so that it is found once its home is gone; where none can be kept, there is none."""
    place = _notes(service_dir)
    if place is None:
        return
    name = hashlib.sha256(os.fsencode(directory)).hexdigest()[:16]
    with suppress(OSError):
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(place / name, flags, 0o600), "wb") as file:
            file.write(os.fsencode(directory) + b"\0" + os.fsencode(home))


def clusters(home: Path, service_dir: Path) -> list[Cluster]:
    """What there is: the database of ``home``, every noted one, and what lies below the service directory for root."""
    found: dict[Path, Path | None] = {}
    if (home / "postgres" / "data").exists():
        found[(home / "postgres").resolve()] = home
    for directory, owner in _noted(service_dir):
        found.setdefault(directory, owner)
    if is_root() and service_dir.is_dir():
        for directory in sorted(service_dir.resolve().glob("home-*")):
            found.setdefault(directory, None)
    return [_look(directory, owner) for directory, owner in found.items()]


def find(known: list[Cluster], names: list[str]) -> list[Cluster]:
    """Those of the databases that are named by their own directory or their home; raises NotFoundError for any other name."""
    chosen = []
    for name in names:
        path = Path(name).expanduser().absolute()
        hit = [c for c in known if path in (c.directory, c.home) or path.resolve() in (c.directory, c.home)]
        if not hit:
            raise NotFoundError(
                f"There is no embedded database at {name}; `facedb db status --all` lists those that there are."
            )
        chosen += hit
    return list(dict.fromkeys(chosen))


def remove(cluster: Cluster) -> None:
    """Delete a database for good; raises ConflictError where its home uses it now, DatabaseError where it cannot be deleted."""
    if cluster.running and not cluster.orphaned:
        raise ConflictError(
            f"The database in {cluster.directory} is running; stop it with `facedb db stop`, then remove it."
        )
    _end(cluster.directory / "data")
    try:
        if cluster.home is not None and not cluster.orphaned and (cluster.home / "postgres").is_symlink():
            (cluster.home / "postgres").unlink()
        shutil.rmtree(cluster.directory)
    except OSError as error:
        raise DatabaseError(
            f"{cluster.directory} could not be removed completely ({error.strerror}); remove the rest by hand."
        ) from error


def _look(directory: Path, home: Path | None) -> Cluster:
    points = home is not None and (home / "postgres").exists() and (home / "postgres").resolve() == directory
    return Cluster(
        directory, home, _size(directory), bool(processes(directory / "data")), home is not None and not points
    )


def _size(directory: Path) -> int:
    total = 0
    for folder, _, files in os.walk(directory):
        for name in files:
            # A running server deletes files meanwhile.
            with suppress(OSError):
                total += (Path(folder) / name).lstat().st_size
    return total


def _notes(service_dir: Path) -> Path | None:
    if is_root():
        return service_dir / "homes"
    try:
        return platformdirs.user_state_path("facedb", appauthor=False) / "homes"
    except RuntimeError:
        return None


def _noted(service_dir: Path) -> list[tuple[Path, Path]]:
    """The databases that notes speak of; the notes of those that are gone are thrown away."""
    place = _notes(service_dir)
    if place is None or not place.is_dir():
        return []
    found = []
    for file in sorted(place.iterdir()):
        with suppress(OSError, ValueError):
            directory, home = (Path(os.fsdecode(part)) for part in read_unlinked(file).split(b"\0"))
            if (directory / "data").is_dir():
                found.append((directory, home))
            else:
                file.unlink()
    return found


def _end(data: Path) -> None:
    """End a server that nobody can reach any more: in order, at once, by force."""
    for number, seconds in _STOP_SECONDS.items():
        until = time.monotonic() + seconds
        first = read_pid_file(data).pid
        living = processes(data)
        for pid in living if number is signal.SIGKILL or first not in living else [first]:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        while processes(data) and time.monotonic() < until:
            time.sleep(0.05)
        if not processes(data):
            return
    raise DatabaseError(f"The PostgreSQL in {data} does not stop; stop it by hand, then remove its directory.")
