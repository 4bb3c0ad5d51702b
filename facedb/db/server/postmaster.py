"""One PostgreSQL server of our own: initdb, start, probe, stop. Who shares it is the subject of `embedded`.

`initdb` and `postgres` are started directly, not through `pg_ctl`, whose shell command breaks on unusual paths. While
any process of a server lives it holds the lock file it inherited, so the kernel, not a process number in a file, says
whether a server runs: also after a SIGKILL, a reboot, or from another container on the same volume.
"""

from __future__ import annotations

import errno
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
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import psycopg

from facedb.core.errors import DatabaseError
from facedb.db import session
from facedb.db.server import binaries, clusters, loopback, room
from facedb.db.server.account import SERVICE_DIR, Account, Place, give, initdb_account, own_directory
from facedb.db.server.process import appended, processes, read_pid_file, read_unlinked, serves, spawn, tail
from facedb.db.server.tuning import server_settings
from facedb.db.wait import Say, Wait, silent

USER = "facedb"
DATABASE = "facedb"
PORT = 5432
# Ports have at most five digits, and the path of the socket has a limit.
_LONGEST_SOCKET = ".s.PGSQL.65535"

_START_SECONDS = 300.0
_SILENT_SECONDS = 30.0
_ORPHAN_SECONDS = 5.0
_RECOVERY_SECONDS = 20.0
# How the server is told to end, and how long each way may take: in order, at once, by force.
_STOP_SECONDS = {signal.SIGINT: 30.0, signal.SIGQUIT: 20.0, signal.SIGKILL: 20.0}
# The shortest limit of sun_path (macOS has 104 bytes, Linux 108), less the final NUL.
_SOCKET_PATH_BYTES = 103
_PLAIN_PATH = re.compile(r"[A-Za-z0-9/._+@-]+")


