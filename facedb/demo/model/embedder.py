"""The demo's own embedder: trained on drawings by ``facedb.demo.model.train``, useless on photographs."""

from __future__ import annotations

from pathlib import Path
from typing import Final

MODEL: Final = Path(__file__).with_name("embedder.onnx")
"""112 x 112 RGB in, 64 numbers out; its contract lies beside it in ``embedder.toml``."""

THRESHOLD: Final = 0.78
"""The score from which the demo flags a pair.

At this score every planted mistake that lies between two folders of the default dataset is found, all 178 pairs of it, with
1 false pair; other seeds have a few more (``pytest tests/unit/demo/test_model.py`` bounds them).
"""
