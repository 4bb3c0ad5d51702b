"""Traces: what saving, resizing and filtering a photo leave in it, by which copies are told from the original."""

from __future__ import annotations

from typing import Final

import numpy as np
from PIL import Image

from facedb.core.records import Float32Array, Traces

_SIDE: Final = 192
_BLOCK: Final = 8
_SMALL: Final = 48
_ROUNDING: Final = 0.08
_LEAST: Final = 32


def traces(image: Image.Image) -> Traces:
    """The traces in a picture of mode RGB: in all of it for the colour, in the 192 x 192 pixels of its middle for the rest."""
    sides = [max(0, (side - _SIDE) // 2) // _BLOCK * _BLOCK for side in image.size]
    left, top = sides
    middle = image.crop((left, top, min(image.width, left + _SIDE), min(image.height, top + _SIDE)))
    values = np.asarray(middle.convert("L"), np.float32)
    small = image.resize((_SMALL, _SMALL), Image.Resampling.BOX, reducing_gap=2.0)
    return Traces(_colour(small), _fine(values), _blocks(values))


def _colour(small: Image.Image) -> float:
    light, *hues = np.asarray(small.convert("YCbCr"), np.float64).reshape(-1, 3).T
    # A tint is a hue that follows the light, so only what does not follow it is colour.
    plain = np.c_[light, np.ones_like(light)]
    left = [hue - plain @ np.linalg.lstsq(plain, hue, rcond=None)[0] for hue in hues]
    return float(np.sqrt(sum(np.mean(rest**2) for rest in left)))


def _fine(values: Float32Array) -> float:
    height, width = (side // 2 * 2 for side in values.shape)
    if min(height, width) < _LEAST:
        return 1.0
    even: Float32Array = values[:height, :width]
    half: Float32Array = (even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]) / np.float32(4)
    return max(_finest(values) - _ROUNDING, 0.0) / (_finest(half) + 0.05)


def _finest(values: Float32Array) -> float:
    down = (values[:-2] + 2 * values[1:-1] + values[2:]) / 4
    smooth = (down[:, :-2] + 2 * down[:, 1:-1] + down[:, 2:]) / 4
    return float(np.mean((values[1:-1, 1:-1] - smooth) ** 2))


def _blocks(values: Float32Array) -> float:
    if min(values.shape) < _LEAST:
        return 1.0
    found = []
    for steps in (np.abs(np.diff(values, axis=1)).mean(axis=0), np.abs(np.diff(values, axis=0)).mean(axis=1)):
        edge = np.arange(len(steps)) % _BLOCK == _BLOCK - 1
        found.append((steps[edge].mean() + 0.05) / (steps[~edge].mean() + 0.05))
    return float(np.mean(found))