@dataclass(slots=True)
class Postmaster:
    """The server of one place; every method expects its caller to hold the home's server lock."""

    place: Place
    service_dir: Path = SERVICE_DIR
    options: Mapping[str, str] = field(default_factory=dict)
    say: Say = silent

    def alive(self) -> bool:
        """Whether any process of this server lives."""
        with self._try_lock() as lock:
            return lock is None

    def ensure(self, *, alone: bool) -> str:
        """Start the server unless it runs, wait until it answers, and return its URL.

        ``alone`` says that no other facedb process uses it: only then may a server that cannot be reached be restarted.
        Raises DatabaseError with the last lines of its log where it does not start, and with what was waited for where
        that does not come to pass in time.
        """
        wait = Wait(self.say)
        while True:
            with self._try_lock() as lock:
                if lock is not None:
                    self._start(lock)
            url = self._answering_url()
            if url is not None:
                return url
            found = read_pid_file(self.place.data)
            if found.pid is not None and not serves(found.pid, self.place.data):
                if wait.on("the processes that a killed PostgreSQL left behind to end") > _ORPHAN_SECONDS:
                    self._kill()
            elif found.status == "stopping":
                if wait.on("PostgreSQL to stop, so that it can be started again") > _STOP_SECONDS[signal.SIGINT]:
                    self.stop()
            elif found.status != "ready":
                wait.on("PostgreSQL to start or to recover from a crash")
            elif alone and found.socket_dir is not None and not (found.socket_dir / socket_name(found.port)).exists():
                # Something cleaned the temporary directory.
                self.stop()
            elif wait.on("PostgreSQL to answer") > _SILENT_SECONDS:
                raise DatabaseError(
                    f"The PostgreSQL of {self.place.home} is running but does not answer; see {self.place.log}."
                )
            if wait.seconds > _START_SECONDS:
                raise DatabaseError(
                    f"The embedded database of {self.place.home} is not up after {wait.seconds:.0f} s of waiting for "
                    f"{wait.what}; see {self.place.log}."
                )
            time.sleep(0.02)

    def stop(self) -> None:
        """End the server in order, disconnecting its clients, and wait until every process of it is gone.

        One that does not end in order in time, as during its recovery from a crash, is told to end at once, and killed at
        last: what was committed is in its log, and the next start recovers it.
        """
        self._let_recover()
        for number, seconds in _STOP_SECONDS.items():
            if self._ends(number, seconds):
                break
        else:
            raise DatabaseError(
                f"The PostgreSQL of {self.place.home} (process {read_pid_file(self.place.data).pid}) does not stop; "
                f"see {self.place.log}."
            )
        directory = self._socket_dir()
        if directory.is_dir() and directory.parent != self.place.cluster:
            shutil.rmtree(directory)

    def _let_recover(self) -> None:
        """Give a server that recovers from a crash a moment: if it is told to stop at that point, PostgreSQL 18 may never finish
        stopping."""
        wait = Wait(self.say)
        while self.alive() and wait.on("PostgreSQL to recover before it stops") < _RECOVERY_SECONDS:
            found = read_pid_file(self.place.data)
            there = found.socket_dir is not None and (found.socket_dir / socket_name(found.port)).exists()
            if not there or found.status == "stopping" or found.pid is None or not serves(found.pid, self.place.data):
                return
            try:
                if self._answering_url() is not None:
                    return
            except DatabaseError:
                return
            time.sleep(0.02)

    def _ends(self, number: signal.Signals, seconds: float) -> bool:
        """Send the signal to the server, once for each that shows up, and wait; False where one lives on."""
        wait = Wait(self.say)
        signalled: int | None = None
        while self.alive():
            pid = read_pid_file(self.place.data).pid
            led = pid is not None and serves(pid, self.place.data)
            if number is signal.SIGKILL:
                self._kill()
            elif led and pid != signalled:
                assert pid is not None  # noqa: S101 - it leads
                os.kill(pid, number)
                signalled = pid
            elif not led and (number is signal.SIGQUIT or wait.seconds > _ORPHAN_SECONDS):
                # Nobody is there to pass the signal on to what a killed server left.
                return False
            if wait.on("PostgreSQL to stop") > seconds:
                return False
            time.sleep(0.01)
        return True

    def _kill(self) -> None:
        """Kill every process of the server, the first of them first, so that it starts no other."""
        first = read_pid_file(self.place.data).pid
        for pid in sorted(processes(self.place.data), key=lambda number: number != first):
            # It may be gone already.
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def url(self) -> str | None:
        """The URL of the running server, as its own status file tells it; None where none runs."""
        found = read_pid_file(self.place.data)
        return None if found.socket_dir is None else connection_url(found.socket_dir, port=found.port)

    def _start(self, lock: int) -> None:
        place = self.place
        if not place.data.is_dir():
            self._initdb(lock)
        version = read_unlinked(place.data / "PG_VERSION").decode(errors="replace").strip()
        if version != str(binaries.MAJOR):
            raise DatabaseError(
                f"{place.data} was made by PostgreSQL {version} and this facedb brings {binaries.MAJOR}; "
                "dump it with the older facedb, or name another FACEDB_HOME."
            )
        socket_dir = own_directory(self._socket_dir(), place.account)
        self._remove_stale_files()
        settings = {**server_settings(), "port": str(PORT), **self.options, **loopback.settings(place, USER, DATABASE)}
        settings["unix_socket_directories"] = str(socket_dir)
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
        wait = Wait(self.say)
        while self._answering_url() is None:
            if process.poll() is not None:
                raise DatabaseError(self._why(log_begin, "The embedded PostgreSQL did not start", self.place.data))
            if wait.on("PostgreSQL to start or to recover from a crash") > _START_SECONDS:
                process.terminate()
                raise DatabaseError(f"The embedded PostgreSQL is taking too long to start; see {self.place.log}.")
            time.sleep(0.01)

    def _why(self, log_begin: int, what: str, data: Path) -> str:
        """What the log says of a failure, but for a full disk, of which PostgreSQL says that the data may be corrupted."""
        said = tail(self.place.log, log_begin)
        return room.full(data) if os.strerror(errno.ENOSPC) in said else f"{what}: {said}"

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
            clusters.note(place.cluster, place.home, self.service_dir)
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
            raise DatabaseError(self._why(begin, "The embedded database could not be created", fresh))

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
        path = os.fsencode(directory / _LONGEST_SOCKET)
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
            raise DatabaseError(f"Another PostgreSQL (process {pid}) is using {self.place.data}; stop it first.")
        (self.place.data / "postmaster.pid").unlink(missing_ok=True)
        for left in self._socket_dir().glob(".s.PGSQL.*"):
            left.unlink(missing_ok=True)

    def _answering_url(self) -> str | None:
        """The URL of the server if it accepts connections now; makes sure that its database exists."""
        found = read_pid_file(self.place.data)
        if found.socket_dir is None or found.status != "ready":
            return None
        address = connection_url(found.socket_dir, "postgres", found.port)
        try:
            with session.connect(address, own=True, autocommit=True, connect_timeout=5) as connection:
                exists = connection.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
                if exists is None:
                    connection.execute(f"CREATE DATABASE {DATABASE}")
        except psycopg.OperationalError as error:
            if _not_yet(error):
                return None
            said = " ".join(str(error).split())
            raise DatabaseError(f"The embedded PostgreSQL refuses to work ({said}); see {self.place.log}.") from error
        return connection_url(found.socket_dir, port=found.port)

    @contextmanager
    def _try_lock(self) -> Iterator[int | None]:
        """The lock that the processes of a server hold, or None while any of them lives."""
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        lock = os.open(self.place.home / "postmaster.lock", flags, 0o600)
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield None
            else:
                yield lock
        finally:
            os.close(lock)


def connection_url(socket_dir: Path, database: str = DATABASE, port: int | None = PORT) -> str:
    """The URL of a database of the embedded server, for psql and every other libpq client."""
    return f"postgresql://{USER}@/{database}?host={quote(str(socket_dir), safe='')}&port={port or PORT}"


def socket_name(port: int | None) -> str:
    """The file name of the socket of a server on ``port``."""
    return f".s.PGSQL.{port or PORT}"


def _not_yet(error: psycopg.OperationalError) -> bool:
    """Whether a server that is coming up or going down said so, or nobody answered at all."""
    if error.sqlstate is not None:
        return error.sqlstate.startswith(("57P", "08"))
    said = str(error)
    return "FATAL" not in said or "the database system is" in said


def _short_hash(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
