"""Light and camera: brightness, contrast, colour temperature, a gradient of light, blur and noise."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from facedb.demo.drawing.conditions import Conditions


def photographed(pixels: NDArray[np.uint8], c: Conditions, seed: int) -> NDArray[np.uint8]:
    """The clean drawing (h, w, 3) uint8 RGB as a camera might have seen it; ``seed`` is that of the noise."""
    height, width = pixels.shape[:2]
    if c.blur > 0.05:
        blurred = Image.fromarray(pixels).filter(ImageFilter.BoxBlur(c.blur * width / 112))
        pixels = np.asarray(blurred)
    across = np.linspace(-1, 1, width, dtype=np.float32) * np.float32(math.cos(c.light_angle))
    down = np.linspace(-1, 1, height, dtype=np.float32) * np.float32(math.sin(c.light_angle))
    light = (across[None, :] + down[:, None]) * np.float32(c.light_strength) + 1
    gain = np.array([1 + c.warmth, 1.0, 1 - c.warmth], np.float32) * np.float32(c.contrast * c.brightness)
    seen = pixels * (light[:, :, None] * gain) + np.float32(128 * (1 - c.contrast))
    if c.noise > 0.1:
        # One noise plane serves the three channels: grain is mostly luminance, and drawing it is the dear part.
        rng = np.random.default_rng([seed, 7003])
        seen += rng.standard_normal((height, width, 1), dtype=np.float32) * np.float32(c.noise)
    np.clip(seen, 0, 255, out=seen)
    return seen.astype(np.uint8)
