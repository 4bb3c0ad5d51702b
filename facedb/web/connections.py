"""The connections of the page: whoever holds many and asks nothing must not shut out those who work."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.h11_impl import H11Protocol

# A browser opens six, and where files are short, a process may have 256 of them.
MOST = 64


class Connection(H11Protocol):
    """One connection. Where there are too many, the oldest of a stranger makes room: of one that nobody signed in on."""

    since = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection, and let another one go where it is one too many."""
        super().connection_made(transport)
        self.since = self.loop.time()
        present = [one for one in cast("set[Connection]", self.connections) if not one.transport.is_closing()]
        strangers = [one for one in present if one is not self and one.is_a_stranger]
        if len(present) > MOST and strangers:
            min(strangers, key=lambda one: one.since).transport.abort()

    @property
    def is_a_stranger(self) -> bool:
        """Whether no request on this connection came from somebody who has signed in."""
        cycle: Any = self.cycle
        return cycle is None or cycle.scope["state"].get("session") is None
