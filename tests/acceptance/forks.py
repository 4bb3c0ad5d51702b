"""The command in a fork of a process that has imported it: a whole process each time, without half a second of imports.

Every call has its own environment, folder, stdout, stderr and exit code, and dies alone. What a test wants to interrupt,
to kill or to watch while it runs is started as a user starts it instead (`Command.start`).
"""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO

_LONGEST_SECONDS = 150
"""After which a command is ended by SIGALRM, which is then its exit code."""
_PROGRAM = str(Path(sys.executable).with_name("facedb"))


def run(arguments: Sequence[str], environment: Mapping[str, str], folder: Path) -> tuple[int, bytes, bytes]:
    """Exit code (negative: the signal that ended it), stdout and stderr of ``facedb`` with ``arguments``."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, _server().connection() as connection:
        request = json.dumps([list(arguments), dict(environment), str(folder)]).encode()
        socket.send_fds(connection, [len(request).to_bytes(4, "big")], [out.fileno(), err.fileno()])
        connection.sendall(request)
        connection.settimeout(_LONGEST_SECONDS + 30)
        status = int(connection.makefile("r").readline())
        return os.waitstatus_to_exitcode(status), _whole(out), _whole(err)


def _whole(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read()


class _Server:
    """The process that forks, one for each worker of the tests, gone with it."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="facedb-forks-")
        self._address = str(Path(self._folder.name) / "socket")
        # It ends when this end of its stdin is closed, however this process ends.
        command = [sys.executable, str(Path(__file__)), self._address]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        assert select.select([self._process.stdout], [], [], _LONGEST_SECONDS)[0], (
            "the process that forks did not start"
        )
        assert self._process.stdout.readline() == b"ready\n"
        atexit.register(self._end)

    def connection(self) -> socket.socket:
        """A connection for one command."""
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(self._address)
        return connection

    def _end(self) -> None:
        self._process.kill()
        self._process.communicate()
        self._folder.cleanup()


@cache
def _server() -> _Server:
    return _Server()


def _serve(address: str) -> None:
    # What nearly every command imports; nothing that has threads of its own.
    import numpy  # noqa: F401, ICN001
    import PIL.Image  # noqa: F401
    import psycopg  # noqa: F401

    import facedb.cli.app
    import facedb.db.migrate
    import facedb.db.server.embedded
    import facedb.report.reading
    import facedb.scan.run  # noqa: F401

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        print("ready", flush=True)  # noqa: T201 - what the other process waits for
        while True:
            ready, _, _ = select.select([listener, sys.stdin], [], [])
            if sys.stdin in ready:
                return
            connection, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                _answer(connection)
            connection.close()


def _answer(connection: socket.socket) -> None:
    """Fork the command, wait for it and tell its status; does not return."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    head, files, _, _ = socket.recv_fds(connection, 4, 2)
    with connection.makefile("rb") as stream:
        arguments, environment, folder = json.loads(stream.read(int.from_bytes(head, "big")))
    child = os.fork()
    if child == 0:
        connection.close()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for target, file in enumerate(files, 1):
            os.dup2(file, target)
            os.close(file)
        os.environ.clear()
        os.environ.update(environment)
        os.chdir(folder)
        signal.alarm(_LONGEST_SECONDS)
        sys.argv = [_PROGRAM, *arguments]
        from facedb.cli.start import main

        main()
    _, status = os.waitpid(child, 0)
    connection.sendall(f"{status}\n".encode())
    os._exit(0)


if __name__ == "__main__":
    _serve(sys.argv[1])
