"""Hair: what lies behind the head, the cap with its hairline, what stands on top, and beards."""

from __future__ import annotations

import math

import numpy as np

from facedb.demo.drawing.canvas import Canvas, Points, ellipse
from facedb.demo.drawing.features import Features, mix, shade

_T = np.linspace(-1, 1, 33)
_OUTLINE_ANGLES = np.linspace(0, 2 * np.pi, 72, endpoint=False)


def head_outline(f: Features) -> Points:
    """Points (72, 2) around the head, clockwise from its right side over the chin."""
    c, s = np.cos(_OUTLINE_ANGLES), np.sin(_OUTLINE_ANGLES)
    lower = s >= 0
    power = np.where(lower, 2.0 + (f.jaw_power - 2.0) * 0.75, f.skull_power)
    x = f.head_width * np.sign(c) * np.abs(c) ** (2 / power)
    y = np.where(lower, f.chin_length, 1.0) * np.sign(s) * np.abs(s) ** (2 / power)
    return np.stack([x, y], axis=1)


def _crown(f: Features, grow: float) -> Points:
    """The upper outline from the left temple to the right one, grown outwards by ``grow``."""
    angle = np.linspace(math.pi, 2 * math.pi, 33)
    c, s = np.cos(angle), np.sin(angle)
    x = (f.head_width + grow * 0.55) * np.sign(c) * np.abs(c) ** (2 / f.skull_power)
    y = (1.0 + grow) * np.sign(s) * np.abs(s) ** (2 / f.skull_power)
    return np.stack([x, y], axis=1)


def _hairline(f: Features) -> Points:
    """The front edge of the hair, from the right temple to the left one, on the surface of the head."""
    t = _T[::-1]
    temple = np.abs(t) ** 5 * (abs(f.hairline_height) + 0.02)
    y = np.full(33, f.hairline_height) + temple
    if f.hairline == "peak":
        y += 0.16 * np.exp(-((t / 0.22) ** 2)) - 0.06
    elif f.hairline == "side":
        y += 0.24 * np.clip(np.abs(t - f.parting) / 1.2, 0, 1) - 0.16 * np.exp(-(((t - f.parting) / 0.16) ** 2))
    elif f.hairline == "centre":
        y += 0.34 * t**2 - 0.20 * np.exp(-((t / 0.3) ** 2)) - 0.02
    elif f.hairline == "fringe":
        y = np.maximum(y, -0.34 + 0.035 * np.where(np.arange(33) % 4 < 2, 1.0, -1.0)) + 0.03 * f.parting * t
    elif f.hairline == "receding":
        y = np.minimum(y, -0.70 + 0.12 * np.exp(-((t / 0.25) ** 2))) + temple
    y = np.minimum(y, 0.04)
    # The edge may not leave the head: at height y the head is only so wide.
    room = f.head_width * np.maximum(0.0, 1 - np.minimum(np.abs(y), 0.999) ** f.skull_power) ** (1 / f.skull_power)
    return np.stack([np.clip(f.head_width * t, -room, room), y], axis=1)


def draw_back(canvas: Canvas, f: Features, puff: float) -> None:
    """Hair (or a scarf) that hangs or stands behind the head."""
    if f.back == "none":
        return
    dark = shade(f.hair, 0.78)
    w = f.head_width + 0.10 + f.hair_volume * 0.6 + puff
    if f.back == "afro":
        r = f.head_width + 0.22 + f.hair_volume + puff
        for angle in np.linspace(math.pi * 0.85, math.pi * 2.15, 15):
            canvas.dot(r * 0.86 * math.cos(angle), -0.28 + r * 0.86 * math.sin(angle), 0.24, f.hair, depth=-0.1)
        canvas.polygon(ellipse(0, -0.28, r, r), f.hair, depth=-0.1)
        return
    if f.back == "scarf":
        canvas.polygon(ellipse(0, 0.05, f.head_width + 0.14, 1.26), dark, depth=-0.1)
        canvas.polygon(ellipse(0, 1.05, f.head_width * 0.92, 0.42), shade(f.hair, 0.88), depth=-0.05)
        return
    low = f.back_length * (0.75 if f.back == "bob" else 1.1) + (0.0 if f.back == "bob" else 0.35)
    right = np.linspace(-0.5, low, 14)
    flare = 0.10 * (right + 0.5) / (low + 0.5)
    if f.back == "waves":
        flare = flare + 0.06 * np.sin((right + 0.5) * 8)
    side = np.stack([w + flare, right], axis=1)
    mirrored = side[::-1] * np.array([-1.0, 1.0])
    top = np.array([[w * math.cos(a), -0.5 + 0.68 * math.sin(a)] for a in np.linspace(math.pi, 2 * math.pi, 15)])
    canvas.polygon(np.concatenate([top, side, mirrored]), dark, depth=-0.2)


