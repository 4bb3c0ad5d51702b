"""What one run of the review page works with."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass, field
from pathlib import Path

from facedb.db.connection import Database

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class WebSettings:
    """``db`` and ``cache`` as in the settings of facedb; ``host`` and ``port`` the address that is listened on.

    ``password``: reviewers may also sign in with it. ``names``: further names under which the machine is reached. ``learn_after``: after
    how many seconds without a new answer the answers are learned from.
    """

    db: Database
    cache: Path
    port: int
    host: str = LOOPBACK
    read_only: bool = False
    password: str | None = field(default=None, repr=False)
    names: frozenset[str] = frozenset()
    learn_after: float = 3.0

    def url(self) -> str:
        """The address to open, without a token."""
        name = LOOPBACK if self.host in ("0.0.0.0", "::", "") else self.host  # noqa: S104 - a comparison
        return f"http://{f'[{name}]' if ':' in name else name}:{self.port}/"

    def answers_to(self, host: str) -> bool:
        """Whether a Host header names this page: else a foreign name was made to point here (DNS rebinding)."""
        name, port = _split(host)
        if port != str(self.port):
            return False
        if is_loopback(self.host):
            return name in (LOOPBACK, "localhost", "::1", self.host)
        # A number cannot be rebound; of names only those count that belong to this machine or that its operator gave.
        return _is_number(name) or name in {self.host, "localhost", socket.gethostname().lower(), *self.names}


def is_loopback(host: str) -> bool:
    """Whether an address can be reached from this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _split(host: str) -> tuple[str, str]:
    """Name and port of a Host header, in lower case; a port that is left out is 80."""
    name, separator, port = host.strip().lower().rpartition(":")
    if not separator or "]" in port:
        name, port = host.strip().lower(), "80"
    return name.strip("[]"), port


def _is_number(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
