"""Signing in and out, and inviting another reviewer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import Field
from starlette.status import HTTP_303_SEE_OTHER

from facedb.core.errors import ConflictError, UsageError
from facedb.web.deps import Body, Parts, PartsHere, SessionHere, ShortText
from facedb.web.gate import cookie_name, cookie_of
from facedb.web.pages import page
from facedb.web.peer import user_of

router = APIRouter(tags=["account"])

_NAME_LENGTH = 100


class Invitation(Body):
    """Who is to review besides."""

    reviewer: ShortText


@dataclass(frozen=True, slots=True)
class Me:
    """Who is signed in; ``csrf`` goes back as the header X-CSRF-Token of everything that changes something."""

    reviewer: str
    csrf: str
    read_only: bool
    sitting_id: int


@dataclass(frozen=True, slots=True)
class Address:
    """An address that signs one reviewer in once."""

    url: str


@router.get("/api/session")
def me(parts: PartsHere, session: SessionHere) -> Me:
    """Who is signed in."""
    return Me(session.reviewer, session.csrf, parts.settings.read_only, session.sitting_id)


@router.post("/api/invitations")
def invite(request: Request, parts: PartsHere, invitation: Invitation) -> Address:
    """An address with a token for another reviewer; it signs in once, under that name."""
    reviewer = _name(invitation.reviewer)
    return Address(f"http://{request.headers['host']}/?token={parts.sessions.invite(reviewer)}")


@router.get("/", include_in_schema=False)
def enter(request: Request, parts: PartsHere, token: Annotated[str | None, Field(max_length=200)] = None) -> Response:
    """The door: a token becomes a cookie, a reviewer goes on to the queue, anybody else learns how to get in."""
    if token:
        user = None if request.client is None else user_of(request.client, parts.settings.port)
        cookie = parts.sessions.redeem(token, user)
        if cookie is not None:
            # The page goes on by itself: a redirect would still be the request of whatever site held the link, without the cookie.
            return _with_cookie(parts, cookie, page(request, "entered.html"))
    if request.state.session is not None:
        return RedirectResponse("/review", HTTP_303_SEE_OTHER)
    return page(
        request, "sign_in.html", status=401, failed="token" if token else None, password=parts.sessions.has_password
    )


@router.post("/sign-in", include_in_schema=False)
async def sign_in(request: Request, parts: PartsHere) -> Response:
    """Sign in with the password."""
    try:
        given = _fields((await request.body()).decode("utf-8", "replace"))
        reviewer = _name(given.get("reviewer", [""])[0])
        cookie = parts.sessions.sign_in(given.get("password", [""])[0], reviewer)
        failed = "password"
    except (ConflictError, UsageError) as error:
        cookie, failed = None, "tries" if isinstance(error, ConflictError) else "name"
    if cookie is None:
        return page(request, "sign_in.html", status=401, failed=failed, password=parts.sessions.has_password)
    return _with_cookie(parts, cookie, RedirectResponse("/review", HTTP_303_SEE_OTHER))


@router.post("/sign-out", include_in_schema=False)
def sign_out(request: Request, parts: PartsHere) -> Response:
    """Forget this session."""
    parts.sessions.end(cookie_of(request.headers, parts.settings))
    answer = Response(status_code=204)
    answer.delete_cookie(cookie_name(parts.settings))
    return answer


def _fields(form: str) -> dict[str, list[str]]:
    try:
        return parse_qs(form, max_num_fields=8)
    except ValueError:
        raise UsageError("A form with a name and a password is all that signs in.") from None


def _with_cookie(parts: Parts, cookie: str, answer: Response) -> Response:
    answer.set_cookie(cookie_name(parts.settings), cookie, httponly=True, samesite="strict", path="/")
    return answer


def _name(text: str) -> str:
    name = text.strip()
    if not name or len(name) > _NAME_LENGTH or not name.isprintable():
        raise UsageError("The name of a reviewer has 1 to 100 characters that can be printed.")
    return name
