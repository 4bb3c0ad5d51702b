"""Agreement: whether two small pictures are one photo, by how well their detail agrees when one is laid over the other.

Measured on photos of lfw_dev and deepface_celebs, ten altered copies of each of twenty (JPEG 75 and 30, brighter by 30 %, grey, two
thirds and half the size, 5 and 10 % cropped from every side, framed, mirrored): the agreement of copies was 0.974 and more. Different
photos of one sitting reach 0.2 in press photos and 0.98 in a studio whose camera and head stand still (ORL), so no limit serves
every dataset: `sureness` asks what pairs of this one reach.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from facedb.core.records import Float32Array, Float64Array
from facedb.findings.pictures.registration import (
    ALL_TURNS,
    Overlay,
    Prepared,
    blurred,
    find_overlay,
    grid,
    inside,
    refine,
    sampled,
    turned_back,
)

FROM: Final = 0.96
"""Hardly a copy agrees less, whatever was done to it."""
_COPIES: Final = (2.7, 0.45)
"""Mean and standard deviation of the Fisher transform of the agreement of copies (0.974 to 0.999), as measured above."""
_PRIOR: Final = (10.0, 0.3, 0.4)
"""So many pairs of different photos are taken for granted, with this mean and standard deviation: an assumption, for small sets."""
_TAIL: Final = 1.5
_ROUNDS: Final = 100
_SETTLED: Final = 1e-4
_HIGHEST: Final = 0.9999
_HOPELESS: Final = 0.45
_CROP: Final = 0.93
"""Of 60 photos cropped by 15 % on one or two sides, mirrored or not, all but one reached this correlation of the coarse pictures; of 270
pairs of one sitting (ORL) 96 in a hundred did not. Finding that out takes a tenth of the time of the rest."""
_UNTURNED: Final = (0, 4)
_CELLS: Final = 6
_TEXTURED: Final = 6
_QUANTILE: Final = 0.15
_DOUBT: Final = 0.9
_MOVED: Final = 0.5
"""No cell of 224 altered copies of 14 photos agreed less than 0.88, and none of five copies found in lfw_dev less than 0.73."""
_MOVE: Final = 2.5
"""`_moved` was up to 0.03 in 98 of 100 of the ten kinds of copies (0.10 at 64 pixels) and up to 0.01 where ORL holds one exposure in two
crops; in its pairs of two exposures that agree beyond FROM it was 0.02 and more, at any of their size, twice, three times and 64 pixels."""
_PLACE: Final = 3
_EVERYWHERE: Final = 3.0
_BRIGHTEST: Final = 235.0
_DARKEST: Final = 6.0
_CLIPPED: Final = 0.1
_MOSTLY: Final = 0.6
_LITTLE: Final = np.float32(1e-3)
_CONTRAST: Final = 4.0
_EDGE: Final = 2.5
_LEAST: Final = 400
_THIN: Final = 20
_SCALES: Final = (0.3, 3.5)


def agreement(a: Prepared, b: Prepared, turns: tuple[int, ...] = ALL_TURNS) -> float:
    """How far two pictures are one photo, cropped, framed, resized, brighter, or after one of ``turns``.

    Both are blurred a little, one is laid over the other in the coarser of the two grids, and their detail is correlated over what
    both show: as a whole, and in each cell of 6 x 6 that shows anything. The agreement is the smaller of the whole and of the cells'
    lower sixth, from -1 to 1 (0: they could not be laid over each other), or of the lowest cell where the others leave a doubt that it
    settles, so that a face that moved before a still wall, or the other way about, makes two photos. Where nearly all agrees, what is
    left over is looked at too: noise and codecs leave it everywhere, and eyes that moved leave it in one place (see `_moved`).
    """
    return laid(a, b, turns)[0]


def laid(a: Prepared, b: Prepared, turns: tuple[int, ...] = ALL_TURNS) -> tuple[float, Overlay | None]:
    """The `agreement` of two pictures, and how b lies over a; None where they could not be laid over each other."""
    if min(*a.grey.shape, *b.grey.shape) < _THIN:
        return 0.0, None
    coarse, overlay = find_overlay(a, b, turns)
    if coarse < _HOPELESS:
        return 0.0, None
    affine = refine(a.fine, turned_back(b.fine, overlay.turn), overlay.affine)
    if not _SCALES[0] < float(np.sqrt(abs(np.linalg.det(affine[:, :2])))) < _SCALES[1]:
        return 0.0, None
    return _agreement_over(a, b, overlay.turn, affine), Overlay(overlay.turn, affine)


def _agreement_over(a: Prepared, b: Prepared, turn: int, affine: Float64Array) -> float:
    scale = float(np.sqrt(abs(np.linalg.det(affine[:, :2]))))
    moved, fixed = a.grey.astype(np.float32), turned_back(b.grey, turn).astype(np.float32)
    if scale < 1:
        linear = np.linalg.inv(affine[:, :2])
        affine = np.c_[linear, -linear @ affine[:, 2]]
        moved, fixed, scale = fixed, moved, 1 / scale
    moved, fixed = blurred(blurred(moved, 1) if scale > 1.5 else moved, 1), blurred(fixed, 1)
    points = grid(*fixed.shape)
    x, y = affine @ points
    value, _ = sampled(moved, x, y)
    # A frame, or what lies beyond a crop, bleeds a little way in.
    both = inside(moved.shape, x, y, _EDGE) & inside(fixed.shape, points[0], points[1], _EDGE)
    shared = both.reshape(fixed.shape)
    if shared.sum() < _LEAST:
        return 0.0
    return _agreement(value.reshape(fixed.shape), fixed, shared)


def cropped(a: Prepared, b: Prepared) -> float:
    """The `agreement` of two pictures whose coarse pictures say that one is a part of the other, mirrored or not; else 0."""
    return agreement(a, b, _UNTURNED) if find_overlay(a, b, _UNTURNED)[0] >= _CROP else 0.0


def sureness(agreements: Float64Array, parts: Float64Array | None = None) -> Float64Array:
    """The probability (m,) that the pictures of each pair are one photo, given the ``agreements`` (m,) of all pairs looked at.

    Each pair counts as ``parts`` (m,) says (None: once), so that many copies of few photos do not pass for all that there is.

    A two-group mixture on Fisher's transform: copies as measured on altered photos, and different photos of one sitting as they are in
    this dataset, whose share, mean and spread come from expectation maximisation (Efron, Large-Scale Inference, 2010, chapter 2). Beyond
    _TAIL standard deviations different photos are as rare as in an exponential: a few of a sitting always stand stiller than the rest. It
    never falls as the agreement grows. Pairs that could not be laid over each other (0) are different photos for certain.
    """
    score = np.arctanh(np.clip(agreements, 0.0, _HIGHEST))
    laid = agreements > 0
    z, part = score[laid], np.ones(int(laid.sum())) if parts is None else parts[laid]
    weight, mean, spread = _PRIOR
    known = np.zeros(len(z))
    for _ in range(_ROUNDS):
        other = part * (1.0 - known)
        total = weight + float(other.sum())
        middle = (weight * mean + float((other * z).sum())) / total
        squares = weight * (spread**2 + (mean - middle) ** 2) + float((other * (z - middle) ** 2).sum())
        before = known
        copies = 0.5 + float((part * known).sum())
        known = _shares(z, copies, total - weight + 0.5, middle, float(np.sqrt(squares / total)))
        if float((part * np.abs(known - before)).sum()) < _SETTLED:
            break
    sure = np.zeros(len(agreements))
    sure[laid] = known
    return sure


def _shares(z: Float64Array, copies: float, others: float, middle: float, spread: float) -> Float64Array:
    mean, width = _COPIES
    # Beyond the middle of its distribution a copy counts as one at the middle does; so does a pair of different photos below its own.
    one = np.minimum(z, mean) - mean
    two = np.maximum(z, middle) - middle
    apart = two / spread
    rarer = np.where(apart > _TAIL, _TAIL * apart - _TAIL**2 / 2, apart**2 / 2)
    odds = np.log(copies / width) - one**2 / (2 * width**2) - np.log(others / spread) + rarer
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(odds, -9.0, 9.0))))


def _agreement(moved: Float32Array, fixed: Float32Array, shared: NDArray[np.bool_]) -> float:
    radius = max(4, round(float(np.sqrt(shared.sum())) * 0.09))
    p: Float64Array = _shared_detail(moved, shared, radius)[shared].astype(np.float64)
    q: Float64Array = _shared_detail(fixed, shared, radius)[shared].astype(np.float64)
    whole = float(np.corrcoef(p, q)[0, 1]) if p.std() > 0 and q.std() > 0 else 0.0
    down, across = np.nonzero(shared)
    cell = _cells(down) * _CELLS + _cells(across)
    count = np.maximum(np.bincount(cell, minlength=_CELLS**2), 1)

    def mean(values: Float64Array) -> Float64Array:
        return np.asarray(np.bincount(cell, values, minlength=_CELLS**2) / count)

    covariance = mean(p * q) - mean(p) * mean(q)
    spread_p, spread_q = mean(p * p) - mean(p) ** 2, mean(q * q) - mean(q) ** 2
    correlation = covariance / np.sqrt(np.maximum(spread_p * spread_q, 1e-9))
    textured = (count > 0.5 * count.max()) & (np.maximum(spread_p, spread_q) > 0.1)
    # A picture with next to nothing on it is like any other such picture.
    if textured.sum() < _TEXTURED:
        return 0.0
    found = min(whole, float(np.quantile(correlation[textured], _QUANTILE)))
    lowest = float(correlation[textured].min())
    # Where hardly a copy lies, one cell that moved decides: a mouth that opened before a still wall.
    if found < FROM:
        return lowest if found >= _DOUBT and lowest < _MOVED else found
    return min(found, 1.0 - _moved(moved, fixed, shared, radius) / _MOVE)


def _moved(moved: Float32Array, fixed: Float32Array, shared: NDArray[np.bool_], radius: int) -> float:
    """How much of the detail is left over where most of it is, beyond three times what is left over everywhere.

    In squares of 7 x 7 the detail of one picture, without what a pixel alone says, is fitted to that of the other, and what is left of
    the weaker of the two is measured by the variance of all detail; it counts as far as both show as much there. Places near clipped
    pixels, whose contrast is lost, do not count. It does not depend on how sharp the pictures are: blurred photos of one sitting agree
    better, and what moved stays.
    """
    weight = shared.astype(np.float32)
    p, q = (_mean_of(_shared_detail(picture, shared, radius), weight, 1) for picture in (moved, fixed))
    whole = float(p[shared].var() + q[shared].var()) / 2
    clipped = (np.maximum(moved, fixed) > _BRIGHTEST) | (np.minimum(moved, fixed) < _DARKEST)
    weight *= blurred(clipped.astype(np.float32), radius) <= _CLIPPED
    there = blurred(weight, _PLACE) > _MOSTLY
    if not there.any() or whole <= 0:
        return 0.0
    mean_p, mean_q, square_p, square_q, product = _mean_of(np.stack([p, q, p * p, q * q, p * q]), weight, _PLACE)
    spread_p, spread_q = square_p - mean_p**2, square_q - mean_q**2
    weaker, stronger = np.minimum(spread_p, spread_q), np.maximum(np.maximum(spread_p, spread_q), _LITTLE)
    left = weaker - np.maximum(product - mean_p * mean_q, 0) ** 2 / stronger
    place = (np.maximum(left, 0) * np.maximum(weaker, 0) / stronger)[there] / whole
    return max(0.0, float(place.max() - _EVERYWHERE * place.mean()))


def _mean_of(values: Float32Array, weight: Float32Array, radius: int) -> Float32Array:
    return np.asarray(blurred(values * weight, radius) / np.maximum(blurred(weight, radius), np.float32(1e-3)))


def _cells(positions: NDArray[np.intp]) -> NDArray[np.intp]:
    first, last = positions.min(), positions.max()
    return np.asarray((positions - first) * _CELLS // (last - first + 1))


def _shared_detail(picture: Float32Array, shared: NDArray[np.bool_], radius: int) -> Float32Array:
    """As `registration.detail`, from the shared pixels alone."""
    weight = shared.astype(np.float32)
    share = np.maximum(blurred(weight, radius), np.float32(1e-3))
    mean, square = blurred(np.stack([picture * weight, picture * picture * weight]), radius) / share
    spread = np.sqrt(np.maximum(square - mean * mean, 0)) + np.float32(_CONTRAST)
    return np.asarray((picture - mean) / spread, np.float32)
