"""The object that a notebook holds."""

from __future__ import annotations

from pathlib import Path

from facedb.api.decisions import Decisions
from facedb.api.endings import Endings
from facedb.api.opened import PathLike
from facedb.api.results import Results
from facedb.api.work import Work
from facedb.core.progress import Reporter, Silent
from facedb.core.settings import load_settings


class FaceDB(Work, Results, Decisions, Endings):
    """An open database of facedb; a context manager, or closed by ``close()``."""


def connect(dsn: str | None = None, *, home: PathLike | None = None, reporter: Reporter | None = None) -> FaceDB:
    """See `facedb.connect`."""
    return FaceDB(load_settings(dsn=dsn, home=None if home is None else Path(home)), reporter or Silent())
