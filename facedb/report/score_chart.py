"""Charts of the two score distributions: as text, as SVG, and as PNG."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from facedb.core.errors import UsageError
from facedb.core.records import Float64Array
from facedb.findings.rates.calibration import Calibration, Observed
from facedb.findings.rates.histogram import BIN_EDGES, BINS

_WIDTH, _HEIGHT = 900, 460
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 24, 44, 52
_STEP = 10
_GENUINE, _IMPOSTOR, _INK, _GRID = "#1b7f5c", "#b3372f", "#222222", "#dddddd"
_BLOCKS = " ▁▂▃▄▅▆▇█"
_TEXT_COLUMNS = 72


@dataclass(frozen=True, slots=True)
class Mark:
    """A score with a name, drawn as a vertical line."""

    name: str
    score: float


def density(seen: Observed) -> Float64Array:
    """The share of pairs in each step of 0.01, float64 (BINS // 10,)."""
    above = seen.above()
    share = above[:-1] - above[1:]
    return np.asarray(share.reshape(BINS // _STEP, _STEP).sum(axis=1))


def as_text(measured: Calibration, marks: list[Mark]) -> str:
    """Two rows of blocks over one axis of scores, with the marks below; each row is scaled to its own highest step."""
    first, last = _range(measured)
    edges = np.linspace(first, last, _TEXT_COLUMNS + 1)
    lines = []
    for name, seen in (("impostor", measured.impostor), ("genuine", measured.genuine)):
        above = np.interp(edges, BIN_EDGES, seen.above())
        share = np.maximum(above[:-1] - above[1:], 0)
        # The square root shows the thin tails, which matter here.
        level = np.sqrt(share / share.max()) if share.max() > 0 else share
        blocks = "".join(_BLOCKS[int(np.ceil(v * (len(_BLOCKS) - 1)))] for v in level)
        lines.append(f"{name:>9} {blocks}")
    axis = [" "] * (_TEXT_COLUMNS + 6)
    for score in np.arange(np.ceil(first * 5) / 5, last + 1e-9, 0.2):
        at = round((score - first) / (last - first) * (_TEXT_COLUMNS - 1))
        axis[at : at + 4] = list(f"{score:<4.1f}")
    lines.append(" " * 10 + "".join(axis).rstrip())
    for mark in marks:
        at = round((mark.score - first) / (last - first) * (_TEXT_COLUMNS - 1))
        if 0 <= at < _TEXT_COLUMNS:
            lines.append(" " * (10 + at) + f"^ {mark.name} {mark.score:.3f}")
    return "\n".join(lines)


def check_suffix(path: Path) -> None:
    """Raise UsageError for a file that `write` does not write."""
    if path.suffix.lower() not in (".svg", ".png"):
        raise UsageError(f"--plot writes .svg and .png, not {path.suffix or 'a file without a suffix'}.")


def write(path: Path, measured: Calibration, marks: list[Mark], title: str) -> None:
    """Write a chart with a logarithmic axis of shares; the suffix decides: .svg or .png. Raises UsageError for others."""
    check_suffix(path)
    if path.suffix.lower() == ".svg":
        path.write_text(_svg(measured, marks, title), encoding="utf-8")
    else:
        _png(measured, marks, title).save(path)


def _range(measured: Calibration) -> tuple[float, float]:
    seen = [o.above() for o in (measured.impostor, measured.genuine) if o.seen]
    first = min((BIN_EDGES[int(np.argmax(a < 1.0 - 1e-6)) - 1] for a in seen), default=-1.0)
    return float(np.floor(first * 10) / 10), 1.0


def _curves(measured: Calibration) -> tuple[list[tuple[str, list[tuple[float, float]]]], float, tuple[float, float]]:
    """Points (pixels) of each curve, the exponent of the lowest share shown, and the range of scores."""
    first, last = _range(measured)
    shares = {_IMPOSTOR: density(measured.impostor), _GENUINE: density(measured.genuine)}
    smallest = min((float(s[s > 0].min()) for s in shares.values() if (s > 0).any()), default=1e-3)
    floor = float(np.floor(np.log10(smallest)))
    centres = BIN_EDGES[:-1:_STEP] + _STEP / BINS
    curves = []
    for colour, share in shares.items():
        points = [
            (_x(float(c), first, last), _y(float(np.log10(max(v, 10**floor))), floor))
            for c, v in zip(centres, share, strict=True)
            if first <= c <= last
        ]
        curves.append((colour, points))
    return curves, floor, (first, last)


def _x(score: float, first: float, last: float) -> float:
    return _LEFT + (score - first) / (last - first) * (_WIDTH - _LEFT - _RIGHT)


def _y(exponent: float, floor: float) -> float:
    return _TOP + exponent / min(floor, -1.0) * (_HEIGHT - _TOP - _BOTTOM)


def _ticks(floor: float, scores: tuple[float, float]) -> tuple[list[tuple[float, str]], list[tuple[float, str]]]:
    first, last = scores
    across = [(_x(float(s), first, last), f"{s + 0.0:.1f}") for s in np.round(np.arange(first, last + 1e-9, 0.1), 1)]
    up = [(_y(e, floor), f"1e{e:.0f}" if e else "1") for e in np.arange(0, floor - 0.5, -1)]
    return across, up


def _svg(measured: Calibration, marks: list[Mark], title: str) -> str:
    curves, floor, scores = _curves(measured)
    across, up = _ticks(floor, scores)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
        f'<text x="{_LEFT}" y="20" font-size="15" fill="{_INK}">{escape(title)}</text>',
        f'<text x="{_LEFT}" y="37" fill="{_IMPOSTOR}">impostor</text><text x="{_LEFT + 64}" y="37" fill="{_GENUINE}">genuine</text>',
    ]
    bottom = _HEIGHT - _BOTTOM
    out += [
        f'<line x1="{x:.1f}" y1="{_TOP}" x2="{x:.1f}" y2="{bottom}" stroke="{_GRID}"/>'
        f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle" fill="{_INK}">{label}</text>'
        for x, label in across
    ]
    out += [
        f'<line x1="{_LEFT}" y1="{y:.1f}" x2="{_WIDTH - _RIGHT}" y2="{y:.1f}" stroke="{_GRID}"/>'
        f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end" fill="{_INK}">{label}</text>'
        for y, label in up
    ]
    out.append(
        f'<text x="{_WIDTH / 2}" y="{_HEIGHT - 12}" text-anchor="middle" fill="{_INK}">score (share of pairs per 0.01)</text>'
    )
    for colour, points in curves:
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
    for k, mark in enumerate(marks):
        x = _x(mark.score, *scores)
        out.append(
            f'<line x1="{x:.1f}" y1="{_TOP}" x2="{x:.1f}" y2="{bottom}" stroke="{_INK}" stroke-dasharray="4 3"/>'
            f'<text x="{x + 4:.1f}" y="{_TOP + 14 + 15 * k}" fill="{_INK}">{escape(mark.name)} {mark.score:.3f}</text>'
        )
    return "\n".join([*out, "</svg>", ""])


def _png(measured: Calibration, marks: list[Mark], title: str) -> Image.Image:
    curves, floor, scores = _curves(measured)
    across, up = _ticks(floor, scores)
    image = Image.new("RGB", (_WIDTH, _HEIGHT), "white")
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(12)
    bottom = _HEIGHT - _BOTTOM
    draw.text((_LEFT, 6), title, fill=_INK, font=ImageFont.load_default(15))
    draw.text((_LEFT, 26), "impostor", fill=_IMPOSTOR, font=font)
    draw.text((_LEFT + 64, 26), "genuine", fill=_GENUINE, font=font)
    for x, label in across:
        draw.line((x, _TOP, x, bottom), fill=_GRID)
        draw.text((x, bottom + 4), label, fill=_INK, font=font, anchor="ma")
    for y, label in up:
        draw.line((_LEFT, y, _WIDTH - _RIGHT, y), fill=_GRID)
        draw.text((_LEFT - 6, y), label, fill=_INK, font=font, anchor="rm")
    draw.text((_WIDTH / 2, _HEIGHT - 24), "score (share of pairs per 0.01)", fill=_INK, font=font, anchor="ma")
    for colour, points in curves:
        draw.line(points, fill=colour, width=2)
    for k, mark in enumerate(marks):
        x = _x(mark.score, *scores)
        draw.line((x, _TOP, x, bottom), fill=_INK)
        draw.text((x + 4, _TOP + 4 + 15 * k), f"{mark.name} {mark.score:.3f}", fill=_INK, font=font)
    return image
