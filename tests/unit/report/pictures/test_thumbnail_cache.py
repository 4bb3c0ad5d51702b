"""Thumbnails of large photos: decoded small, and still the same picture."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from facedb.embedding.pictures.decode import Decoded, decode
from facedb.report.pictures import thumbnail_cache
from facedb.report.pictures.place import Place
from facedb.report.pictures.thumbnail_cache import SIDE, Thumbnails

WIDTH, HEIGHT = 2400, 1800
EYES = (700.0, 600.0, 1300.0, 640.0, 980.0, 980.0, 760.0, 1250.0, 1200.0, 1280.0)


def scene() -> Image.Image:
    """A face of rings and lines on a gradient, with edges that would show a shift."""
    ramp = np.linspace(40, 200, WIDTH)[None, :] + np.linspace(0, 50, HEIGHT)[:, None]
    picture = Image.fromarray(np.stack([ramp, ramp[:, ::-1], np.full_like(ramp, 90)], axis=2).astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    for k in range(0, 10, 2):
        x, y = EYES[k], EYES[k + 1]
        draw.ellipse((x - 120, y - 120, x + 120, y + 120), outline="white", width=40)
        draw.line((x, 0, x, HEIGHT), fill="black", width=12)
    return picture


def place(folder: Path, data: bytes, landmarks: tuple[float, ...] | None) -> Place:
    (folder / "photo.jpg").write_bytes(data)
    box = (480.0, 380.0, 1050.0, 1150.0)
    digest = hashlib.sha256(data).digest()
    return Place(1, str(folder), "photo.jpg", None, None, None, digest, "ready", box, landmarks, "folder")


def pixels(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as opened:
        return np.asarray(opened, np.int16)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("landmarks", [EYES, None])
def test_a_face_cut_from_a_photo_decoded_small_is_the_one_cut_from_the_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, landmarks: tuple[float, ...] | None, turned: bool
) -> None:
    buffer, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6 if turned else 1
    scene().rotate(90 if turned else 0, expand=True).save(buffer, "JPEG", quality=92, exif=exif)
    meant = place(tmp_path, buffer.getvalue(), landmarks)
    cut = pixels(Thumbnails(tmp_path / "small").face(meant).data)
    photo = pixels(Thumbnails(tmp_path / "small").photo(meant, 512).data)
    asked: list[int] = []

    def whole(data: bytes, spare: Callable[[int, int], float]) -> Decoded:
        asked.append(decode(data, spare=spare).reduction)
        return decode(data)

    monkeypatch.setattr(thumbnail_cache, "decode", whole)
    wanted = pixels(Thumbnails(tmp_path / "large").face(meant).data)
    assert cut.shape == (SIDE, SIDE, 3)
    assert np.abs(cut - wanted).mean() < 0.5 * np.abs(wanted[:, 1:] - wanted[:, :-1]).mean(), (
        "less than half a pixel off"
    )
    assert np.abs(photo - pixels(Thumbnails(tmp_path / "large").photo(meant, 512).data)).mean() < 3
    assert min(asked) >= 4, "both were decoded at a quarter of their sides"
