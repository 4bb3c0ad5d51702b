"""Ingests or embeds in small pieces and kills itself when so many are committed: stop_at.py DSN ingest|embed FOLDER|MODEL PIECES."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from facedb.core.progress import Silent, Task
from facedb.dataset import embed, ingest
from facedb.dataset.intake import one_source
from facedb.db.connection import Database

dsn, command, path, pieces = sys.argv[1:]
left = int(pieces)


class Counted:
    """A task that is told of each piece when it is committed."""

    def advance(self, *_done: object) -> None:
        """Die at the last one."""
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


class Stopped(Silent):
    """A reporter that counts."""

    @contextmanager
    def task(self, *_what: object) -> Iterator[Task]:
        """Open a piece of work that is counted."""
        yield Counted()


db = Database(dsn, embedded=True)
if command == "ingest":
    one_source._BATCH = 5
    ingest.ingest(db, Path(path), reporter=Stopped())
else:
    embed._COMMIT_IMAGES = 4
    embed.embed(db, embed.ModelChoice(Path(path)), threads=1, reporter=Stopped())
