"""facedb in Python: what the command line does, with results as frozen objects that become Arrow tables and data frames.

`facedb.connect()` gives a `FaceDB`. Its methods raise the errors of `facedb.core.errors`, whose messages say what to do.
"""

from __future__ import annotations

from facedb.api.database import FaceDB, connect
from facedb.report.embeddings import Embeddings
from facedb.report.python_results import Rows
from facedb.report.result_columns import Dataset, Identity, Link, Pair, Reject, Scan
from facedb.scan.findings.ranked import Finding

__all__ = [
    "Dataset",
    "Embeddings",
    "FaceDB",
    "Finding",
    "Identity",
    "Link",
    "Pair",
    "Reject",
    "Rows",
    "Scan",
    "connect",
]
