"""The API of the overview and of live news."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import asdict

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from facedb.report import reading
from facedb.web.data import overview, queue
from facedb.web.data.overview import Dataset, Distribution, Noise, Noisy, Reject, RejectCount
from facedb.web.deps import AskedText, Integer, Parts, PartsHere, SessionHere, parts
from facedb.web.gate import cookie_of
from facedb.web.live import News

router = APIRouter(prefix="/api", tags=["overview"])

_POLL_SECONDS = 1.0
_QUIET_POLLS = 15


@router.get("/datasets")
def datasets(parts: PartsHere) -> list[Dataset]:
    """Datasets with the outcome of their files."""
    return [Dataset(*row[:9]) for row in reading.datasets(parts.pool.db)]


@router.get("/scans/{scan_id}/noise")
def noise(parts: PartsHere, scan_id: Integer) -> list[Noise]:
    """Findings of a scan by class."""
    with parts.pool.connection() as conn:
        return overview.noise(conn, scan_id)


@router.get("/scans/{scan_id}/noisiest")
def noisiest(parts: PartsHere, scan_id: Integer) -> list[Noisy]:
    """The identities that most findings of a scan are about."""
    with parts.pool.connection() as conn:
        return overview.noisiest(conn, scan_id)


@router.get("/scans/{scan_id}/scores")
def scores(parts: PartsHere, scan_id: Integer) -> Distribution | None:
    """The score distributions of a scan with its thresholds; null where there were no two identities."""
    with parts.pool.connection() as conn:
        scan = queue.find_scan(conn, scan_id)
        return overview.distribution(conn, scan_id, scan.threshold, scan.faces)


@router.get("/rejects")
def rejects(parts: PartsHere, code: AskedText = None) -> list[Reject]:
    """Files that did not become faces, some of each reason."""
    with parts.pool.connection() as conn:
        return overview.rejects(conn, code, 200 if code else 12)


@router.get("/rejects/codes")
def reject_codes(parts: PartsHere) -> list[RejectCount]:
    """Why files did not become faces."""
    with parts.pool.connection() as conn:
        return overview.reject_counts(conn)


@router.get("/news")
def news(parts: PartsHere, session: SessionHere) -> News:  # noqa: ARG001 - it must be somebody's
    """The state that `/api/events` follows."""
    return parts.live.news()


@router.get("/events", response_class=StreamingResponse, responses={200: {"content": {"text/event-stream": {}}}})
async def events(request: Request) -> StreamingResponse:
    """Server-sent events: the news of `/api/news` whenever any of it changes, until the session ends."""
    return StreamingResponse(_stream(request, parts(request)), media_type="text/event-stream")


async def _stream(request: Request, here: Parts) -> AsyncIterator[str]:
    last, quiet, cookie = "", 0, cookie_of(request.headers, here.settings)
    while (
        not here.live.closed.is_set() and here.sessions.of(cookie) is not None and not await request.is_disconnected()
    ):
        text = json.dumps(asdict(await run_in_threadpool(here.live.news)))
        if text != last:
            last, quiet = text, 0
            yield f"event: news\ndata: {text}\n\n"
        else:
            quiet += 1
            if quiet % _QUIET_POLLS == 0:
                yield ": still here\n\n"
        await asyncio.sleep(_POLL_SECONDS)
