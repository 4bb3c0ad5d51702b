"""One PostgreSQL server of our own: initdb, start, probe, stop. Who shares it is the subject of `embedded`.

`initdb` and `postgres` are started directly, not through `pg_ctl`, whose shell command breaks on unusual paths. While
any process of a server lives it holds the lock file it inherited, so the kernel, not a process number in a file, says
whether a server runs: also after a SIGKILL, a reboot, or from another container on the same volume.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import psycopg

from facedb.core.errors import DatabaseError
from facedb.db import postmaster_binaries as binaries
from facedb.db.postmaster_account import SERVICE_DIR, Account, Place, initdb_account, own_directory
from facedb.db.postmaster_settings import server_settings

USER = "facedb"
DATABASE = "facedb"
PORT = 5432

_START_SECONDS = 300.0
_STOP_SECONDS = 120.0
# The shortest limit of sun_path (macOS has 104 bytes, Linux 108), less the final NUL.
_SOCKET_PATH_BYTES = 103
_PLAIN_PATH = re.compile(r"[A-Za-z0-9/._+@-]+")


@dataclass(slots=True)
class Postmaster:
    """The server of one place; every method expects its caller to hold the home's server lock."""

    place: Place
    service_dir: Path = SERVICE_DIR
    options: Mapping[str, str] = field(default_factory=dict)

    def alive(self) -> bool:
        """Whether any process of this server lives."""
        with self._try_lock() as lock:
            return lock is None

    def ensure(self, *, alone: bool) -> str:
        """Start the server unless it runs, wait until it answers, and return its URL.

        ``alone`` says that no other facedb process uses it: only then may a server that cannot be reached be restarted.
        Raises DatabaseError with the last lines of its log where it does not start.
        """
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            with self._try_lock() as lock:
                if lock is not None:
                    self._start(lock)
                    break
            url = self._answering_url()
            if url is not None:
                return url
            if alone and self._unreachable():
                self.stop()
            time.sleep(0.02)
        url = self._answering_url()
        if url is None:
            raise DatabaseError(f"The embedded PostgreSQL runs but does not answer; see {self.place.log}.")
        return url

    def stop(self) -> None:
        """End the server in order, disconnecting its clients, and wait until every process of it is gone."""
        deadline = time.monotonic() + _STOP_SECONDS
        signalled = False
        while self.alive():
            pid = self._pid_file().pid
            if pid is not None and not signalled:
                try:
                    os.kill(pid, signal.SIGINT)
                except OSError as error:
                    raise DatabaseError(
                        f"The PostgreSQL of {self.place.home} runs where this process cannot stop it ({error})."
                    ) from error
                signalled = True
            if time.monotonic() > deadline:
                raise DatabaseError(f"The embedded PostgreSQL does not stop (process {pid}); see {self.place.log}.")
            time.sleep(0.01)

    def url(self) -> str | None:
        """The URL of the running server, as its own status file tells it; None where none runs."""
        socket_dir = self._pid_file().socket_dir
        return None if socket_dir is None else connection_url(socket_dir)

    def _start(self, lock: int) -> None:
        place = self.place
        if not place.data.is_dir():
            self._initdb()
        version = (place.data / "PG_VERSION").read_text().strip()
        if version != str(binaries.MAJOR):
            raise DatabaseError(
                f"{place.data} was made by PostgreSQL {version} and this facedb brings {binaries.MAJOR}; "
                "dump it with the older facedb, or name another FACEDB_HOME."
            )
        self._remove_stale_pid_file()
        socket_dir = self._socket_dir()
        settings = {**server_settings(), **self.options, "unix_socket_directories": str(socket_dir), "port": str(PORT)}
        arguments = ["-D", str(place.data)]
        for name, value in settings.items():
            arguments += ["-c", f"{name}={value}"]
        with _appended(place.log) as log:
            begin = os.fstat(log).st_size
            process = self._spawn("postgres", arguments, log, place.account, keep=lock)
            deadline = time.monotonic() + _START_SECONDS
            while self._answering_url() is None:
                if process.poll() is not None or time.monotonic() > deadline:
                    if process.returncode is None:
                        process.terminate()
                        process.wait()
                    raise DatabaseError(f"The embedded PostgreSQL did not start: {_tail(place.log, begin)}")
                time.sleep(0.01)
        # The server outlives this object on purpose; without a return code Popen would warn about it.
        process.returncode = 0

    def _initdb(self) -> None:
        """Make the data directory under another name and rename it, so that a killed initdb leaves nothing behind."""
        place = self.place
        for abandoned in place.parent.glob(".initdb-*"):
            shutil.rmtree(abandoned)
        fresh = Path(tempfile.mkdtemp(prefix=".initdb-", dir=place.parent))
        try:
            self._run_initdb(fresh)
            for path in (fresh, *fresh.rglob("*")):
                _give(path, place.account)
            fresh.rename(place.data)
        except BaseException:
            shutil.rmtree(fresh, ignore_errors=True)
            raise

    def _run_initdb(self, fresh: Path) -> None:
        account = initdb_account(self.place.account)
        _give(fresh, account)
        arguments = ["-D", str(fresh), "-U", USER, "--auth-local=trust", "--auth-host=reject", "--encoding=UTF8"]
        arguments += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "--no-instructions"]
        if self.options.get("fsync") == "off":
            arguments.append("--no-sync")
        with _appended(self.place.log) as log:
            begin = os.fstat(log).st_size
            process = self._spawn("initdb", arguments, log, account)
            try:
                code = process.wait()
            except BaseException:
                process.kill()
                process.wait()
                raise
        if code != 0:
            raise DatabaseError(f"The embedded database could not be created: {_tail(self.place.log, begin)}")

    def _spawn(
        self, program: str, arguments: Sequence[str], log: int, account: Account, *, keep: int | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a program of PostgreSQL in a session of its own, so that Ctrl-C in the terminal does not reach it."""
        directory = binaries.bin_dir() if account.uid is None else binaries.service_bin_dir(self.service_dir)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        environment |= {"LC_ALL": "C"}
        try:
            return subprocess.Popen(
                [str(directory / program), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=environment,
                start_new_session=True,
                pass_fds=() if keep is None else (keep,),
                user=account.uid,
                group=account.gid,
                extra_groups=None if account.uid is None else [],
                umask=0o077,
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise DatabaseError(
                f"PostgreSQL's {program} cannot be run ({error}); name a PostgreSQL server with --dsn instead."
            ) from error

    def _socket_dir(self) -> Path:
        """A private directory for the socket: beside the data where that path is short and plain, else a hash."""
        place = self.place
        directory = place.cluster / "run"
        path = os.fsencode(directory / f".s.PGSQL.{PORT}")
        if len(path) > _SOCKET_PATH_BYTES or not _PLAIN_PATH.fullmatch(str(directory)):
            base = Path(tempfile.gettempdir()).resolve() if place.account.uid is None else self.service_dir.resolve()
            directory = base / f"facedb-{_short_hash(place.cluster)}"
        return own_directory(directory, place.account)

    def _remove_stale_pid_file(self) -> None:
        """Remove the status file of a server that is gone; called with the lock held, so no server of ours is alive.

        PostgreSQL itself refuses to start where the recorded number now belongs to any process of the same user.
        """
        pid = self._pid_file().pid
        if pid is not None and _serves(pid, self.place.data):
            raise DatabaseError(f"Another PostgreSQL (process {pid}) uses {self.place.data}; stop it first.")
        (self.place.data / "postmaster.pid").unlink(missing_ok=True)

    def _pid_file(self) -> _PidFile:
        try:
            lines = (self.place.data / "postmaster.pid").read_text(errors="surrogateescape").splitlines()
        except FileNotFoundError:
            lines = []
        lines += [""] * (8 - len(lines))
        return _PidFile(
            pid=int(lines[0]) if lines[0].strip().isdigit() else None,
            socket_dir=Path(lines[4]) if lines[4] else None,
            status=lines[7].strip(),
        )

    def _answering_url(self) -> str | None:
        """The URL of the server if it accepts connections now; makes sure that its database exists."""
        found = self._pid_file()
        if found.socket_dir is None or found.status != "ready":
            return None
        try:
            with psycopg.connect(connection_url(found.socket_dir, "postgres"), autocommit=True) as connection:
                exists = connection.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
                if exists is None:
                    connection.execute(f"CREATE DATABASE {DATABASE}")
        except psycopg.OperationalError:
            return None
        return connection_url(found.socket_dir)

    def _unreachable(self) -> bool:
        """Whether the server says it is ready and its socket is gone, as after a cleaning of /tmp."""
        found = self._pid_file()
        if found.status != "ready" or found.socket_dir is None:
            return False
        return not (found.socket_dir / f".s.PGSQL.{PORT}").exists()

    @contextmanager
    def _try_lock(self) -> Iterator[int | None]:
        """The lock that the processes of a server hold, or None while any of them lives."""
        lock = os.open(self.place.home / "postmaster.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield None
            else:
                yield lock
        finally:
            os.close(lock)


@dataclass(frozen=True, slots=True)
class _PidFile:
    pid: int | None
    socket_dir: Path | None
    status: str


def connection_url(socket_dir: Path, database: str = DATABASE) -> str:
    """The URL of a database of the embedded server, for psql and every other libpq client."""
    return f"postgresql://{USER}@/{database}?host={quote(str(socket_dir), safe='')}&port={PORT}"


def _serves(pid: int, data: Path) -> bool:
    """Whether the process is a PostgreSQL on this data directory, in which every postmaster stands."""
    try:
        return Path(f"/proc/{pid}/cwd").resolve(strict=True) == data.resolve()
    except (FileNotFoundError, ProcessLookupError):
        pass
    except PermissionError:
        return False
    if Path("/proc/self").exists():
        return False
    listed = subprocess.run(["/bin/ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return "postgres" in listed.stdout and str(data) in listed.stdout


def _give(path: Path, account: Account) -> None:
    if account.uid is not None and account.gid is not None:
        os.chown(path, account.uid, account.gid, follow_symlinks=False)


def _short_hash(path: Path) -> str:
    import hashlib

    return hashlib.sha256(os.fsencode(path)).hexdigest()[:16]


@contextmanager
def _appended(path: Path) -> Iterator[int]:
    """Open the log for appending, beginning it anew once it has grown beyond a megabyte."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
    log = os.open(path, flags, 0o600)
    try:
        if os.fstat(log).st_size > 1 << 20:
            os.truncate(log, 0)
        yield log
    finally:
        os.close(log)


def _tail(log: Path, begin: int) -> str:
    """What the log says since ``begin``: its errors, else its last lines."""
    with log.open("rb") as file:
        file.seek(begin)
        lines = file.read().decode(errors="replace").splitlines()
    errors = [line for line in lines if re.search(r"FATAL|PANIC|error|HINT|could not", line)]
    said = [re.sub(r"^[-0-9]+ [:.0-9]+ \w+ \[\d+\] ", "", line) for line in (errors or lines)[-4:]]
    return " / ".join(said) or f"it wrote nothing to {log}"
