"""Procedural faces: the same two seeds always give the same picture.

The drawings show what facedb does; they are no substitute for photographs, and a model trained on them knows nothing of
real faces.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facedb.demo.drawing.canvas import Canvas, ellipse
from facedb.demo.drawing.conditions import Conditions, draw_conditions
from facedb.demo.drawing.effects import photographed
from facedb.demo.drawing.features import Colour, Features, draw_features, mix, shade
from facedb.demo.drawing.hair import draw_back, draw_beard, draw_cap, draw_top, head_outline

WHITE: Colour = (250, 248, 244)
INK: Colour = (34, 26, 28)
_T = np.linspace(-1, 1, 17)


def draw_face(identity: int, picture: int, *, size: int = 112, strength: float = 1.0) -> NDArray[np.uint8]:
    """Picture number ``picture`` of the person with seed ``identity``: uint8 RGB (size, size, 3)."""
    return draw(draw_features(identity), picture_conditions(identity, picture, strength), size=size, seed=picture)


def picture_conditions(identity: int, picture: int, strength: float = 1.0) -> Conditions:
    """The pose, light and surroundings of one picture of one person."""
    return draw_conditions(np.random.default_rng([identity, picture, 7002]), strength)


def draw(f: Features, c: Conditions, *, size: int = 112, seed: int = 0) -> NDArray[np.uint8]:
    """The person ``f`` under the conditions ``c``: uint8 RGB (size, size, 3); ``seed`` is that of the camera noise."""
    canvas = Canvas(size, 2, c, f.head_width)
    _background(canvas, c)
    draw_back(canvas, f, c.hair_puff)
    _body(canvas, f, c)
    _ears(canvas, f)
    if f.top == "bun":
        draw_top(canvas, f, c.hair_puff)
    _head(canvas, f)
    draw_beard(canvas, f)
    mouth = f.eye_height + f.nose_length + f.mouth_height
    _nose(canvas, f)
    _mouth(canvas, f, c, mouth)
    for side in (-1.0, 1.0):
        _eye(canvas, f, c, side)
    draw_cap(canvas, f, c.hair_puff)
    if f.top != "bun":
        draw_top(canvas, f, c.hair_puff)
    for side in (-1.0, 1.0):
        _brow(canvas, f, c, side)
    if c.glasses_draw < f.glasses_habit:
        _glasses(canvas, f)
    return photographed(np.asarray(canvas.reduced()), c, seed)


def _background(canvas: Canvas, c: Conditions) -> None:
    top, bottom = c.background
    canvas.paste(Image.fromarray(np.array([[top, mix(top, bottom, 0.4)], [mix(top, bottom, 0.7), bottom]], np.uint8)))
    for x, y, radius, colour in c.blobs:
        canvas.spot(x, y, radius, mix(colour, top, 0.4))


def _body(canvas: Canvas, f: Features, c: Conditions) -> None:
    neck = f.head_width * 0.52
    shadow = shade(f.skin, 0.80)
    canvas.polygon(ellipse(0, 2.05, 1.5, 0.78, 2.6), c.clothes, depth=-0.1)
    if f.back != "scarf":
        canvas.polygon(
            np.array([[-neck, 0.5], [neck, 0.5], [neck * 1.1, 1.42], [-neck * 1.1, 1.42]]), shadow, depth=-0.1
        )
    if c.collar == 1:
        v = np.array([[-neck * 1.1, 1.30], [0, 1.85], [neck * 1.1, 1.30]])
        canvas.polygon(v, shadow, depth=-0.1)
    elif c.collar == 2:
        canvas.polygon(ellipse(0, 1.40, neck * 1.25, 0.14), shade(c.clothes, 0.8), depth=-0.1)


def _ears(canvas: Canvas, f: Features) -> None:
    if f.back == "scarf":
        return
    for side in (-1.0, 1.0):
        x = side * (f.head_width + f.ear_size * 0.25)
        canvas.polygon(ellipse(x, f.ear_height, f.ear_size * 0.62, f.ear_size), shade(f.skin, 0.93), depth=-0.05)
        canvas.polygon(ellipse(x, f.ear_height, f.ear_size * 0.32, f.ear_size * 0.6), shade(f.skin, 0.76), depth=-0.05)
        if f.earring is not None:
            canvas.dot(x, f.ear_height + f.ear_size * 1.1, 0.055, f.earring, depth=0.0)


def _head(canvas: Canvas, f: Features) -> None:
    outline = head_outline(f)
    canvas.polygon(outline, f.skin, depth=0.0)
    canvas.outline(outline, shade(f.skin, 0.70), 0.018, depth=0.0)
    blush = mix(f.skin, (226, 92, 92), f.cheek_blush)
    for side in (-1.0, 1.0):
        canvas.polygon(ellipse(side * f.head_width * 0.56, 0.30, 0.17, 0.11), blush)
    if f.freckles:
        canvas.dots(np.array(f.freckles), 0.016, shade(f.skin, 0.72))
    for x, y, radius in f.moles:
        canvas.dot(x, y, radius, mix(shade(f.skin, 0.4), INK, 0.3))


def _eye(canvas: Canvas, f: Features, c: Conditions, side: float) -> None:
    x, y = side * f.eye_distance, f.eye_height
    opening = f.eye_opening * c.eyes_open * (1.0 - 0.18 * max(0.0, c.smile))
    along = _T * f.eye_width
    slope = -f.eye_tilt * _T * side
    upper = y + slope - opening * (1 - np.abs(_T) ** 2.2)
    lower = y + slope + opening * 0.75 * (1 - _T**2)
    lid = np.stack([x + along, upper], axis=1)
    white = np.concatenate([lid, np.stack([x + along, lower], axis=1)[::-1]])
    canvas.polygon(white, WHITE)
    at_x, at_y = x + c.gaze_x * 0.032, y - 0.012 + c.gaze_y * 0.016
    for radius, colour in (
        (f.iris_radius, shade(f.iris, 0.55)),
        (f.iris_radius * 0.86, f.iris),
        (f.iris_radius * 0.45, INK),
    ):
        disc = ellipse(at_x, at_y, radius, radius)
        # Nothing clips in Pillow: the disc is pressed into the opening between the lids instead.
        disc[:, 0] = np.clip(disc[:, 0], x - f.eye_width, x + f.eye_width)
        high = np.interp(disc[:, 0], x + along, upper)
        low = np.interp(disc[:, 0], x + along, lower)
        disc[:, 1] = np.clip(disc[:, 1], high, low)
        canvas.polygon(disc, colour)
    canvas.dot(at_x - 0.025, at_y - 0.025, 0.02, WHITE)
    canvas.stroke(lid, INK, 0.016 + f.lashes)
    canvas.stroke(np.stack([x + along, lower], axis=1), shade(f.skin, 0.62), 0.012)
    if f.crease > 0.02:
        canvas.stroke(lid - np.array([0, 0.02 + f.crease]), shade(f.skin, 0.68), 0.014)


def _brow(canvas: Canvas, f: Features, c: Conditions, side: float) -> None:
    x = side * f.eye_distance * 1.03
    y = f.eye_height - f.brow_gap - c.brow_raise
    middle = y - f.brow_arch * (1 - (_T - 0.15 * side) ** 2) - f.brow_tilt * _T * side
    half = f.brow_thickness * 0.5 * np.clip(1.15 - 0.75 * np.clip(_T * side, 0, 1) ** 1.5, 0.2, 1)
    along = x + f.brow_length * _T
    band = np.concatenate([np.stack([along, middle - half], axis=1), np.stack([along, middle + half], axis=1)[::-1]])
    base = INK if f.back == "scarf" else f.hair
    canvas.polygon(band, mix(shade(base, 0.72), f.skin, 0.08))


def _nose(canvas: Canvas, f: Features) -> None:
    tip = f.eye_height + f.nose_length
    w = f.nose_width
    dark = shade(f.skin, 0.70)
    soft = shade(f.skin, 0.86)
    if f.nose == "shadow":
        wedge = np.array([[0.02, f.eye_height], [w, tip - 0.02], [0.0, tip + 0.03], [-0.02, tip]])
        canvas.polygon(wedge, soft, lift=0.10)
    elif f.nose == "long":
        canvas.stroke(
            np.array([[w * 0.3, f.eye_height - 0.02], [w * 0.45, tip - 0.12], [w, tip - 0.02]]), dark, 0.022, lift=0.10
        )
    elif f.nose == "wide":
        canvas.polygon(ellipse(0, tip - 0.04, w * 1.15, 0.085), soft, lift=0.10)
    else:
        canvas.polygon(ellipse(0, tip - 0.03, w * 0.85, 0.075), mix(soft, (222, 110, 100), 0.18), lift=0.12)
    bend = np.stack([w * _T, tip + 0.03 * (1 - _T**2) - 0.03], axis=1)
    canvas.stroke(bend, dark, 0.022, lift=0.10)
    for side in (-1.0, 1.0):
        canvas.dot(side * w * 0.55, tip - 0.005, 0.022, shade(f.skin, 0.5))


def _mouth(canvas: Canvas, f: Features, c: Conditions, y: float) -> None:
    w = f.mouth_width * (1 + 0.12 * c.smile)
    corner = -0.075 * c.smile
    opening = 0.12 * c.mouth_open
    bow = 1 - _T**2
    middle = y + corner * _T**2
    upper = middle - f.upper_lip * bow * (1 - 0.28 * np.exp(-((_T / 0.22) ** 2))) - opening * 0.35 * bow
    inner_top = middle - opening * 0.35 * bow
    inner_low = middle + opening * bow
    lower = inner_low + f.lower_lip * bow
    x = w * _T
    canvas.polygon(np.stack([np.r_[x, x[::-1]], np.r_[upper, lower[::-1]]], axis=1), f.lips, lift=0.04)
    if opening > 0.015:
        mouth = np.stack([np.r_[x, x[::-1]], np.r_[inner_top, inner_low[::-1]]], axis=1)
        canvas.polygon(mouth * np.array([0.94, 1.0]), (92, 30, 34), lift=0.04)
        teeth = np.stack(
            [np.r_[x, x[::-1]], np.r_[inner_top, (inner_top + 0.45 * (inner_low - inner_top))[::-1]]], axis=1
        )
        canvas.polygon(teeth * np.array([0.86, 1.0]), WHITE, lift=0.04)
    else:
        canvas.stroke(np.stack([x, middle], axis=1), shade(f.lips, 0.55), 0.022, lift=0.04)


def _glasses(canvas: Canvas, f: Features) -> None:
    y = f.eye_height + 0.02
    size = min(f.glasses_size, f.eye_distance - 0.05)
    for side in (-1.0, 1.0):
        rim = ellipse(side * f.eye_distance, y, size, f.glasses_size * 0.82, f.glasses_roundness)
        canvas.outline(rim, f.glasses_colour, 0.036)
        arm = np.array([[side * (f.eye_distance + size), y - 0.03], [side * f.head_width * 0.99, y - 0.05]])
        canvas.stroke(arm, f.glasses_colour, 0.034)
    bridge = f.eye_distance - size
    span = np.linspace(-bridge, bridge, 5)
    canvas.stroke(
        np.stack([span, y - 0.04 - 0.02 * (1 - (span / max(bridge, 1e-6)) ** 2)], axis=1), f.glasses_colour, 0.036
    )
