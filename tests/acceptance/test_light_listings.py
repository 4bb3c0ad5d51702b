"""What a listing and the help must not load: libraries that take longer than what is printed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import typer.rich_utils  # noqa: F401 - whole, before anything of facedb could load it
from typer.testing import CliRunner

from facedb.cli.app import app
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
# typer checks values with pydantic, which a list of commands has no use for.
NOT_FOR_HELP = {"rich.markdown", "markdown_it", "rich.traceback", "rich.syntax", "pygments", "psycopg", "platformdirs"}
NOT_FOR_THE_LIST = {"pydantic", "asyncio", "facedb.dataset", "facedb.db", "facedb.scan", "facedb.web"}
_PROGRAM = """
import atexit, sys
from pathlib import Path

told = Path(sys.argv.pop(1))
sys.argv[0] = "facedb"
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


def _loaded(arguments: str, tmp_path: Path, **more: str) -> tuple[set[str], str]:
    """The modules that the program has loaded at its end, and what it printed."""
    told = tmp_path / "loaded.txt"
    command = [sys.executable, "-c", _PROGRAM, str(told), *arguments.split()]
    environment = {**os.environ, "FACEDB_HOME": str(tmp_path), **more}
    done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == 0, f"{arguments}: {done.stderr}"
    return set(told.read_text().split("\n")), done.stdout


def test_a_listing_loads_nothing_that_searches_or_measures(scanned: Database, tmp_path: Path) -> None:
    for listing in LISTINGS:
        loaded, _ = _loaded(listing, tmp_path, FACEDB_DSN=scanned.dsn)
        assert "psycopg" in loaded, f"{listing} asked the database"
        assert not HEAVY & loaded - ALLOWED.get(listing, set()), listing


@pytest.mark.parametrize("arguments", ["--help", "scan --help", "db start -h"])
def test_help_loads_what_it_shows_and_prints_what_typer_prints(arguments: str, tmp_path: Path) -> None:
    loaded, printed = _loaded(arguments, tmp_path, COLUMNS="80", TERMINAL_WIDTH="80")
    heavy = HEAVY | NOT_FOR_HELP | (NOT_FOR_THE_LIST if arguments == "--help" else set())
    assert not heavy & loaded
    assert "rich.markdown" in sys.modules, "here typer's renderer is whole"
    assert printed == CliRunner().invoke(app, arguments.split(), env={"COLUMNS": "80"}).output


def test_what_a_shell_offers_on_tab_loads_no_markdown(tmp_path: Path) -> None:
    loaded, printed = _loaded("", tmp_path, _FACEDB_COMPLETE="complete_zsh", _TYPER_COMPLETE_ARGS="facedb li")
    assert '"links":"Print the links' in printed
    assert not (HEAVY | NOT_FOR_HELP) & loaded
