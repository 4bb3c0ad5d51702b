"""A server that a fault test may break."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from facedb.db.server.embedded import EmbeddedServer
from tests.db.server.fast import FAST


@pytest.fixture
def use(short_directory: Path) -> Iterator[EmbeddedServer]:
    """An embedded server of this test's own, in use."""
    server = EmbeddedServer(short_directory / secrets.token_hex(4), options=FAST)
    yield server
    server.release()
    server.stop()
