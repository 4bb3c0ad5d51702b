"""Engine ``faiss-gpu``."""

from __future__ import annotations

from facedb.search.engine import EngineInfo


def probe() -> EngineInfo:
    """Whether this machine has a CUDA GPU."""
    return EngineInfo("faiss-gpu", False, "there is no CUDA GPU")
