"""Small real images and a way to lose root's rights for a moment."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from PIL import Image

ImageBytes = Callable[..., bytes]
NOBODY = 65534


@pytest.fixture(scope="session")
def image_bytes() -> ImageBytes:
    """A function from a number and a format name to the bytes of a small image, different for each number."""

    def draw(number: int = 0, kind: str = "PNG", size: int = 8) -> bytes:
        image = Image.new("RGB", (size, size), (number % 256, number // 256 % 256, 77))
        buffer = io.BytesIO()
        image.save(buffer, kind)
        return buffer.getvalue()

    return draw


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that an ordinary user may read, unlike pytest's own ones."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.fixture
def as_ordinary_user() -> Callable[[], AbstractContextManager[None]]:
    """A context in which file modes bind: root, whom they do not bind, becomes nobody for a while."""

    @contextmanager
    def ordinary() -> Iterator[None]:
        if os.geteuid() != 0:
            yield
            return
        os.seteuid(NOBODY)
        try:
            yield
        finally:
            os.seteuid(0)

    return ordinary
