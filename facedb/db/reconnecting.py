"""Work that outlives its connection: units, each one transaction, run whole and again where the server went away.

A unit that failed before its commit left nothing behind, so it is simply run again. Where the connection is lost during the commit, the
answer is lost too; the server remembers by the number of the transaction whether it was committed, and the unit is run again only where
it was not. What belongs to a session (locks, temporary tables) is made again after a reconnect.
"""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from typing import TypeVar

import psycopg
from psycopg import errors

from facedb.core.errors import FacedbError
from facedb.db.connection import Connection, Database, translate
from facedb.db.locks import wait_briefly
from facedb.db.session import SQL
from facedb.db.wait import Say, silent

Result = TypeVar("Result")
Row = TypeVar("Row")

RECONNECT_SECONDS = 60.0
_TRIES = 6
_EVERY_SECONDS = 0.25
# On its way out a process waits no longer than this for what others hold.
_END_SECONDS = 2.0
_LOST = ("08", "57P", "25P03")
# What a server says that refuses a connection now and may take it in a moment.
_FOR_NOW = ("the database system is", "too many ", "connection slots", "terminating")


class Work:
    """One connection to ``db`` that comes back; close it at the end. ``say`` hears of a lost connection.

    A unit may be run several times: what it changes besides the database must not count before it has returned.
    """

    def __init__(self, db: Database, *, say: Say = silent, patience: float | None = None) -> None:
        self._db = db
        self._say = say
        self._patience = RECONNECT_SECONDS if patience is None else patience
        self._kept: list[Callable[[Connection], None]] = []
        self._use(db.open())

    def close(self) -> None:
        """Close the connection."""
        self.conn.close()

    def keep(self, take: Callable[[Connection], None]) -> None:
        """Take something that belongs to a session, now and again after each reconnect."""
        self.unit(take)
        self._kept.append(take)

    def unit(self, work: Callable[[Connection], Result]) -> Result:
        """What ``work`` returns, in a transaction of its own that is committed once.

        Raises what ``work`` raises, and the error of facedb for a server that does not come back in time.
        """
        unheard: tuple[str, Result] | None = None

        def once() -> Result:
            nonlocal unheard
            if unheard is not None and self._counts(unheard[0]):
                return unheard[1]
            unheard = None
            self._db.expect_room()
            result = work(self.conn)
            number = self._number()
            unheard = None if number is None else (number, result)
            self.conn.commit()
            return result

        return self.outlive(once)

    def outlive(self, act: Callable[[], Result]) -> Result:
        """What ``act`` returns, which opens connections of its own and may be done again: a server that went away is waited for."""
        for last in range(1, _TRIES + 1):
            try:
                return act()
            except (psycopg.Error, FacedbError) as error:
                if not self._recovers(error, last):
                    raise
        raise AssertionError  # pragma: no cover - the last try raises

    def _recovers(self, error: psycopg.Error | FacedbError, last: int) -> bool:
        """Get ready for another try; False where that would be of no use."""
        cause = error if isinstance(error, psycopg.Error) else error.__cause__
        if not isinstance(cause, psycopg.Error) or last == _TRIES:
            self._roll_back()
            return False
        if self.conn.closed or is_lost(cause):
            self._reconnect(cause)
            return True
        self._roll_back()
        if not is_passing(cause):
            return False
        time.sleep(_EVERY_SECONDS * last)
        return True

    def _reconnect(self, cause: psycopg.Error) -> None:
        reason = str(translate(cause, self._db.dsn)).partition(" (")[0].rstrip(".")
        self._say(f"{reason}; waiting up to {self._patience:.0f} s for the connection to come back.")
        until = time.monotonic() + self._patience
        while True:
            try:
                self._db.revive()
                self.begin_anew()
                for take in self._kept:
                    take(self.conn)
                    self.conn.commit()
            except (psycopg.Error, FacedbError) as error:
                if not _for_now(error) or time.monotonic() > until:
                    raise
                time.sleep(_EVERY_SECONDS)
            else:
                self._say("The connection is back; going on.")
                return

    def part(self, act: Callable[[Connection], object]) -> None:
        """Do a last thing on the way out, whatever became of the connection; what it changes is committed, and it waits for nobody.

        Where the server is gone it is left undone, without a word: an error is on its way already, or nobody is to be held up.
        """
        try:
            self._last(act)
        except errors.LockNotAvailable:
            # Somebody else holds what it needs, and would from another connection too.
            self._roll_back()
        except psycopg.Error:
            # Ctrl-C in mid-statement leaves a connection that takes no other one.
            with suppress(psycopg.Error, FacedbError):
                self.begin_anew()
                self._last(act)

    def _last(self, act: Callable[[Connection], object]) -> None:
        self.conn.rollback()
        wait_briefly(self.conn, _END_SECONDS)
        act(self.conn)
        self.conn.commit()

    def begin_anew(self) -> None:
        """Take a new connection in place of one that was lost, or interrupted in mid-statement and of no use any more."""
        self.conn.close()
        fresh = self._db.open()
        try:
            # The server may not have noticed yet, and the old session would keep its locks from the new one.
            fresh.execute(SQL["end_old"], {"pid": self._pid, "began": self._began})
            fresh.commit()
            self._use(fresh)
        except BaseException:
            fresh.close()
            raise

    def _use(self, conn: Connection) -> None:
        row = conn.execute(SQL["began"]).fetchone()
        conn.commit()
        self.conn, self._pid, self._began = conn, conn.info.backend_pid, row[0] if row else None

    def _number(self) -> str | None:
        """The number of the open transaction, None where it has written nothing."""
        row = self.conn.execute("select pg_current_xact_id_if_assigned()::text").fetchone()
        return row[0] if row else None

    def _counts(self, number: str) -> bool:
        """Whether the transaction of this number was committed."""
        try:
            row = self.conn.execute("select pg_xact_status(%s::xid8)", [number]).fetchone()
            self.conn.commit()
        except errors.InvalidParameterValue:
            # A server that took over from another one and has never heard of it.
            self.conn.rollback()
            return False
        return row is not None and row[0] == "committed"

    def _roll_back(self) -> None:
        with suppress(psycopg.Error):
            self.conn.rollback()


