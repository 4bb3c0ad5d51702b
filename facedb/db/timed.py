"""Statements with their names and times, for the log of SQL where it is turned on; never with their parameters."""

from __future__ import annotations

import time
from typing import Any, Self

import psycopg

from facedb.core.machine.runlog import SQL_LOGGER
from facedb.db.queries import Query


class TimedCursor(psycopg.Cursor[Any]):
    """A cursor that logs the name of each statement, its milliseconds and its rows."""

    def execute(self, query: Any, params: Any = None, **options: Any) -> Self:
        """Execute and log."""
        began = time.perf_counter()
        try:
            return super().execute(query, params, **options)
        finally:
            name = query.name if isinstance(query, Query) else "(composed)"
            about = {"query": name, "ms": round(1000 * (time.perf_counter() - began), 2), "rows": self.rowcount}
            SQL_LOGGER.debug("sql %s: %.2f ms, %s rows", name, about["ms"], self.rowcount, extra=about)
