"""Alterations: what people do to a photo before they save it again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from io import BytesIO
from types import MappingProxyType
from typing import Final

from PIL import Image, ImageEnhance, ImageOps

_QUALITY: Final = 88
_BORDER: Final = 0.1
_BRIGHTER: Final = 1.3

Alteration = Callable[[Image.Image], Image.Image]

IN_PLACE: Final[Mapping[str, Alteration]] = MappingProxyType(
    {
        "JPEG 75": lambda image: _saved(image, 75),
        "JPEG 30": lambda image: _saved(image, 30),
        "brighter": lambda image: ImageEnhance.Brightness(image).enhance(_BRIGHTER),
        "grey": lambda image: image.convert("L").convert("RGB"),
    }
)
"""Those that leave everything where it was, so that a box or landmarks that a source gave still hold."""

ALTERATIONS: Final[Mapping[str, Alteration]] = MappingProxyType(
    {
        **IN_PLACE,
        "two thirds": lambda image: _scaled(image, 2 / 3),
        "half": lambda image: _scaled(image, 1 / 2),
        "5 % cropped": lambda image: ImageOps.crop(image, round(min(image.size) * 0.05)),
        "10 % cropped": lambda image: ImageOps.crop(image, round(min(image.size) * 0.10)),
        "border": lambda image: ImageOps.expand(image, round(min(image.size) * _BORDER), (0, 0, 0)),
        "mirrored": ImageOps.mirror,
    }
)
"""All of them by name: other qualities, brightness, colour and sizes, cropped from every side, framed, mirrored."""


def altered(image: Image.Image, how: str) -> bytes:
    """An upright picture after the alteration of that name, as the bytes of a JPEG."""
    out = BytesIO()
    ALTERATIONS[how](image.convert("RGB")).save(out, "JPEG", quality=_QUALITY)
    return out.getvalue()


def _saved(image: Image.Image, quality: int) -> Image.Image:
    stream = BytesIO()
    image.save(stream, "JPEG", quality=quality)
    with Image.open(stream) as opened:
        return opened.convert("RGB")


def _scaled(image: Image.Image, share: float) -> Image.Image:
    return image.resize((max(1, round(image.width * share)), max(1, round(image.height * share))))
