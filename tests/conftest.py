"""Fixtures shared by every kind of test."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real faces and models; skips where FACEDB_REAL_DATA is not set, fails where it names nothing."""
    value = os.environ.get("FACEDB_REAL_DATA")
    if not value:
        pytest.skip("FACEDB_REAL_DATA is not set: no real faces here")
    path = Path(value).resolve()
    for needed in ("faces/orl", "faces/deepface_celebs", "models/mobileface_v2_mit.onnx", "models/yunet_s_dynamic.onnx"):
        assert (path / needed).exists(), f"FACEDB_REAL_DATA is set and {needed} is missing below it"
    return path
