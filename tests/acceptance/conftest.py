"""A facedb with a database and a folder of its own, and a model for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from facedb.db.connection import Database
from tests.acceptance.world import Inside, block_model


@pytest.fixture
def facedb(tmp_path: Path, database: Database) -> Inside:
    return Inside(tmp_path, database.dsn)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return block_model(tmp_path / "blocks.onnx")
