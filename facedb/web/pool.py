"""A few open connections that requests take in turn: opening one takes longer than most of what the page asks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from queue import Empty, LifoQueue

from psycopg.pq import TransactionStatus

from facedb.core.errors import DatabaseError
from facedb.db.connection import Connection, Database, translated

_IDLE = 8


class Pool:
    """Connections to ``db``; as many as are wanted at once, of which a few stay open."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self._idle: LifoQueue[Connection] = LifoQueue(_IDLE)
        self._closed = False

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Lend a connection; leaving the block commits, an exception rolls back. Raises what `Database.connection` raises."""
        conn = self._take()
        try:
            with translated(self.db.dsn):
                yield conn
                conn.commit()
        finally:
            self._give_back(conn)

    def close(self) -> None:
        """Close what is idle; what is lent is closed when it comes back."""
        self._closed = True
        while True:
            try:
                self._idle.get_nowait().close()
            except Empty:
                return

    def _take(self) -> Connection:
        while True:
            try:
                conn = self._idle.get_nowait()
            except Empty:
                return self._open()
            # A server that was restarted meanwhile leaves connections that fail at their first use.
            if not conn.closed and _alive(conn):
                return conn
            conn.close()

    def _open(self) -> Connection:
        try:
            return self.db.open()
        except DatabaseError:
            # The embedded server may have died under the page: it is started again once.
            self.db.revive()
            return self.db.open()

    def _give_back(self, conn: Connection) -> None:
        if not conn.closed and conn.info.transaction_status is not TransactionStatus.IDLE:
            conn.rollback()
        if conn.closed or self._closed or self._idle.full():
            conn.close()
        else:
            self._idle.put(conn)


def _alive(conn: Connection) -> bool:
    """Whether the server is still there, without asking it: a closed socket can be read from."""
    import select

    poll = select.poll()
    poll.register(conn.fileno(), select.POLLIN)
    return not poll.poll(0)
