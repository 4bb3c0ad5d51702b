"""From five landmarks to the picture that a face model was trained on.

Coordinates here count pixel centres: (0, 0) is the centre of the top left pixel, as in the published templates.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facedb.core import rejects
from facedb.core.records import Float64Array
from facedb.core.rejects import Rejected, problem

ARCFACE_112: Final = (
    (38.2946, 51.6963),
    (73.5318, 51.5014),
    (56.0252, 71.7366),
    (41.5493, 92.3655),
    (70.7299, 92.2041),
)
"""Eyes, nose and mouth corners (image left first) at 112 x 112, the template of the ArcFace family."""


@dataclass(frozen=True, slots=True)
class Similarity:
    """``z -> a z + b`` on points written as complex numbers x + iy: rotation and scale in ``a``, shift in ``b``."""

    a: complex
    b: complex

    @property
    def scale(self) -> float:
        """Length of the image of a unit step."""
        return abs(self.a)

    def inverse(self) -> Similarity:
        """The map back."""
        return Similarity(1 / self.a, -self.b / self.a)


def template_for(height: int, width: int) -> Float64Array:
    """The ArcFace template for a model input of this size, float64 (5, 2); centred where the input is not square."""
    side = min(height, width)
    shift = ((width - side) / 2, (height - side) / 2)
    # Pixel centres scale around the corner of the picture, half a pixel before the first centre.
    points: Float64Array = (np.asarray(ARCFACE_112) + 0.5) * (side / 112.0) - 0.5 + np.asarray(shift)
    return points


def similarity(source: Float64Array, target: Float64Array) -> Similarity:
    """The least-squares similarity (no reflection) that takes ``source`` (n, 2) to ``target`` (n, 2).

    The closed form of Umeyama, "Least-squares estimation of transformation parameters between two point patterns",
    IEEE TPAMI 13(4), 1991; in the plane it is one complex division. Raises Rejected with ``bad_landmarks``.
    """
    if not (np.isfinite(source).all() and source.shape == target.shape):
        raise Rejected(problem(rejects.BAD_LANDMARKS, "The landmarks are not finite."))
    s = source[:, 0] + 1j * source[:, 1]
    t = target[:, 0] + 1j * target[:, 1]
    s_mean, t_mean = s.mean(), t.mean()
    spread = float(np.sum(np.abs(s - s_mean) ** 2))
    if spread < 1e-6:
        raise Rejected(problem(rejects.BAD_LANDMARKS, "The landmarks all lie on one point."))
    a = complex(np.sum(np.conj(s - s_mean) * (t - t_mean)) / spread)
    if abs(a) < 1e-6:
        raise Rejected(problem(rejects.BAD_LANDMARKS, "The landmarks do not have the order of a face."))
    return Similarity(a, complex(t_mean - a * s_mean))


def warp(image: Image.Image, forward: Similarity, height: int, width: int) -> Image.Image:
    """The ``width`` x ``height`` picture seen through ``forward``; black outside the image.

    Bilinear; where the face is at least twice as large as the output, the region is first reduced by an integer factor
    with a box filter, so that fine texture does not alias.
    """
    back = forward.inverse()
    corners = np.array([0, width - 1, (height - 1) * 1j, width - 1 + (height - 1) * 1j])
    seen = back.a * corners + back.b
    factor = max(1, math.floor(back.scale))
    box = _region(image, seen.real, seen.imag, factor)
    if box is None:
        raise Rejected(problem(rejects.BAD_LANDMARKS, "The landmarks lie outside the image."))
    # Reduced without a crop of its own: a face may fill a photo larger than Pillow crops.
    region = image.reduce(factor, box) if factor > 1 else image.crop(box)
    x0, y0 = box[:2]
    # Pixel centres of the image -> pixel centres of the reduced region -> the corner-based coordinates of Pillow.
    a = back.a / factor
    b = (back.b - complex(x0, y0) + complex(0.5, 0.5)) / factor - a * complex(0.5, 0.5)
    coefficients = (a.real, -a.imag, b.real, a.imag, a.real, b.imag)
    return region.transform((width, height), Image.Transform.AFFINE, coefficients, Image.Resampling.BILINEAR)


def covered(size: tuple[int, int], forward: Similarity, height: int, width: int) -> NDArray[np.bool_]:
    """Which pixels of what `warp` gives are the image's own, bool (height, width); ``size`` is its width and height."""
    back = forward.inverse()
    seen = back.a * (np.arange(width)[None, :] + 1j * np.arange(height)[:, None]) + back.b
    x, y = seen.real, seen.imag
    inside: NDArray[np.bool_] = (x >= 0) & (x <= size[0] - 1) & (y >= 0) & (y <= size[1] - 1)
    return inside


def _region(image: Image.Image, xs: Float64Array, ys: Float64Array, factor: int) -> tuple[int, int, int, int] | None:
    """The part of the image that is seen, with a margin, as left, top, right, bottom; None where it is empty."""
    margin = 2 * factor + 2
    left = max(0, math.floor(xs.min()) - margin)
    top = max(0, math.floor(ys.min()) - margin)
    right = min(image.width, math.ceil(xs.max()) + margin + 1)
    bottom = min(image.height, math.ceil(ys.max()) + margin + 1)
    return None if right <= left or bottom <= top else (left, top, right, bottom)


def crop_box(
    image: Image.Image, box: tuple[float, float, float, float], margin: float, height: int, width: int
) -> Image.Image:
    """The box (x, y, w, h in pixels), widened by ``margin`` of its longer side, as a square of the output size.

    Black outside the image. Raises Rejected with ``bad_landmarks`` for a box without area or outside the image.
    """
    x, y, w, h = box
    if not all(math.isfinite(value) for value in box) or w <= 0 or h <= 0:
        raise Rejected(problem(rejects.BAD_LANDMARKS, "The box has no area."))
    if x >= image.width or y >= image.height or x + w <= 0 or y + h <= 0:
        raise Rejected(problem(rejects.BAD_LANDMARKS, "The box lies outside the image."))
    return warp(image, box_similarity(box, margin, height, width), height, width)


def box_similarity(box: tuple[float, float, float, float], margin: float, height: int, width: int) -> Similarity:
    """The map from the image to the square around a box (x, y, w, h), widened by ``margin`` of its longer side."""
    x, y, w, h = box
    scale = min(height, width) / (max(w, h) * (1 + 2 * margin))
    centre = complex(x + w / 2 - 0.5, y + h / 2 - 0.5)
    target = complex((width - 1) / 2, (height - 1) / 2)
    return Similarity(complex(scale), target - scale * centre)


def fit(image: Image.Image, height: int, width: int) -> Image.Image:
    """The whole image at ``width`` x ``height``, for sets that are already cropped."""
    if image.size == (width, height):
        return image
    return image.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=3.0)
