"""What routes ask for: the parts of the page, the reviewer's session, and values within the bounds of the database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Path, Query, Request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from facedb.web.data.kept_states import Standing
from facedb.web.data.likeness import Embedders
from facedb.web.jobs import Jobs
from facedb.web.learning import Learning
from facedb.web.live import Live
from facedb.web.pictures import Pictures
from facedb.web.pool import Pool
from facedb.web.sessions import Session, Sessions
from facedb.web.settings import WebSettings

_INTEGER = 2**31 - 1
_BIGINT = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Parts:
    """What one run of the page is made of."""

    settings: WebSettings
    pool: Pool
    sessions: Sessions
    pictures: Pictures
    jobs: Jobs
    live: Live
    embedders: Embedders
    standing: Standing
    learning: Learning


def parts(request: Request) -> Parts:
    """The parts of this page."""
    return cast("Parts", request.app.state.parts)


def session(request: Request) -> Session:
    """Who asks; the gate lets nobody else in."""
    return cast("Session", request.state.session)


def _plain(text: str) -> str:
    """Text that PostgreSQL can hold."""
    if "\0" in text:
        raise ValueError("text holds no zero byte")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("text holds no half characters") from None
    return text


PartsHere = Annotated[Parts, Depends(parts)]
SessionHere = Annotated[Session, Depends(session)]
Integer = Annotated[int, Path(ge=1, le=_INTEGER)]
Bigint = Annotated[int, Path(ge=1, le=_BIGINT)]
AskedInteger = Annotated[int | None, Query(ge=1, le=_INTEGER)]
Top = Annotated[int, Query(ge=1, le=500)]
AskedText = Annotated[str | None, Query(max_length=300), AfterValidator(lambda text: text and _plain(text))]
GivenInteger = Annotated[int, Field(ge=1, le=_INTEGER)]
GivenBigint = Annotated[int, Field(ge=1, le=_BIGINT)]
GivenText = Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(_plain)]
ShortText = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_plain)]


class Body(BaseModel):
    """The base of what a request may carry: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Refusal(BaseModel):
    """Why something was not done: a stable ``code`` and a sentence."""

    code: str
    message: str
