"""What several tests of this folder begin with."""

from __future__ import annotations

from pathlib import Path

import pytest

from facedb.db.connection import Database
from tests.acceptance.trees import people


@pytest.fixture
def root(tmp_path: Path, database: Database) -> Path:
    """The people with a verdict for each kind of step."""
    people(database, tmp_path / "root")
    return tmp_path / "root"
