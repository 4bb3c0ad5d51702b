"""The application: its parts, its routes, and the gate around it."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from facedb import __version__
from facedb.core.errors import FacedbError
from facedb.scan.findings.standing import keep_stand
from facedb.web.data import queue, sittings
from facedb.web.data.kept_states import Standing
from facedb.web.data.likeness import Embedders
from facedb.web.deps import Parts, Refusal
from facedb.web.gate import Gate
from facedb.web.jobs import Jobs
from facedb.web.learning import Learning
from facedb.web.live import Live
from facedb.web.pages import prepare
from facedb.web.pictures import Pictures
from facedb.web.pool import Pool
from facedb.web.problems import add_handlers
from facedb.web.routes import account, cases, decisions, identities, overview, photos, plans, views
from facedb.web.sessions import Sessions
from facedb.web.settings import WebSettings

STATIC = Path(__file__).with_name("static")


def create_app(settings: WebSettings) -> FastAPI:
    """The page for one database. ``app.state.parts.sessions.invite(name)`` gives a token to open it with."""
    prepare()
    pool = Pool(settings.db)
    jobs = Jobs()
    sessions = Sessions(lambda reviewer: _begin(pool, settings, reviewer), settings.password)
    live = Live(pool, jobs)
    learning = Learning(pool, live.closed, settings.learn_after)
    made = Parts(settings, pool, sessions, Pictures(settings.cache), jobs, live, Embedders(), Standing(), learning)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        warming = threading.Thread(target=_warm, args=(made,), name="warming")
        warming.start()
        yield
        made.live.closed.set()
        warming.join()
        made.jobs.wait()
        made.learning.finish()
        made.pictures.close()
        made.pool.close()

    app = FastAPI(
        title="facedb review",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
        responses={401: {"model": Refusal}, 403: {"model": Refusal}, 422: {"model": Refusal}},
    )
    app.state.parts = made
    add_handlers(app)
    for module in (account, cases, decisions, identities, photos, plans, overview, views):
        app.include_router(module.router)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.add_middleware(Gate, settings=settings, sessions=sessions)
    return app


def _warm(made: Parts) -> None:
    """Ask where the findings of the scan stand that is shown first, and keep it for the next who asks."""
    with suppress(FacedbError), made.pool.connection() as conn:
        chosen = queue.first(queue.scans(conn))
        if chosen is not None:
            found = made.standing.at(conn, chosen.id)
            if not made.settings.read_only:
                keep_stand(conn, chosen.id, found)


def _begin(pool: Pool, settings: WebSettings, reviewer: str) -> int:
    if settings.read_only:
        return sittings.NOBODY
    with pool.connection() as conn:
        return sittings.begin(conn, reviewer)
