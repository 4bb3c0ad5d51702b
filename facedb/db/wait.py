"""Waiting that does not stay silent: after a moment it says what it waits for."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

Say = Callable[[str], None]

_SPEAKS_AFTER_SECONDS = 5.0


def silent(_message: str) -> None:
    """Say nothing."""


@dataclass(slots=True)
class Wait:
    """One wait, whose reason may change; ``what`` names the last one."""

    say: Say = silent
    what: str = ""
    _began: float = field(default_factory=time.monotonic)
    _since: float = 0.0
    _spoke: bool = False

    @property
    def seconds(self) -> float:
        """How long it has taken altogether."""
        return time.monotonic() - self._began

    def on(self, what: str) -> float:
        """Wait on for ``what``; returns for how many seconds it has been this, and says so once it takes a while."""
        now = time.monotonic()
        if what != self.what:
            self.what, self._since, self._spoke = what, now, False
        if not self._spoke and now - self._since >= _SPEAKS_AFTER_SECONDS:
            self._spoke = True
            self.say(f"Waiting for {what}.")
        return now - self._since
