"""The embedded PostgreSQL as several facedb processes share it: the first starts it, the last one stops it.

Every process that uses the server holds a shared lock on ``clients.lock`` in the home; the kernel drops it however the
process ends. Starting and stopping happen under an exclusive lock on ``server.lock``. A process that leaves and can turn its shared lock
into an exclusive one was the last. A file ``keep-up`` says that the server stays (`facedb db start`).
A server whose last user was killed stays up until the next facedb process adopts it and leaves in order.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from facedb.core.errors import ConflictError, DatabaseError
from facedb.db.server import loopback
from facedb.db.server.account import SERVICE_DIR, Place, make_home, prepare
from facedb.db.server.loopback import Loopback
from facedb.db.server.postmaster import DATABASE, USER, Postmaster
from facedb.db.wait import Say, Wait, silent

# Longer than any start or stop takes.
_PATIENCE_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """What is known of an embedded server without starting it; ``url`` only while it runs, ``tcp`` where it listens."""

    home: Path
    exists: bool
    running: bool
    in_use: bool
    keep_up: bool
    url: str | None
    tcp: Loopback | None = None


class EmbeddedServer:
    """One use of the embedded server of a home.

    ``options`` are further PostgreSQL settings for a start, by name (tests turn ``fsync`` off).
    """

    def __init__(
        self,
        home: Path,
        *,
        service_dir: Path = SERVICE_DIR,
        options: Mapping[str, str] | None = None,
        say: Say = silent,
    ) -> None:
        self.home = home.expanduser().resolve()
        self._say = say
        self._service_dir = service_dir
        self._options = dict(options or {})
        self._client: int | None = None

    def acquire(self) -> str:
        """Start the server unless it runs, count this process among its users, and return its URL.

        Raises DatabaseError where it cannot be started.
        """
        if self._client is not None:
            raise DatabaseError("This use of the embedded server has begun already.")
        with self._exclusive():
            client = self._open("clients.lock")
            try:
                alone = self._upgraded(client)
                fcntl.flock(client, fcntl.LOCK_SH)
                url = self._postmaster().ensure(alone=alone)
            except BaseException as error:
                try:
                    if isinstance(error, KeyboardInterrupt):
                        # The server may have been started for nobody else.
                        self._stop_if_last(client)
                finally:
                    os.close(client)
                if isinstance(error, OSError):
                    raise DatabaseError(
                        f"The embedded database of {self.home} cannot be started ({error}); "
                        "make its files accessible, or set FACEDB_HOME to another directory."
                    ) from error
                raise
            self._client = client
            return url

    def revive(self) -> None:
        """Start the server again where it died while it was in use; raises DatabaseError where that fails."""
        with self._exclusive():
            self._postmaster().ensure(alone=False)

    def release(self) -> None:
        """End this use; the last one stops the server unless it is kept up."""
        if self._client is None:
            return
        client, self._client = self._client, None
        try:
            with self._exclusive():
                self._stop_if_last(client)
        finally:
            os.close(client)

    def _stop_if_last(self, client: int) -> None:
        """Stop the server unless others use it or it is kept up."""
        if self._upgraded(client) and not self._marker.exists():
            self._postmaster().stop()

    def keep_up(self, *, port: int | None = None) -> str:
        """Start the server unless it runs, let it stay when its last user leaves, and return its URL.

        With a ``port`` it listens there as well (`facedb.db.server.loopback`) until it is stopped. Raises ConflictError where it
        would have to be started anew for that and others use it, DatabaseError where the port cannot be had.
        """
        if port is not None:
            with self._exclusive():
                self._listen(port)
        try:
            with server(self.home, service_dir=self._service_dir, options=self._options) as url:
                if port is not None:
                    loopback.set_password(self.home, url, USER, DATABASE)
                # Last, so that nothing stays up where this is interrupted.
                self._marker.touch()
                return url
        except (DatabaseError, KeyboardInterrupt):
            if port is not None:
                loopback.forget(self.home)
                self._marker.unlink(missing_ok=True)
            raise

    def _listen(self, port: int) -> None:
        """Stop a server that does not listen on ``port``, so that the next start does."""
        found, postmaster = loopback.asked(self.home), self._postmaster()
        if postmaster.alive():
            if found is not None and found.port == port:
                return
            client = self._open("clients.lock")
            try:
                if not self._upgraded(client):
                    raise ConflictError(
                        "Another facedb is using the embedded PostgreSQL, which has to be restarted to listen on a port; "
                        "wait until that one is done, then run this again."
                    )
                postmaster.stop()
            finally:
                os.close(client)
        loopback.ask(self.home, port)

    def stop(self) -> bool:
        """Keep the server up no longer and stop it; False where facedb processes use it: the last of them will."""
        if not self.home.is_dir():
            return True
        with self._exclusive():
            self._marker.unlink(missing_ok=True)
            loopback.forget(self.home)
            client = self._open("clients.lock")
            try:
                if not self._upgraded(client):
                    return False
                self._postmaster().stop()
            finally:
                os.close(client)
        return True

    def status(self) -> ServerStatus:
        """What is known of the server; starts and creates nothing."""
        if not (self.home / "postgres").exists():
            return ServerStatus(self.home, exists=False, running=False, in_use=False, keep_up=False, url=None)
        with self._exclusive():
            client = self._open("clients.lock")
            try:
                in_use = not self._upgraded(client)
            finally:
                os.close(client)
            postmaster = self._postmaster()
            running = postmaster.alive()
            url = postmaster.url() if running else None
            tcp = loopback.asked(self.home) if running else None
        return ServerStatus(self.home, True, running, in_use, self._marker.exists(), url, tcp)

    @property
    def place(self) -> Place:
        """Where the server's files are; creates the directories that are missing."""
        with self._exclusive():
            return prepare(self.home, self._service_dir)

    @property
    def _marker(self) -> Path:
        return self.home / "keep-up"

    def _postmaster(self) -> Postmaster:
        return Postmaster(prepare(self.home, self._service_dir), self._service_dir, self._options, self._say)

    def _open(self, name: str) -> int:
        return os.open(self.home / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)

    @staticmethod
    def _upgraded(client: int) -> bool:
        """Whether the lock could be made exclusive, so that no other process uses the server."""
        try:
            fcntl.flock(client, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _take(self, lock: int) -> None:
        """Wait for another facedb that starts or stops the server; raises DatabaseError where it never ends."""
        wait = Wait(self._say)
        while not self._upgraded(lock):
            if wait.on("another facedb that is starting or stopping the embedded server") > _PATIENCE_SECONDS:
                raise DatabaseError(
                    f"Another facedb has been starting or stopping the database of {self.home} for "
                    f"{_PATIENCE_SECONDS / 60:.0f} minutes; stop it, then run this again."
                )
            time.sleep(0.01)

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        """Let one process at a time start, stop or look at the server."""
        try:
            make_home(self.home, self._service_dir)
            lock = self._open("server.lock")
        except OSError as error:
            raise DatabaseError(
                f"The directory of the embedded database cannot be used ({error}); set FACEDB_HOME to another one."
            ) from error
        try:
            self._take(lock)
            yield
        finally:
            os.close(lock)


@contextmanager
def server(
    home: Path, *, service_dir: Path = SERVICE_DIR, options: Mapping[str, str] | None = None, say: Say = silent
) -> Iterator[str]:
    """Use the embedded server of ``home`` for a while; yields its URL. Raises DatabaseError where it does not start."""
    use = EmbeddedServer(home, service_dir=service_dir, options=options, say=say)
    url = use.acquire()
    try:
        yield url
    finally:
        use.release()
