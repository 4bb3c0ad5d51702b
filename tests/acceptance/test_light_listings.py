"""What a listing must not load: libraries that search and measure, which cost more than the listing itself."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from facedb.core.progress import Silent
from facedb.db.connection import Database
from facedb.scan.run import ScanOptions, scan
from tests.db.population import Population, clustered

HEAVY = {
    "numpy", "pyarrow", "PIL", "matplotlib", "faiss", "numkong", "onnxruntime", "sqlalchemy", "alembic", "fastapi",
    "facedb.join", "facedb.findings", "facedb.embedding",
}  # fmt: skip
LISTINGS = [
    "links", "pairs", "identities", "datasets", "scans", "rejects", "faces", "findings", "show 1", "plans", "verdict list",
    "model list", "verdict finding 1 accept",
]  # fmt: skip
# A list of models tells what is on offer, which `embedding` knows; from a decided finding something is learned, which takes NumPy.
ALLOWED = {
    "model list": {"facedb.embedding"},
    "verdict finding 1 accept": {"numpy", "facedb.findings"},
}
_PROGRAM = """
import atexit, sys
from pathlib import Path

told = Path(sys.argv.pop(1))
atexit.register(lambda: told.write_text("\\n".join(sys.modules)))
from facedb.cli.start import main
main()
"""


@pytest.fixture
def scanned(database: Database) -> Database:
    """A database with a finished scan that flagged pairs."""
    faces = clustered(np.random.default_rng(2), 24, 16, 2)
    Population(database, 16).add(faces, [f"p{k // 3}" for k in range(24)])
    assert scan(database, ScanOptions(0.3, engine="exact"), reporter=Silent()).scan.pairs
    return database


def test_a_listing_loads_nothing_that_searches_or_measures(scanned: Database, tmp_path: Path) -> None:
    environment = {**os.environ, "FACEDB_DSN": scanned.dsn, "FACEDB_HOME": str(tmp_path)}
    for listing in LISTINGS:
        told = tmp_path / "loaded.txt"
        command = [sys.executable, "-c", _PROGRAM, str(told), *listing.split()]
        done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
        assert done.returncode == 0, f"{listing}: {done.stderr}"
        loaded = set(told.read_text().split("\n"))
        assert "psycopg" in loaded, f"{listing} asked the database"
        assert not HEAVY & loaded - ALLOWED.get(listing, set()), listing
