"""Drawn photos with texture, and what people do to photos."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps

from facedb.embedding.pictures.thumbnail import from_bytes, thumbnail, to_bytes
from facedb.findings.pictures.registration import Prepared, prepare

ALTERED = (
    "jpeg 75",
    "jpeg 30",
    "brighter",
    "darker",
    "grey",
    "two thirds",
    "half",
    "crop 5",
    "crop 10",
    "crop one side",
    "border",
    "white border",
    "mirror",
    "quarter turn",
    "upside down",
    "mirror and turn",
)


def photo(seed: int, width: int = 250, height: int = 250, moved: int = 0) -> Image.Image:
    """A wall with things on it and a face before it; ``moved`` pixels to the side between two photos of one sitting."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(40, 216, (9, 9, 3), dtype=np.uint8)
    wall = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(wall)
    for _ in range(14):
        x, y, size = int(rng.integers(0, width)), int(rng.integers(0, height)), int(rng.integers(8, 50))
        colour = tuple(int(c) for c in rng.integers(0, 256, 3))
        (draw.ellipse if rng.random() < 0.5 else draw.rectangle)((x, y, x + size, y + size // 2 + 4), fill=colour)
    x, y = width // 2 + moved, height // 2 + moved // 2
    draw.ellipse((x - 45, y - 60, x + 45, y + 60), fill=(205, 165, 140))
    for side in (-1, 1):
        draw.ellipse((x + side * 20 - 9, y - 20, x + side * 20 + 9, y - 10), fill=(40, 30, 30))
    draw.polygon((x, y - 5, x - 8, y + 15, x + 8, y + 15), fill=(170, 120, 100))
    draw.rectangle((x - 22, y + 30, x + 22, y + 36 + moved // 3), fill=(150, 50, 60))
    return wall.filter(ImageFilter.GaussianBlur(0.8))


def altered(image: Image.Image, how: str) -> Image.Image:
    """The photo after one of ALTERED."""
    w, h = image.size
    made = {
        "jpeg 75": lambda: saved(image, 75),
        "jpeg 30": lambda: saved(image, 30),
        # No flat colour may be clipped to that of its surroundings, which real photos hardly have.
        "brighter": lambda: image.point(lambda value: value + (255 - value) * 0.3),
        "darker": lambda: ImageEnhance.Brightness(image).enhance(0.7),
        "grey": lambda: image.convert("L").convert("RGB"),
        "two thirds": lambda: image.resize((w * 2 // 3, h * 2 // 3)),
        "half": lambda: image.resize((w // 2, h // 2)),
        "crop 5": lambda: ImageOps.crop(image, round(w * 0.05)),
        "crop 10": lambda: ImageOps.crop(image, round(w * 0.10)),
        "crop one side": lambda: image.crop((round(w * 0.15), 0, w, h)),
        "border": lambda: ImageOps.expand(image, round(w * 0.1), (0, 0, 0)),
        "white border": lambda: ImageOps.expand(image, (4, 30, 9, 12), (255, 255, 255)),
        "mirror": lambda: ImageOps.mirror(image),
        "quarter turn": lambda: image.transpose(Image.Transpose.ROTATE_90),
        "upside down": lambda: image.transpose(Image.Transpose.ROTATE_180),
        "mirror and turn": lambda: ImageOps.mirror(image).transpose(Image.Transpose.ROTATE_270),
    }
    return saved(made[how](), 88)


def saved(image: Image.Image, quality: int) -> Image.Image:
    """The image saved as a JPEG and opened again."""
    stream = BytesIO()
    image.save(stream, "JPEG", quality=quality)
    return Image.open(stream).convert("RGB")


def ready(image: Image.Image) -> Prepared:
    """What is compared of a photo, as it comes back from the database."""
    return prepare(from_bytes(to_bytes(thumbnail(image))))
