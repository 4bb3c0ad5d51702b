"""facedb finds the mistakes in a face dataset and keeps the answer in PostgreSQL.

In a notebook::

    import facedb

    db = facedb.connect()
    db.check("photos/", model="arcface.onnx", detector="yunet.onnx")
    db.findings().to_pandas()
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from facedb.core.version import VERSION

if TYPE_CHECKING:
    from pathlib import Path

    from facedb.api import FaceDB
    from facedb.core.progress import Reporter

__version__ = VERSION
__all__ = ["__version__", "connect"]


def connect(dsn: str | None = None, *, home: str | Path | None = None, reporter: Reporter | None = None) -> FaceDB:
    """Open facedb's database: ``dsn``, else FACEDB_DSN, else facedb.toml, else the embedded server below ``home``.

    Use it in a `with` block, or call ``close()`` when done; else it closes with the process. ``reporter`` hears of progress
    (default: silence). Raises ConfigError, DatabaseError and SchemaError as the command line does.
    """
    # Loaded on first use: the command line imports this package for its version and must start fast.
    from facedb import api

    return api.connect(dsn, home=home, reporter=reporter)
