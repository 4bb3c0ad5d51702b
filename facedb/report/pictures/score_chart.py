"""Charts of the two score distributions: as text, and drawn by Matplotlib as SVG or PNG."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from facedb.core.errors import UsageError
from facedb.core.records import Float64Array
from facedb.findings.rates.error_rates import Calibration, Observed
from facedb.findings.rates.histogram import BIN_EDGES, BINS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_STEP = 10
_GENUINE, _IMPOSTOR, _INK, _MUTED, _GRID, _PAPER = "#1b7f5c", "#b3372f", "#1a1e23", "#565e69", "#dde1e6", "#fefefe"
_VARIABLES = {_GENUINE: "--good", _IMPOSTOR: "--bad", _INK: "--ink", _MUTED: "--muted", _GRID: "--line", _PAPER: "--bg"}
_BLOCKS = " ▁▂▃▄▅▆▇█"
_TEXT_COLUMNS = 86


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


def as_text(measured: Calibration, marks: list[Mark], width: int = _TEXT_COLUMNS) -> str:
    """Two rows of blocks over one axis of scores, with the marks below, in lines of ``width`` at most; each row is scaled to its own
    highest step."""
    first, last = _range(measured)
    columns = max(10, min(width, _TEXT_COLUMNS) - 14)
    edges = np.linspace(first, last, columns + 1)
    lines = []
    for name, seen in (("impostor", measured.impostor), ("genuine", measured.genuine)):
        above = np.interp(edges, BIN_EDGES, seen.above())
        share = np.maximum(above[:-1] - above[1:], 0)
        # The square root shows the thin tails, which matter here.
        level = np.sqrt(share / share.max()) if share.max() > 0 else share
        blocks = "".join(_BLOCKS[int(np.ceil(v * (len(_BLOCKS) - 1)))] for v in level)
        lines.append(f"{name:>9} {blocks}")
    axis = [" "] * (columns + 4)
    for score in np.arange(np.ceil(first * 5) / 5, last + 1e-9, 0.2):
        at = round((score - first) / (last - first) * (columns - 1))
        axis[at : at + 4] = list(f"{score:<4.1f}")
    lines.append(" " * 10 + "".join(axis).rstrip())
    for mark in marks:
        at = round((mark.score - first) / (last - first) * (columns - 1))
        if 0 <= at < columns:
            said = f"{mark.name} {mark.score:.3f}"
            right = 10 + at + 2 + len(said) <= columns + 14
            lines.append(" " * (10 + at) + f"^ {said}" if right else f"{said} ^".rjust(10 + at + 1))
    return "\n".join(lines)


def check_suffix(path: Path) -> None:
    """Raise UsageError for a file that `write` does not write."""
    if path.suffix.lower() not in (".svg", ".png"):
        raise UsageError(f"--plot writes .svg and .png, not {path.suffix or 'a file without a suffix'}.")


def write(path: Path, measured: Calibration, marks: list[Mark], title: str) -> None:
    """Write a chart with a logarithmic axis of shares; the suffix decides: .svg or .png. Raises UsageError for others."""
    check_suffix(path)
    data = BytesIO()
    with _settings():
        _save(_figure(measured, marks, title), data, path.suffix.lower()[1:])
    path.write_bytes(data.getvalue())


def inline_svg(measured: Calibration, marks: list[Mark]) -> str:
    """The chart as an SVG element for a page, in the colours of its style sheet, so that it is dark where the page is."""
    data = BytesIO()
    with _settings():
        figure = _figure(measured, marks, None)
        figure.patch.set_alpha(0)
        figure.axes[0].patch.set_alpha(0)
        _save(figure, data, "svg")
    text = data.getvalue().decode("utf-8")
    for colour, variable in _VARIABLES.items():
        text = text.replace(colour, f"var({variable})")
    return text[text.index("<svg") :]


def _settings() -> Any:
    """Texts stay texts, so that a chart can be searched and read aloud; the same data give the same bytes."""
    # Loaded where a chart is drawn: no other command should pay for it.
    from matplotlib import rc_context

    return rc_context({"svg.fonttype": "none", "svg.hashsalt": "facedb", "font.family": "sans-serif", "font.size": 9})


def _save(figure: Figure, file: BytesIO, form: str) -> None:
    figure.savefig(
        file,
        format=form,
        dpi=144,
        metadata={"Date": None, "Creator": None, "Format": None, "Type": None} if form == "svg" else None,
    )


def _figure(measured: Calibration, marks: list[Mark], title: str | None) -> Figure:
    """Both curves over one axis of scores; a filled step is the share of its pairs in 0.01 of score."""
    from matplotlib.figure import Figure

    first, last = _range(measured)
    figure = Figure(figsize=(8.6, 3.5), layout="constrained")
    axes = figure.subplots()
    centres = BIN_EDGES[:-1:_STEP] + _STEP / BINS
    shown = (centres >= first) & (centres <= last)
    smallest = 1.0
    for name, seen, colour in (("impostor", measured.impostor, _IMPOSTOR), ("genuine", measured.genuine, _GENUINE)):
        if not seen.seen:
            continue
        share = density(seen)[shown]
        share = np.where(share > 0, share, np.nan)
        smallest = min(smallest, float(np.nanmin(share, initial=1.0)))
        axes.plot(centres[shown], share, color=colour, linewidth=1.6, label=name)
    axes.set_yscale("log")
    axes.set_xlim(first, last)
    axes.set_ylim(10.0 ** np.floor(np.log10(smallest)), 1.0)
    # Two marks that lie close together are written one below the other, and no line goes through what is written.
    for k, mark in enumerate(sorted((m for m in marks if first <= m.score <= last), key=lambda m: m.score)):
        axes.axvline(mark.score, color=_INK, linewidth=0.9, linestyle=(0, (4, 3)))
        right = mark.score > first + 0.8 * (last - first)
        axes.annotate(
            f"{mark.name} {mark.score:.3f}",
            (mark.score, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(-4 if right else 4, -11 - 12 * k),
            ha="right" if right else "left",
            textcoords="offset points",
            color=_INK,
            fontsize=8.5,
            parse_math=False,
            bbox={"facecolor": _PAPER, "edgecolor": "none", "pad": 1},
            zorder=4,
        )
    axes.grid(color=_GRID, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(colors=_MUTED, length=3)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(_GRID)
    axes.set_xlabel("score", color=_MUTED)
    axes.set_ylabel("share of pairs per 0.01", color=_MUTED)
    axes.legend(loc="upper left", frameon=False, labelcolor=_INK)
    if title is not None:
        axes.set_title(title, loc="left", color=_INK, fontsize=11, parse_math=False)
    return figure


def _range(measured: Calibration) -> tuple[float, float]:
    seen = [o.above() for o in (measured.impostor, measured.genuine) if o.seen]
    first = min((BIN_EDGES[int(np.argmax(a < 1.0 - 1e-6)) - 1] for a in seen), default=-1.0)
    return float(np.floor(first * 10) / 10), 1.0
