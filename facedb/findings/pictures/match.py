"""Match: whether two small pictures are one photo, by the agreement of their detail after registration."""

from __future__ import annotations

from dataclasses import dataclass
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

COARSE: Final = 0.35
CELLS: Final = 6
_RADIUS: Final = 8
_CONTRAST: Final = 4.0


@dataclass(frozen=True, slots=True)
class Match:
    """How two pictures agree: correlation of detail over the overlap, quantile over cells, share of overlap."""

    coarse: float
    whole: float
    low: float
    overlap: float
    turn: int
    scale: float


def match(a: Prepared, b: Prepared, turns: tuple[int, ...] = ALL_TURNS) -> Match:
    coarse, overlay = find_overlay(a, b, turns)
    if coarse < COARSE:
        return Match(coarse, 0, 0, 0, overlay.turn, 0)
    fine_b = np.ascontiguousarray(turned_back(b.fine, overlay.turn))
    affine = refine(a.fine, fine_b, overlay.affine)
    return _agreement(coarse, a, np.ascontiguousarray(turned_back(b.grey, overlay.turn)), affine, overlay.turn)


def _agreement(coarse, a, grey_b, affine, turn):
    scale = float(np.sqrt(abs(np.linalg.det(affine[:, :2]))))
    if not 0.3 < scale < 3.5:
        return Match(coarse, 0, 0, 0, turn, scale)
    va, vb = blurred(a.grey.astype(np.float32), 1), blurred(grey_b.astype(np.float32), 1)
    # compare in the coarser of the two grids
    if scale < 1:
        lin = np.linalg.inv(affine[:, :2])
        affine = np.c_[lin, -lin @ affine[:, 2]]
        va, vb = vb, va
    if max(scale, 1 / scale) > 1.5:
        va = blurred(va, 1)
    h, w = vb.shape
    x, y = affine @ grid(h, w)
    value, _ = sampled(va, x, y)
    points = grid(h, w)
    there = inside(va.shape, x, y, 2.5) & inside(vb.shape, points[0], points[1], 2.5)
    m = there.reshape(h, w)
    share = m.mean()
    if m.sum() < 400:
        return Match(coarse, 0, 0, share, turn, scale)
    # near the border of the overlap bilinear edge
    r = max(4, round(np.sqrt(m.sum()) * 0.09))
    p, q = _detail(value.reshape(h, w), m, r), _detail(vb, m, r)
    whole = _ncc(p[m], q[m])
    ys, xs = np.nonzero(m)
    y0, y1, x0, x1 = ys.min(), ys.max() + 1, xs.min(), xs.max() + 1
    cell = (ys - y0) * CELLS // (y1 - y0) * CELLS + (xs - x0) * CELLS // (x1 - x0)
    pm, qm = p[m].astype(np.float64), q[m].astype(np.float64)
    n = np.bincount(cell, minlength=CELLS * CELLS)
    s = lambda v: np.bincount(cell, v, minlength=CELLS * CELLS)
    with np.errstate(all="ignore"):
        mp, mq = s(pm) / n, s(qm) / n
        cov = s(pm * qm) / n - mp * mq
        vp, vq = s(pm * pm) / n - mp * mp, s(qm * qm) / n - mq * mq
        rr = cov / np.sqrt(vp * vq + 1e-9)
        tex = (n > 0.5 * n.max()) & (np.maximum(vp, vq) > 0.1)
    low = float(np.quantile(rr[tex], 0.15)) if tex.sum() >= 6 else -1.0
    return Match(coarse, whole, low, float(share), turn, scale)


def _detail(values, m, r):
    mm = m.astype(np.float32)
    n = np.maximum(blurred(mm, r), 1e-3)
    v = values * mm
    mean = blurred(v, r) / n
    spread = np.sqrt(np.maximum(blurred(v * values, r) / n - mean * mean, 0))
    return (values - mean) / (spread + np.float32(_CONTRAST)) * mm


def _ncc(p, q):
    p, q = p - p.mean(), q - q.mean()
    return float((p * q).sum() / np.sqrt((p * p).sum() * (q * q).sum() + 1e-9))
