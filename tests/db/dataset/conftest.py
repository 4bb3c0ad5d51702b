"""A folder of people to ingest."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.db.dataset.folders import picture


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Three identities with three pictures each."""
    folder = tmp_path / "people"
    for k in range(9):
        picture(folder / f"p{k // 3}" / f"{k % 3}.png", k)
    return folder
