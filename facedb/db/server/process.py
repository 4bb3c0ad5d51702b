"""The processes of PostgreSQL from outside: starting one, its status file, its log."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from facedb.core.errors import DatabaseError
from facedb.db.server.account import Account
from facedb.db.session import without_libpq_variables

_LOG_BYTES = 1 << 20
_LOG_PREFIX = re.compile(r"^[-0-9]+ [:.0-9]+ \w+ \[\d+\] ")


@dataclass(frozen=True, slots=True)
class PidFile:
    """What ``postmaster.pid`` says: process, port, directory of the socket, and ``starting``, ``ready`` or ``stopping``."""

    pid: int | None
    port: int | None
    socket_dir: Path | None
    status: str


def read_pid_file(data: Path) -> PidFile:
    """The status file in a data directory; empty where there is none. It may be stale."""
    try:
        lines = os.fsdecode(read_unlinked(data / "postmaster.pid")).splitlines()
    except FileNotFoundError:
        lines = []
    lines += [""] * (8 - len(lines))
    return PidFile(
        pid=int(lines[0]) if lines[0].strip().isdigit() else None,
        port=int(lines[3]) if lines[3].strip().isdigit() else None,
        socket_dir=Path(lines[4]) if lines[4] else None,
        status=lines[7].strip(),
    )


def read_unlinked(path: Path, begin: int = 0) -> bytes:
    """A file from byte ``begin`` on. It must not be a link, for facedb may be root in a folder of others: raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        file.seek(begin)
        return file.read()


def processes(data: Path) -> list[int]:
    """Every process that stands in a data directory: a server and its children; only the first where /proc is missing."""
    if Path("/proc/self").exists():
        numbers = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
        return [number for number in numbers if serves(number, data)]
    pid = read_pid_file(data).pid
    return [pid] if pid is not None and serves(pid, data) else []


def serves(pid: int, data: Path) -> bool:
    """Whether the process is a PostgreSQL on this data directory, which is where every postmaster stands."""
    if Path("/proc/self").exists():
        try:
            return Path(f"/proc/{pid}/cwd").resolve(strict=True) == data.resolve()
        except OSError:
            return False
    listed = subprocess.run(["/bin/ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return "postgres" in listed.stdout and str(data) in listed.stdout


def spawn(command: Sequence[str], log: int, account: Account, lock: int) -> subprocess.Popen[bytes]:
    """Start a program of PostgreSQL as the account; it inherits the lock and writes to the log.

    It gets a session of its own, so that Ctrl-C in the terminal does not reach it. Raises DatabaseError where it cannot
    be run at all.
    """
    environment = without_libpq_variables()
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env=environment | {"LC_ALL": "C"},
            start_new_session=True,
            pass_fds=(lock,),
            user=account.uid,
            group=account.gid,
            extra_groups=None if account.uid is None else [],
            umask=0o077,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise DatabaseError(
            f"PostgreSQL's {Path(command[0]).name} cannot be run ({error}); name a PostgreSQL server with --dsn instead."
        ) from error


@contextmanager
def appended(path: Path) -> Iterator[int]:
    """Open a log for appending, beginning it anew once it has grown beyond a megabyte."""
    try:
        log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise DatabaseError(
            f"The log {path} cannot be written ({error.strerror}); remove it or make it writable."
        ) from error
    try:
        if os.fstat(log).st_size > _LOG_BYTES:
            os.ftruncate(log, 0)
        yield log
    finally:
        os.close(log)


def tail(log: Path, begin: int) -> str:
    """What the log says since byte ``begin``: its errors, else its last lines, in one line."""
    lines = read_unlinked(log, begin).decode(errors="replace").splitlines()
    complaints = [line for line in lines if re.search(r"FATAL|PANIC|error|HINT|could not", line)]
    return " / ".join(_LOG_PREFIX.sub("", line) for line in (complaints or lines)[-4:]) or f"it wrote nothing to {log}"