def streamed(
    db: Database, rows: Callable[[Connection], Iterator[Row]], key: Callable[[Row], int], *, say: Say = silent
) -> Iterator[Row]:
    """The rows of a query on a connection of its own, each key once, begun again where the connection is lost.

    For queries that leave out what is done already; what was handed out before is left out here.
    """
    given = array("q")
    lost = 0
    while True:
        before = frozenset(given)
        try:
            with closing(Work(db, say=say)) if not lost else closing(_patient(db, say)) as work:
                for row in rows(work.conn):
                    if key(row) not in before:
                        given.append(key(row))
                        yield row
        except psycopg.Error as error:
            lost += 1
            if lost >= _TRIES or not is_lost(error):
                raise
        else:
            return


def _patient(db: Database, say: Say) -> Work:
    """A connection to a server that may take a moment to come back."""
    until = time.monotonic() + RECONNECT_SECONDS
    while True:
        try:
            db.revive()
            return Work(db, say=say)
        except FacedbError as error:
            if not _for_now(error) or time.monotonic() > until:
                raise
            time.sleep(_EVERY_SECONDS)


def is_lost(error: psycopg.Error) -> bool:
    """Whether an error ended the connection, or the snapshot that other connections shared with one that ended."""
    if isinstance(error, errors.UndefinedObject | errors.InvalidParameterValue) and "snapshot" in str(error):
        return True
    if error.sqlstate is None:
        return isinstance(error, psycopg.OperationalError)
    return error.sqlstate.startswith(_LOST)


def is_passing(error: psycopg.Error) -> bool:
    """Whether the same transaction may well succeed when it is run again: others were in its way."""
    return isinstance(
        error, errors.SerializationFailure | errors.DeadlockDetected | errors.LockNotAvailable | errors.QueryCanceled
    )


def _for_now(error: psycopg.Error | FacedbError) -> bool:
    cause = error if isinstance(error, psycopg.Error) else error.__cause__
    if not isinstance(cause, psycopg.OperationalError):
        return False
    said = str(cause)
    return is_lost(cause) and ("FATAL" not in said or any(words in said for words in _FOR_NOW))
