"""What differs from one picture of a person to the next: pose, expression, surroundings, light and camera."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facedb.demo.drawing.features import Colour


@dataclass(frozen=True, slots=True)
class Conditions:
    """One picture: angles in radians, lengths in head units, ``blur`` in pixels, ``noise`` in grey levels."""

    yaw: float
    pitch: float
    roll: float
    scale: float
    shift_x: float
    shift_y: float

    smile: float
    mouth_open: float
    eyes_open: float
    gaze_x: float
    gaze_y: float
    brow_raise: float
    hair_puff: float
    glasses_draw: float

    background: tuple[Colour, Colour]
    blobs: tuple[tuple[float, float, float, Colour], ...]
    clothes: Colour
    collar: int

    light_angle: float
    light_strength: float
    brightness: float
    contrast: float
    warmth: float
    blur: float
    noise: float
    quality: int


def draw_conditions(rng: np.random.Generator, strength: float = 1.0) -> Conditions:
    """Conditions drawn from ``rng``; ``strength`` scales how far pictures of a person differ (1 is the demo's)."""

    def u(low: float, high: float) -> float:
        return float(rng.uniform(low, high))

    def spread(width: float) -> float:
        return float(rng.uniform(-width, width)) * strength

    def any_colour(low: float, high: float) -> Colour:
        return (u(low, high), u(low, high), u(low, high))

    first = any_colour(90, 240)
    second = any_colour(90, 240)
    blobs = tuple((u(0, 1), u(0, 1), u(0.08, 0.3), any_colour(80, 245)) for _ in range(int(rng.integers(0, 4))))
    return Conditions(
        yaw=spread(0.36),
        pitch=spread(0.16),
        roll=spread(0.18),
        scale=1.0 + spread(0.09),
        shift_x=spread(0.10),
        shift_y=spread(0.08),
        smile=u(-0.35, 1.0),
        mouth_open=max(0.0, u(-1.0, 1.0)),
        eyes_open=u(0.72, 1.12),
        gaze_x=u(-1, 1),
        gaze_y=u(-0.6, 0.6),
        brow_raise=u(-0.025, 0.04),
        hair_puff=spread(0.025),
        glasses_draw=u(0, 1),
        background=(first, second),
        blobs=blobs,
        clothes=any_colour(30, 230),
        collar=int(rng.integers(3)),
        light_angle=u(0, 2 * np.pi),
        light_strength=u(0, 0.26) * strength,
        brightness=0.98 + spread(0.15),
        contrast=1.0 + spread(0.13),
        warmth=spread(0.09),
        blur=max(0.0, u(-0.6, 0.8) * strength),
        noise=u(0, 5) * strength,
        quality=int(rng.integers(62, 96)),
    )
