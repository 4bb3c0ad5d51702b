"""A canvas in head units: points on or around a head of given pose become polygons and strokes on a Pillow image."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from facedb.demo.drawing.conditions import Conditions
from facedb.demo.drawing.features import Colour

Points = NDArray[np.float64]
HEAD_DEPTH = 0.62
UNIT = 0.335

_ANGLES = np.linspace(0, 2 * np.pi, 36, endpoint=False)
CIRCLE: Points = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=1)


def ellipse(x: float, y: float, rx: float, ry: float, power: float = 2.0) -> Points:
    """Points (36, 2) of a superellipse: power 2 is an ellipse, more is squarer."""
    shape = CIRCLE if power == 2.0 else np.sign(CIRCLE) * np.abs(CIRCLE) ** (2 / power)
    points: Points = np.array([x, y]) + shape * np.array([rx, ry])
    return points


class Canvas:
    """An RGB picture of ``size`` x ``size`` pixels, drawn ``oversample`` times larger.

    Points are (n, 2) in head units. ``depth=None`` puts them on the rounded front of the head, so that they move with
    yaw and pitch; a number puts them on a plane that far in front of the head's middle (behind it, when negative).
    """

    def __init__(self, size: int, oversample: int, pose: Conditions, head_width: float) -> None:
        self.pixels = size * oversample
        self.oversample = oversample
        self.image = Image.new("RGB", (self.pixels, self.pixels))
        self._draw = ImageDraw.Draw(self.image)
        self.unit = UNIT * pose.scale * self.pixels
        self._head_width = head_width
        sin_yaw, cos_yaw = math.sin(pose.yaw), math.cos(pose.yaw)
        sin_pitch, cos_pitch = math.sin(pose.pitch), math.cos(pose.pitch)
        sin_roll, cos_roll = math.sin(pose.roll), math.cos(pose.roll)
        turn = np.array([[cos_roll, sin_roll], [-sin_roll, cos_roll]]) * self.unit
        # Yaw about the vertical axis, then pitch, then the z axis dropped, then roll: linear in (x, y) and in z.
        self._from_plane: Points = np.array([[cos_yaw, sin_yaw * sin_pitch], [0.0, cos_pitch]]) @ turn
        self._from_depth: Points = np.array([sin_yaw, -cos_yaw * sin_pitch]) @ turn
        self._origin = np.array([0.5 + pose.shift_x * UNIT, 0.5 + pose.shift_y * UNIT]) * self.pixels

    def place(self, points: Points, depth: float | None = None, lift: float = 0.0) -> Points:
        """Where points (n, 2) of the head lie in the picture, (n, 2) in pixels of the oversampled image."""
        if depth is not None:
            return np.asarray(points @ self._from_plane + (self._from_depth * depth + self._origin))
        rim = (points / (self._head_width, 1.15)) ** 2
        z = HEAD_DEPTH * np.sqrt(np.maximum(0.0, 1 - rim[:, 0] - rim[:, 1])) + lift
        return np.asarray(points @ self._from_plane + z[:, None] * self._from_depth + self._origin)

    def polygon(self, points: Points, fill: Colour, depth: float | None = None, lift: float = 0.0) -> None:
        """Fill the polygon through ``points``."""
        self.fill(self.place(points, depth, lift), fill)

    def fill(self, placed: Points, colour: Colour) -> None:
        """Fill the polygon through points that ``place`` returned."""
        self._draw.polygon(placed.ravel().tolist(), fill=_rgb(colour))

    def stroke(
        self, points: Points, colour: Colour, width: float, depth: float | None = None, lift: float = 0.0
    ) -> None:
        """Draw the open line through ``points``; ``width`` in head units."""
        self.line(self.place(points, depth, lift), colour, width)

    def line(self, placed: Points, colour: Colour, width: float) -> None:
        """Draw the open line through points that ``place`` returned; ``width`` in head units."""
        pixels = max(1, round(width * self.unit))
        self._draw.line(placed.ravel().tolist(), fill=_rgb(colour), width=pixels, joint="curve" if pixels > 4 else None)

    def outline(self, points: Points, colour: Colour, width: float, depth: float | None = None) -> None:
        """Draw the closed line through ``points``; ``width`` in head units."""
        self.stroke(np.concatenate([points, points[:2]]), colour, width, depth)

    def dots(self, points: Points, radius: float, colour: Colour, depth: float | None = None) -> None:
        """Fill small circles that keep their shape; ``radius`` in head units."""
        r = radius * self.unit
        for x, y in self.place(points, depth).tolist():
            self._draw.ellipse((x - r, y - r, x + r, y + r), fill=_rgb(colour))

    def dot(self, x: float, y: float, radius: float, colour: Colour, depth: float | None = None) -> None:
        """Fill one small circle that keeps its shape; ``radius`` in head units."""
        self.dots(np.array([[x, y]]), radius, colour, depth)

    def spot(self, x: float, y: float, radius: float, colour: Colour) -> None:
        """Fill a circle of the background; x, y and radius in shares of the picture's side."""
        n = self.pixels
        box = ((x - radius) * n, (y - radius) * n, (x + radius) * n, (y + radius) * n)
        self._draw.ellipse(box, fill=_rgb(colour))

    def paste(self, picture: Image.Image) -> None:
        """Cover the whole canvas with a picture of any size."""
        self.image.paste(picture.resize((self.pixels, self.pixels), Image.Resampling.BILINEAR))

    def reduced(self) -> Image.Image:
        """The finished picture at its proper size."""
        return self.image.reduce(self.oversample)


def _rgb(colour: Colour) -> tuple[int, int, int]:
    return (int(colour[0]), int(colour[1]), int(colour[2]))
