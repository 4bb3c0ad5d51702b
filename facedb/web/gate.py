"""What stands before every request: is it for this page, from this page, of bearable size, from somebody who may; and the headers of
every answer.

A page on 127.0.0.1 can be reached by every site that a browser has open. So a request must name this host (else a foreign name
was made to point here), must not come from another site, and, where it changes something, must carry the session's own token.
"""

from __future__ import annotations

import hmac
import json
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from facedb.web.catalogue import TEXT
from facedb.web.sessions import Session, Sessions
from facedb.web.settings import WebSettings

MAX_BODY = 256 * 1024
MAX_PHOTO = 64 * 1024 * 1024
PHOTO_PATH = "/api/likeness/photo"
_SAFE = ("GET", "HEAD")
_OPEN_PATHS = ("/", "/sign-in")
# Requests that change nothing although they are not GETs.
_READING = ("/sign-in", "/sign-out", PHOTO_PATH)
_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=()",
}


class _RefusedError(Exception):
    def __init__(self, status: int, code: str) -> None:
        super().__init__(TEXT[f"refused.{code}"])
        self.status, self.code = status, code


class Gate:
    """The ASGI middleware around the page."""

    def __init__(self, app: ASGIApp, settings: WebSettings, sessions: Sessions) -> None:
        self._app, self._settings, self._sessions = app, settings, sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or answer why not."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        answer = _with_headers(send, scope["path"])
        try:
            scope.setdefault("state", {})["session"] = self._admit(scope)
            await self._app(scope, _limited(receive, _limit(scope)), answer)
        except _RefusedError as refused:
            await _refuse(scope, answer, refused)
        except ClientDisconnect:
            # Whoever hangs up in the middle of a body waits for no answer.
            return

    def _admit(self, scope: Scope) -> Session | None:
        headers, path, method = Headers(scope=scope), scope["path"], scope["method"]
        host = headers.get("host", "")
        if len(headers.getlist("host")) != 1 or not self._settings.answers_to(host):
            raise _RefusedError(421, "host")
        if _is_foreign(headers, host, method):
            raise _RefusedError(403, "origin")
        length = headers.get("content-length", "0")
        if not length.isascii() or not length.isdigit() or int(length) > _limit(scope):
            raise _RefusedError(413, "large")
        if path.startswith("/static/") and method in _SAFE:
            return None
        session = self._sessions.of(cookie_of(headers, self._settings))
        if session is None and path not in _OPEN_PATHS:
            raise _RefusedError(401, "session")
        if method not in _SAFE and path != "/sign-in":
            given = headers.get("x-csrf-token", "")
            if session is None or not hmac.compare_digest(given.encode(), session.csrf.encode()):
                raise _RefusedError(403, "csrf")
        if self._settings.read_only and method not in _SAFE and path not in _READING:
            raise _RefusedError(403, "read_only")
        return session


def cookie_name(settings: WebSettings) -> str:
    """The name of the session's cookie; browsers keep the cookies of all ports of a host together."""
    return f"facedb_review_{settings.port}"


def cookie_of(headers: Headers, settings: WebSettings) -> str | None:
    """The session's cookie of a request."""
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(cookie_name(settings))
    except CookieError:
        return None
    return None if found is None else found.value


def _is_foreign(headers: Headers, host: str, method: str) -> bool:
    """Whether another site had a part in this request. A plain link to the page is all that another site may do."""
    if any(_place(origin) != host.lower() for origin in headers.getlist("origin")):
        return True
    site = headers.get("sec-fetch-site", "none")
    if site in ("none", "same-origin"):
        return False
    navigates = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
    return not (method in _SAFE and navigates)


def _place(origin: str) -> str | None:
    """Host and port of an origin, in lower case; None where it is none."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return None


def _limit(scope: Scope) -> int:
    return MAX_PHOTO if scope["path"] == PHOTO_PATH else MAX_BODY


def _limited(receive: Receive, limit: int) -> Receive:
    """A body that goes on for longer than it said is not read to its end."""
    seen = 0

    async def inner() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > limit:
            raise _RefusedError(413, "large")
        return message

    return inner


def _with_headers(send: Send, path: str) -> Send:
    async def inner(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers[name] = value
            if "cache-control" not in headers:
                headers["cache-control"] = "no-cache" if path.startswith("/static/") else "no-store"
        await send(message)

    return inner


async def _refuse(scope: Scope, send: Send, refused: _RefusedError) -> None:
    body: dict[str, Any] = {"code": refused.code, "message": str(refused)}
    headers = [(b"location", b"/")]
    if refused.code == "session" and scope["method"] == "GET" and "text/html" in Headers(scope=scope).get("accept", ""):
        # A person who opened a page, and not a script: the door says how to get in.
        await send({"type": "http.response.start", "status": 303, "headers": headers})
        await send({"type": "http.response.body", "body": b""})
        return
    text, kind = json.dumps(body).encode(), b"application/json"
    if not scope["path"].startswith("/api/"):
        text, kind = f"{refused}\n".encode(), b"text/plain; charset=utf-8"
    headers = [(b"content-type", kind), (b"content-length", str(len(text)).encode())]
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else text})
