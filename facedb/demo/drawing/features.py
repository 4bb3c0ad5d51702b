"""The stable features of a drawn person, as numbers.

Lengths are in head units: the head's centre is (0, 0), x grows to the right, y downwards, and the top of the skull is
at y = -1. Colours are RGB triples of floats from 0 to 255.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Colour = tuple[float, float, float]
Point = tuple[float, float]

SKIN_TONES: tuple[Colour, ...] = (
    (252, 226, 205),
    (243, 204, 172),
    (228, 180, 140),
    (203, 148, 106),
    (167, 112, 76),
    (126, 80, 54),
    (92, 58, 42),
)
HAIR_COLOURS: tuple[Colour, ...] = (
    (32, 27, 30),
    (58, 40, 32),
    (96, 62, 40),
    (134, 84, 48),
    (120, 48, 32),
    (190, 92, 44),
    (206, 160, 92),
    (232, 204, 140),
    (146, 144, 148),
    (226, 224, 222),
)
VIVID_COLOURS: tuple[Colour, ...] = (
    (196, 64, 84),
    (70, 110, 190),
    (58, 148, 120),
    (140, 84, 170),
    (226, 150, 60),
    (214, 120, 160),
    (40, 60, 110),
    (236, 226, 206),
)
IRIS_COLOURS: tuple[Colour, ...] = (
    (62, 40, 28),
    (104, 66, 36),
    (140, 104, 50),
    (84, 120, 66),
    (76, 128, 168),
    (120, 140, 152),
)

HAIRLINES = ("round", "peak", "side", "centre", "fringe", "receding", "bald")
BACKS = ("none", "none", "bob", "long", "waves", "afro", "scarf")
TOPS = ("none", "none", "none", "bun", "quiff", "curls", "spikes")
NOSES = ("button", "long", "wide", "shadow")
BEARDS = ("none", "none", "none", "none", "moustache", "goatee", "full")


@dataclass(frozen=True, slots=True)
class Features:
    """Everything about a face that belongs to the person and not to one picture."""

    skin: Colour
    head_width: float
    chin_length: float
    jaw_power: float
    skull_power: float
    cheek_blush: float

    eye_distance: float
    eye_height: float
    eye_width: float
    eye_opening: float
    eye_tilt: float
    iris_radius: float
    iris: Colour
    lashes: float
    crease: float

    brow_gap: float
    brow_length: float
    brow_thickness: float
    brow_arch: float
    brow_tilt: float

    nose: str
    nose_length: float
    nose_width: float

    mouth_height: float
    mouth_width: float
    upper_lip: float
    lower_lip: float
    lips: Colour

    hair: Colour
    hairline: str
    hairline_height: float
    parting: float
    hair_volume: float
    back: str
    back_length: float
    top: str
    beard: str

    ear_size: float
    ear_height: float
    earring: Colour | None
    freckles: tuple[Point, ...]
    moles: tuple[tuple[float, float, float], ...]

    glasses_habit: float
    glasses_roundness: float
    glasses_size: float
    glasses_colour: Colour


def mix(a: Colour, b: Colour, share: float) -> Colour:
    """The colour that lies ``share`` of the way from ``a`` to ``b``."""
    return (a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share, a[2] + (b[2] - a[2]) * share)


def shade(colour: Colour, factor: float) -> Colour:
    """The colour made darker (factor < 1) or lighter (factor > 1)."""
    return (min(255.0, colour[0] * factor), min(255.0, colour[1] * factor), min(255.0, colour[2] * factor))


def between(rng: np.random.Generator, colours: tuple[Colour, ...], jitter: float) -> Colour:
    """A colour between two neighbours of a palette, with a little noise."""
    at = float(rng.uniform(0, len(colours) - 1))
    base = mix(colours[int(at)], colours[min(int(at) + 1, len(colours) - 1)], at - int(at))
    noise = rng.normal(0, jitter, 3)
    red, green, blue = (float(np.clip(c + n, 4, 252)) for c, n in zip(base, noise, strict=True))
    return (red, green, blue)


def draw_features(seed: int) -> Features:
    """The features of the person with this seed: the same seed always gives the same person."""
    rng = np.random.default_rng([seed, 7001])

    def u(low: float, high: float) -> float:
        return float(rng.uniform(low, high))

    def pick(names: tuple[str, ...]) -> str:
        return names[int(rng.integers(len(names)))]

    def pick_side() -> float:
        return 1.0 if rng.random() < 0.5 else -1.0

    skin = between(rng, SKIN_TONES, 4)
    back = pick(BACKS)
    vivid = back == "scarf" or rng.random() < 0.06
    hair = between(rng, VIVID_COLOURS, 8) if vivid else between(rng, HAIR_COLOURS, 5)
    hairline = pick(HAIRLINES)
    if back == "scarf":
        hairline = "round"
    elif back != "none" and hairline in ("bald", "receding"):
        hairline = "centre"
    top = "none" if hairline == "bald" or back in ("scarf", "afro") else pick(TOPS)
    if top == "spikes" and back != "none":
        top = "curls"
    beard = pick(BEARDS) if back in ("none", "afro") else "none"
    freckles: tuple[Point, ...] = ()
    if rng.random() < 0.22:
        freckles = tuple((u(-0.5, 0.5), u(0.12, 0.42)) for _ in range(int(rng.integers(10, 22))))
    moles = tuple((pick_side() * u(0.2, 0.52), u(0.16, 0.62), u(0.020, 0.036)) for _ in range(int(rng.integers(0, 3))))
    habit = rng.random()
    return Features(
        skin=skin,
        head_width=u(0.66, 0.86),
        chin_length=u(0.88, 1.12),
        jaw_power=u(1.55, 3.3),
        skull_power=u(1.9, 2.7),
        cheek_blush=u(0.0, 0.4),
        eye_distance=u(0.27, 0.40),
        eye_height=u(-0.10, 0.08),
        eye_width=u(0.13, 0.20),
        eye_opening=u(0.055, 0.125),
        eye_tilt=u(-0.05, 0.06),
        iris_radius=u(0.065, 0.10),
        iris=between(rng, IRIS_COLOURS, 8),
        lashes=u(0.010, 0.040),
        crease=u(0.0, 0.07),
        brow_gap=u(0.12, 0.24),
        brow_length=u(0.15, 0.25),
        brow_thickness=u(0.018, 0.075),
        brow_arch=u(0.0, 0.09),
        brow_tilt=u(-0.035, 0.06),
        nose=pick(NOSES),
        nose_length=u(0.26, 0.46),
        nose_width=u(0.08, 0.19),
        mouth_height=u(0.13, 0.24),
        mouth_width=u(0.18, 0.36),
        upper_lip=u(0.02, 0.075),
        lower_lip=u(0.03, 0.10),
        lips=mix(shade(skin, u(0.7, 0.85)), (196, 52, 66), u(0.15, 0.75)),
        hair=hair,
        hairline=hairline,
        hairline_height=u(-0.72, -0.42),
        parting=u(-0.6, 0.6),
        hair_volume=u(0.05, 0.24),
        back=back,
        back_length=u(0.55, 1.25),
        top=top,
        beard=beard,
        ear_size=u(0.12, 0.22),
        ear_height=u(-0.04, 0.14),
        earring=between(rng, VIVID_COLOURS, 8) if rng.random() < 0.2 else None,
        freckles=freckles,
        moles=moles,
        glasses_habit=0.0 if habit < 0.68 else (0.95 if habit < 0.92 else 0.5),
        glasses_roundness=u(2.0, 5.0),
        glasses_size=u(0.21, 0.29),
        glasses_colour=between(rng, (*VIVID_COLOURS, (30, 30, 34), (60, 40, 30), (30, 30, 34)), 6),
    )
