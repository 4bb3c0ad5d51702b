"""Running the page: a socket, the server, and an end that waits for what is under way."""

from __future__ import annotations

import gc
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import uvicorn
from starlette.types import ASGIApp

from facedb.core.errors import UsageError
from facedb.web.app import create_app
from facedb.web.connections import Connection
from facedb.web.settings import WebSettings


def listen(host: str, port: int) -> socket.socket:
    """A socket on an address; ``port`` 0 takes any free one. Raises UsageError where it is taken or not this machine's."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sends small answers at once only over a socket that is declared as TCP; otherwise each waits 40 ms for an acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except (OSError, OverflowError) as error:
        listener.close()
        why = getattr(error, "strerror", None) or str(error)
        raise UsageError(
            f"The page cannot listen on {host}, port {port}: {why}; choose another with --port."
        ) from error
    return listener


def config(app: ASGIApp, *, timeout_graceful_shutdown: int = 3) -> uvicorn.Config:
    """How the page is served."""
    return uvicorn.Config(
        app,
        http=Connection,
        # So many are taken at once before one of them can be let go.
        backlog=32,
        log_level="warning",
        access_log=False,
        # Who a request comes from is what the kernel says, not a header.
        proxy_headers=False,
        server_header=False,
        date_header=True,
        timeout_graceful_shutdown=timeout_graceful_shutdown,
        lifespan="on",
        ws="none",
        h11_max_incomplete_event_size=64 * 1024,
    )


def serve(settings: WebSettings, reviewer: str, *, ready: Callable[[str, Callable[[], str]], None]) -> None:
    """Serve the page until Ctrl-C, its ordinary end; ``ready`` is told the address with a token once it can be opened, and gets what
    gives another one for a browser of this user alone.

    The port of ``settings`` may be 0. Raises UsageError where the address is taken.
    """
    with listen(settings.host, settings.port) as listener:
        settings = replace(settings, port=listener.getsockname()[1])
        app = create_app(settings)
        server = Server(config(app))

        def address(*, own: bool) -> str:
            return f"{settings.url()}?token={app.state.parts.sessions.invite(reviewer, own=own)}"

        server.opened = lambda: ready(address(own=False), lambda: address(own=True))
        server.closing = app.state.parts.live.closed.set
        with suppress(KeyboardInterrupt):
            server.run(sockets=[listener])


class Server(uvicorn.Server):
    """A server of the page, with what is done when it is ``opened`` and before it closes (``closing``)."""

    opened: Callable[[], None] = staticmethod(lambda: None)
    closing: Callable[[], None] = staticmethod(lambda: None)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so."""
        await super().startup(sockets)
        # What is loaded by now stays to the end: a search for garbage through all of it would hold up every answer for 40 to 150 ms.
        gc.freeze()
        if self.started:
            self.opened()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let the pages that listen for news go first."""
        self.closing()
        await super().shutdown(sockets)
