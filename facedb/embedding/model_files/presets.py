"""The common families of face models, and published weights that are recognised by their sha256."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

Triple = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Preset:
    """The input of a family: ``size`` (height, width), channel order, ``(value - mean) / std``, template."""

    size: tuple[int, int]
    colour: str
    mean: Triple
    std: Triple
    template: str
    margin: float = 0.0


PRESETS: Final[dict[str, Preset]] = {
    "arcface": Preset((112, 112), "rgb", (127.5, 127.5, 127.5), (127.5, 127.5, 127.5), "arcface"),
    "sface": Preset((112, 112), "bgr", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), "arcface"),
    "mobileface": Preset((112, 112), "rgb", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), "arcface"),
    "mobilenet-v3": Preset((224, 224), "rgb", (0.0, 0.0, 0.0), (255.0, 255.0, 255.0), "box", 0.1),
    "imagenet": Preset((224, 224), "rgb", (123.675, 116.28, 103.53), (58.395, 57.12, 57.375), "box", 0.1),
    "facenet": Preset((160, 160), "rgb", (127.5, 127.5, 127.5), (128.0, 128.0, 128.0), "box", 0.1),
}

KNOWN_WEIGHTS: Final[dict[str, tuple[str, str]]] = {
    "3940077b8b17711a0d6114e1d09452dc94cf69a435890c72965afd8dd4688db1": ("mobileface_v2_mit", "mobileface"),
    "0ba9fbfa01b5270c96627c4ef784da859931e02f04419c829e83484087c34e79": ("sface", "sface"),
}
"""sha256 of published weights -> (name, preset)."""
