"""Comparison: what one of two copies shows and the other does not, by laying their small pictures over each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from facedb.core.records import Float64Array
from facedb.findings.pictures.agreement import FROM, laid
from facedb.findings.pictures.registration import Grey, Prepared, blurred, grid, inside, turned_back

_UNTURNED: Final = (0, 4)
_ALIKE: Final = 0.85
_RIM: Final = 1.0
"""So many pixels on either side of the edge of the other picture lie on the seam."""
_BESIDE: Final = 4
_FLAT: Final = 1.0
_FLAT_ALONE: Final = 0.85
_FLAT_EDGED: Final = (0.5, 1.25)
_BOTH: Final = 0.1
_EDGE: Final = 1.7
"""Of 32 photos cropped in eight ways what was cut off had one grey level in 0.73 of it at most, and a seam at most 1.23 times as steep as
its surroundings where that was half of it, but for photos that have a frame of their own; without that it was 1.8 times as steep. Half of
the blurred frames reach 1.73, frames of one colour 0.88 of one level, captions 0.64 and a seam of 1.3 to 3.9."""


@dataclass(frozen=True, slots=True)
class Beyond:
    """What a picture has beyond the edges of the other: ``share`` of what both show, and whether that is a ``frame``, flat or blurred,
    which is ``unclear`` where only the seam tells."""

    share: float
    frame: bool
    unclear: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """Picture b beside a: ``turned`` by quarters or not; ``scale``: how many pixels of b's small picture lie along one of a's;
    ``stretch``: how many times further one way than the other; and what each has beyond the other."""

    turned: bool
    scale: float
    stretch: float
    beyond_a: Beyond
    beyond_b: Beyond


def compare(a: Prepared, b: Prepared) -> Comparison | None:
    """How two copies differ in what they show; None where their pictures are too unlike to tell."""
    found, overlay = laid(a, b, _UNTURNED)
    if overlay is None or found < FROM:
        found, overlay = laid(a, b)
    if overlay is None or found < _ALIKE:
        return None
    linear = np.linalg.inv(overlay.affine[:, :2])
    back = np.c_[linear, -linear @ overlay.affine[:, 2]]
    grey_b = turned_back(b.grey, overlay.turn)
    scale = float(np.sqrt(abs(np.linalg.det(linear))))
    beyond = _beyond(a.grey, grey_b.shape, back), _beyond(grey_b, a.grey.shape, overlay.affine)
    long, short = np.linalg.svd(linear, compute_uv=False)
    return Comparison(overlay.turn % 4 != 0, scale, float(long / short), *beyond)


def _beyond(picture: Grey, other: tuple[int, ...], affine: Float64Array) -> Beyond:
    """What a picture has beyond the edges of another of shape ``other``, into which ``affine`` takes its points."""
    x, y = affine @ grid(*picture.shape)

    def within(ring: float) -> NDArray[np.bool_]:
        return inside(other, x, y, ring).reshape(picture.shape)

    out = ~within(-_RIM)
    if out.all() or not out.any():
        return Beyond(0.0, frame=False, unclear=False)
    beside = blurred(out.astype(np.float32), _BESIDE) > 0
    seam = within(-_RIM) & ~within(_RIM) & beside
    around = within(-_BESIDE) & ~within(_BESIDE) & ~seam & beside
    steps = np.hypot(*np.gradient(picture.astype(np.float32)))
    values = picture[out].astype(np.float32)
    flat = float((np.abs(values - np.median(values)) <= _FLAT).mean())
    edge = float(steps[seam].mean() / max(float(steps[around].mean()), 0.01)) if seam.any() and around.any() else 0.0
    dark, light = float((values <= _FLAT).mean()), float((values >= 255 - _FLAT).mean())
    ringed = dark + light > _FLAT_ALONE - 0.1 and min(dark, light) > _BOTH
    added = flat > _FLAT_ALONE or ringed or (flat > _FLAT_EDGED[0] and edge > _FLAT_EDGED[1])
    return Beyond(float(out.sum() / (~out).sum()), added or edge > _EDGE, not added and edge > _FLAT_EDGED[1])