def draw_cap(canvas: Canvas, f: Features, puff: float) -> None:
    """The hair on the skull, down to the hairline, with a few strands."""
    if f.hairline == "bald":
        return
    grow = f.hair_volume + puff + (0.05 if f.back == "scarf" else 0.0)
    crown = canvas.place(_crown(f, grow), depth=-0.05)
    front = canvas.place(_hairline(f), lift=0.02)
    canvas.fill(np.concatenate([crown, front]), f.hair)
    light, dark = shade(f.hair, 1.25), shade(f.hair, 0.72)
    if f.back != "scarf" and f.hairline != "receding":
        root = f.parting if f.hairline == "side" else 0.0
        for k, t in enumerate((-0.75, -0.45, 0.4, 0.72)):
            a = np.array([[root * f.head_width, -0.98], [f.head_width * (root * 0.4 + t * 0.6), -0.88]])
            end = np.array([[f.head_width * t, max(-0.8, f.hairline_height - 0.08)]])
            canvas.stroke(np.concatenate([a, end]), light if k % 2 else dark, 0.022, lift=0.05)
    canvas.line(front, dark, 0.02)


def draw_top(canvas: Canvas, f: Features, puff: float) -> None:
    """A bun (before the cap), or what stands up from it."""
    height = -1.0 - f.hair_volume - puff
    if f.top == "bun":
        canvas.polygon(ellipse(0, height - 0.08, 0.26 + f.hair_volume * 0.4, 0.22), shade(f.hair, 0.9), depth=-0.1)
    elif f.top == "quiff":
        side = 1.0 if f.parting >= 0 else -1.0
        curve = np.array([[-0.62, -0.72], [-0.5, -1.0], [-0.1, -1.22], [0.35, -1.36], [0.62, -1.2], [0.6, -0.75]])
        curve[:, 0] *= side * f.head_width
        curve[:, 1] -= f.hair_volume * 0.5
        canvas.polygon(curve, f.hair, depth=0.15)
    elif f.top == "curls":
        for angle in np.linspace(math.pi * 1.05, math.pi * 1.95, 9):
            x, y = (f.head_width + 0.05) * math.cos(angle), (0.98 + f.hair_volume * 0.7) * math.sin(angle)
            canvas.dot(x, y, 0.19, f.hair, depth=0.0)
            canvas.dot(x, y + 0.03, 0.09, shade(f.hair, 1.15), depth=0.02)
    elif f.top == "spikes":
        for t in np.linspace(-0.7, 0.7, 7):
            x = t * f.head_width
            tip = height - 0.20 + 0.1 * t * t
            spike = np.array(
                [[x - 0.14, height + 0.28], [x + 0.06 * np.sign(f.parting), tip], [x + 0.14, height + 0.28]]
            )
            canvas.polygon(spike, f.hair, depth=0.0)


def draw_beard(canvas: Canvas, f: Features) -> None:
    """A moustache, a goatee or a full beard below the mouth."""
    colour = mix(f.hair, f.skin, 0.15)
    mouth = f.eye_height + f.nose_length + f.mouth_height
    w = f.mouth_width
    if f.beard in ("moustache", "goatee", "full"):
        upper = np.stack([w * 1.15 * _T, mouth - 0.055 - 0.075 * (1 - _T**2)], axis=1)
        lower = np.stack([w * 1.15 * _T[::-1], mouth - 0.01 - 0.035 * (1 - _T**2)], axis=1)
        canvas.polygon(np.concatenate([upper, lower]), colour)
    if f.beard == "goatee":
        canvas.polygon(ellipse(0, mouth + 0.17, w * 0.7, max(0.1, f.chin_length - mouth - 0.2)), colour)
    elif f.beard == "full":
        t = np.linspace(-1, 1, 25)
        # From the right sideburn around the chin to the left one, and back between cheeks and mouth.
        angle = np.linspace(0.12, math.pi - 0.12, 25)
        jaw = head_outline(f)
        outer = np.stack([np.interp(angle, _OUTLINE_ANGLES, jaw[:, k]) for k in (0, 1)], axis=1) * 1.03
        edge = mouth - 0.06 - 0.06 * np.cos(t * 5) - (mouth - outer[0, 1]) * np.abs(t) ** 3
        inner = np.stack([outer[0, 0] * t, edge], axis=1)
        canvas.fill(np.concatenate([canvas.place(outer, depth=0.0), canvas.place(inner)]), colour)
