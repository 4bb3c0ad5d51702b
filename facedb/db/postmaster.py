"""One PostgreSQL server of our own: initdb, start, probe, stop. Who shares it is the subject of `embedded`.

`initdb` and `postgres` are started directly, not through `pg_ctl`, whose shell command breaks on unusual paths. While
any process of a server lives it holds the lock file it inherited, so the kernel, not a process number in a file, says
whether a server runs: also after a SIGKILL, a reboot, or from another container on the same volume.
"""

from __future__ import annotations

import fcntl
import hashlib
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
from facedb.db.postmaster_account import SERVICE_DIR, Account, Place, give, initdb_account, own_directory
from facedb.db.postmaster_process import appended, read_pid_file, serves, spawn, tail
from facedb.db.postmaster_settings import server_settings

USER = "facedb"
DATABASE = "facedb"
PORT = 5432
SOCKET = f".s.PGSQL.{PORT}"

_START_SECONDS = 300.0
_STOP_SECONDS = 120.0
_SILENT_SECONDS = 30.0
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
        silent_since: float | None = None
        while True:
            with self._try_lock() as lock:
                if lock is not None:
                    self._start(lock)
            url = self._answering_url()
            if url is not None:
                return url
            found = read_pid_file(self.place.data)
            if found.status != "ready":
                # It starts, recovers, or ends: each of them comes to an end by itself.
                silent_since = None
            elif alone and found.socket_dir is not None and not (found.socket_dir / SOCKET).exists():
                # Something cleaned the temporary directory.
                self.stop()
            elif silent_since is None:
                silent_since = time.monotonic()
            elif time.monotonic() - silent_since > _SILENT_SECONDS:
                raise DatabaseError(
                    f"The PostgreSQL of {self.place.home} runs but does not answer here; see {self.place.log}."
                )
            time.sleep(0.02)

    def stop(self) -> None:
        """End the server in order, disconnecting its clients, and wait until every process of it is gone."""
        deadline = time.monotonic() + _STOP_SECONDS
        signalled: int | None = None
        while self.alive():
            pid = read_pid_file(self.place.data).pid
            if pid is not None and pid != signalled and serves(pid, self.place.data):
                os.kill(pid, signal.SIGINT)
                signalled = pid
            if time.monotonic() > deadline:
                raise DatabaseError(
                    f"The PostgreSQL of {self.place.home} (process {pid}) does not stop; see {self.place.log}."
                )
            time.sleep(0.01)
        directory = self._socket_dir()
        if directory.is_dir() and directory.parent != self.place.cluster:
            shutil.rmtree(directory)

    def url(self) -> str | None:
        """The URL of the running server, as its own status file tells it; None where none runs."""
        socket_dir = read_pid_file(self.place.data).socket_dir
        return None if socket_dir is None else connection_url(socket_dir)

    def _start(self, lock: int) -> None:
        place = self.place
        if not place.data.is_dir():
            self._initdb(lock)
        version = (place.data / "PG_VERSION").read_text().strip()
        if version != str(binaries.MAJOR):
            raise DatabaseError(
                f"{place.data} was made by PostgreSQL {version} and this facedb brings {binaries.MAJOR}; "
                "dump it with the older facedb, or name another FACEDB_HOME."
            )
        socket_dir = own_directory(self._socket_dir(), place.account)
        self._remove_stale_files()
        settings = {**server_settings(), **self.options, "unix_socket_directories": str(socket_dir), "port": str(PORT)}
        arguments = ["-D", str(place.data)]
        for name, value in settings.items():
            arguments += ["-c", f"{name}={value}"]
        with appended(place.log) as log:
            begin = os.fstat(log).st_size
            process = self._spawn("postgres", arguments, log, place.account, lock)
            try:
                self._await_start(process, begin)
            finally:
                # The server outlives this object on purpose; without a return code Popen would warn about it.
                process.returncode = 0

    def _await_start(self, process: subprocess.Popen[bytes], log_begin: int) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while self._answering_url() is None:
            if process.poll() is not None:
                raise DatabaseError(f"The embedded PostgreSQL did not start: {tail(self.place.log, log_begin)}")
            if time.monotonic() > deadline:
                process.terminate()
                raise DatabaseError(f"The embedded PostgreSQL takes too long to start; see {self.place.log}.")
            time.sleep(0.01)

    def _initdb(self, lock: int) -> None:
        """Make the data directory under another name and rename it, so that a killed initdb leaves nothing behind."""
        place = self.place
        prefix = f".initdb-{place.cluster.name}-"
        for abandoned in place.parent.glob(f"{prefix}*"):
            shutil.rmtree(abandoned)
        fresh = Path(tempfile.mkdtemp(prefix=prefix, dir=place.parent))
        try:
            self._run_initdb(fresh, lock)
            for path in (fresh, *fresh.rglob("*")):
                give(path, place.account)
            fresh.rename(place.data)
        except BaseException:
            shutil.rmtree(fresh, ignore_errors=True)
            raise

    def _run_initdb(self, fresh: Path, lock: int) -> None:
        account = initdb_account(self.place.account)
        give(fresh, account)
        arguments = ["-D", str(fresh), "-U", USER, "--auth-local=trust", "--auth-host=reject", "--encoding=UTF8"]
        arguments += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "--no-instructions"]
        if self.options.get("fsync") == "off":
            arguments.append("--no-sync")
        with appended(self.place.log) as log:
            begin = os.fstat(log).st_size
            process = self._spawn("initdb", arguments, log, account, lock)
            try:
                code = process.wait()
            except BaseException:
                process.kill()
                process.wait()
                raise
        if code != 0:
            raise DatabaseError(f"The embedded database could not be created: {tail(self.place.log, begin)}")

    def _spawn(
        self, program: str, arguments: Sequence[str], log: int, account: Account, lock: int
    ) -> subprocess.Popen[bytes]:
        own = account.uid is None
        directory = binaries.bin_dir() if own else binaries.service_bin_dir(self.service_dir)
        return spawn([str(directory / program), *arguments], log, account, lock)

    def _socket_dir(self) -> Path:
        """Where the socket belongs: beside the data where that path is short and plain, else a name made by a hash."""
        place = self.place
        directory = place.cluster / "run"
        path = os.fsencode(directory / SOCKET)
        if len(path) > _SOCKET_PATH_BYTES or not _PLAIN_PATH.fullmatch(str(directory)):
            base = Path(tempfile.gettempdir()).resolve() if place.account.uid is None else self.service_dir.resolve()
            directory = base / f"facedb-{_short_hash(place.cluster)}"
        return directory

    def _remove_stale_files(self) -> None:
        """Remove what a killed server left; called with the lock held, so no server of ours is alive.

        PostgreSQL itself refuses to start where a recorded number now belongs to any process of the same user.
        """
        pid = read_pid_file(self.place.data).pid
        if pid is not None and serves(pid, self.place.data):
            raise DatabaseError(f"Another PostgreSQL (process {pid}) uses {self.place.data}; stop it first.")
        (self.place.data / "postmaster.pid").unlink(missing_ok=True)
        for name in (SOCKET, f"{SOCKET}.lock"):
            (self._socket_dir() / name).unlink(missing_ok=True)

    def _answering_url(self) -> str | None:
        """The URL of the server if it accepts connections now; makes sure that its database exists."""
        found = read_pid_file(self.place.data)
        if found.socket_dir is None or found.status != "ready":
            return None
        try:
            with psycopg.connect(
                connection_url(found.socket_dir, "postgres"), autocommit=True, connect_timeout=5
            ) as connection:
                exists = connection.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
                if exists is None:
                    connection.execute(f"CREATE DATABASE {DATABASE}")
        except psycopg.OperationalError:
            return None
        return connection_url(found.socket_dir)

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


def connection_url(socket_dir: Path, database: str = DATABASE) -> str:
    """The URL of a database of the embedded server, for psql and every other libpq client."""
    return f"postgresql://{USER}@/{database}?host={quote(str(socket_dir), safe='')}&port={PORT}"


def _short_hash(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
