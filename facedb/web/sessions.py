"""Who may use the page: tokens that count once, sessions behind a cookie, and an optional password.

Nothing of it is kept beyond the process: after a restart everybody signs in again.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from facedb.core.errors import ConflictError, FacedbError

_IDLE_SECONDS = 24 * 3600.0
_TRIES, _TRIES_SECONDS = 5, 60.0


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in reviewer at one browser; ``csrf`` proves that a request comes from this session's own page."""

    reviewer: str
    sitting_id: int
    csrf: str = field(repr=False)


@dataclass(slots=True)
class _Kept:
    session: Session
    used_at: float


@dataclass(frozen=True, slots=True)
class _Invited:
    reviewer: str
    own: bool


class Sessions:
    """The sessions of one run. ``begin`` writes the sitting of a reviewer and returns its key (0 when nothing is written)."""

    def __init__(self, begin: Callable[[str], int], password: str | None = None) -> None:
        self._begin = begin
        self._password = password
        self._lock = threading.Lock()
        self._tokens: dict[str, _Invited] = {}
        self._sessions: dict[str, _Kept] = {}
        self._tries: deque[float] = deque()

    @property
    def has_password(self) -> bool:
        """Whether one can sign in with a password."""
        return self._password is not None

    def invite(self, reviewer: str, *, own: bool = False) -> str:
        """A token that signs ``reviewer`` in once; ``own``: only a program of the user who serves the page.

        What is handed to a browser on its command line can be read there by every user of a machine.
        """
        token = secrets.token_urlsafe(32)
        with self._lock:
            self._tokens[_hash(token)] = _Invited(reviewer, own)
        return token

    def redeem(self, token: str, user: int | None = None) -> str | None:
        """The cookie of a new session for a token that comes from a program of ``user`` (None: nobody knows); None where it is wrong,
        was used, or is not for that user."""
        key = _hash(token)
        with self._lock:
            invited = self._tokens.get(key)
            if invited is None or (invited.own and user not in (None, os.geteuid())):
                return None
            del self._tokens[key]
        try:
            return self._open(invited.reviewer)
        except FacedbError:
            # The database did not answer: the address is still good when it does.
            with self._lock:
                self._tokens[key] = invited
            raise

    def sign_in(self, password: str, reviewer: str) -> str | None:
        """The cookie of a new session for the password; None where it is wrong. Raises ConflictError after too many tries."""
        if self._password is None:
            return None
        with self._lock:
            now = time.monotonic()
            while self._tries and now - self._tries[0] > _TRIES_SECONDS:
                self._tries.popleft()
            if len(self._tries) >= _TRIES:
                raise ConflictError("Too many wrong passwords: wait a minute, then try again.")
            if not hmac.compare_digest(_hash(password), _hash(self._password)):
                self._tries.append(now)
                return None
        return self._open(reviewer)

    def of(self, cookie: str | None) -> Session | None:
        """The session behind a cookie."""
        if not cookie:
            return None
        key, now = _hash(cookie), time.monotonic()
        with self._lock:
            kept = self._sessions.get(key)
            if kept is None:
                return None
            if now - kept.used_at > _IDLE_SECONDS:
                del self._sessions[key]
                return None
            kept.used_at = now
            return kept.session

    def end(self, cookie: str | None) -> None:
        """Forget a session."""
        with self._lock:
            self._sessions.pop(_hash(cookie or ""), None)

    def _open(self, reviewer: str) -> str:
        session = Session(reviewer, self._begin(reviewer), secrets.token_urlsafe(32))
        cookie = secrets.token_urlsafe(32)
        with self._lock:
            self._sessions[_hash(cookie)] = _Kept(session, time.monotonic())
        return cookie


def _hash(secret: str) -> str:
    """What is kept of a secret: a look-up by it tells nothing by its time, and a dump of the memory holds no secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
