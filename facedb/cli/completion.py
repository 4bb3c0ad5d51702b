"""What the shell offers on TAB: the datasets and models that there are, and the words that an option takes.

A database is asked only where it answers at once: nothing is started, and an error offers nothing (a shell then offers
files, which a model may be as well).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from facedb.db.connection import Connection

Completion = Callable[[str], list[str]]


def words(*choices: str) -> Completion:
    """Offer these words."""

    def offered(incomplete: str) -> list[str]:
        return [word for word in choices if word.startswith(incomplete)]

    return offered


def datasets(incomplete: str) -> list[str]:
    """Offer the names of the datasets."""
    return [name for name in _asked(_dataset_names) if name.startswith(incomplete)]


def several_datasets(incomplete: str) -> list[str]:
    """Offer the names of datasets after those that stand before a comma."""
    before, comma, last = incomplete.rpartition(",")
    named = set(before.split(","))
    return [f"{before}{comma}{name}" for name in datasets(last) if name not in named]


def contracts(incomplete: str) -> list[str]:
    """Offer the names of the contracts that embedded something."""
    return [name for name in _asked(_contract_names) if name.startswith(incomplete)]


def models(incomplete: str) -> list[str]:
    """Offer contracts, the models of this home, and those that can be pulled."""
    from facedb.core.errors import FacedbError
    from facedb.core.settings import load_settings
    from facedb.embedding.model_files.registry import KNOWN

    try:
        here = {path.stem for path in load_settings().models.glob("*.onnx")}
    except (FacedbError, OSError):
        here = set()
    here |= {known.name for known in KNOWN if known.role != "detector"}
    return sorted({name for name in here if name.startswith(incomplete)} | set(contracts(incomplete)))


def _dataset_names(connection: Connection) -> list[str]:
    from facedb.dataset import dataset_rows

    return sorted(name for name, _ in dataset_rows.datasets(connection))


def _contract_names(connection: Connection) -> list[str]:
    from facedb.dataset import model_rows

    return sorted({model.name for model in model_rows.models(connection)})


def _asked(names: Callable[[Connection], list[str]]) -> list[str]:
    import psycopg

    from facedb.core.errors import FacedbError
    from facedb.core.settings import load_settings
    from facedb.db import session

    try:
        settings = load_settings()
        address = settings.dsn
        if address is None:
            from facedb.db.server.embedded import EmbeddedServer

            address = EmbeddedServer(settings.home, service_dir=settings.service_dir).status().url
        if address is None:
            return []
        with session.connect(address, own=settings.dsn is None, connect_timeout=2) as connection:
            return names(connection)
    except (FacedbError, psycopg.Error, OSError):
        return []
