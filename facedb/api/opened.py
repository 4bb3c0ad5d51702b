"""An open database, and the words that its methods share."""

from __future__ import annotations

import os
import weakref
from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Self

from facedb.core.errors import UsageError
from facedb.core.progress import Reporter
from facedb.db.connection import Database
from facedb.db.connection import connect as open_database
from facedb.db.migrate import ensure

if TYPE_CHECKING:
    from facedb.core.settings import Settings

PathLike = str | os.PathLike[str]
Threshold = float | str


class Opened:
    """An open database; a context manager, or closed by ``close()``."""

    def __init__(self, settings: Settings, reporter: Reporter) -> None:
        self._settings = settings
        self._reporter = reporter
        stack = ExitStack()
        # An embedded server is stopped when the last user lets go of it, so a forgotten close must not keep it up.
        self._close = weakref.finalize(self, stack.close)
        try:
            self._db: Database = stack.enter_context(open_database(settings))
            ensure(self._db)
        except BaseException:
            stack.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<facedb on {self._db.describe()}{'' if self._close.alive else ', closed'}>"

    def close(self) -> None:
        """Release the database; closing it twice does nothing."""
        self._close()

    @property
    def dsn(self) -> str:
        """The DSN of the database, for other tools (it may hold a password)."""
        return self._open().dsn

    def _open(self) -> Database:
        if not self._close.alive:
            raise UsageError("This connection is closed: call facedb.connect() again.")
        return self._db
