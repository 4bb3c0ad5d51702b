"""What several tests of this folder begin with."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.trees import grow
from tests.db.dataset.places.sources import FILES


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Three people with three files each."""
    grow(tmp_path / "set", FILES)
    return tmp_path / "set"
