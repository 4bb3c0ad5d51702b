"""Layouts of lists without a header that published datasets use: which column is the path, which one the label.

Known are MXNet's ``.lst`` (index, labels, path), InsightFace's (flag, path, label, box, landmarks), lists of path and label
(CelebA's ``identity_CelebA.txt``, WebFace, MS1M) in either order, LFW's ``pairs.txt`` and ``people.txt``, and lists of pairs
of paths. VGGFace2's lists are plain paths, and its csv tables have a header.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from facedb.sources.extensions import has_image_extension

_SEPARATORS = ("\t", ",", ";", "|", " ")
_WHOLE = re.compile(r"-?\d+(?:\.0*)?\Z")
_NUMBER = re.compile(r"[-+]?\d+(?:\.\d*)?(?:e[-+]?\d+)?\Z", re.IGNORECASE)
_FLAGS = frozenset(("0", "1"))
_INSIGHTFACE_BOX = 3
_INSIGHTFACE_POINTS = 7


@dataclass(frozen=True, slots=True)
class Named:
    """An image that a line names: its path and, where the line says it, its identity, box (x, y, w, h) and landmarks."""

    path: str
    identity: str | None = None
    box: tuple[float, float, float, float] | None = None
    landmarks: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """How a line is read: cells between ``separator`` (a space: any white space), the columns of paths and of the label.

    ``from_end`` counts that many cells from the end, so that a path may hold spaces. ``skip`` lines at the top are not read.
    """

    separator: str
    paths: tuple[int, ...] = ()
    label: int | None = None
    width: int = 0
    from_end: int = 0
    lfw: bool = False
    insightface: bool = False
    skip: int = 0

    @property
    def has_label(self) -> bool:
        """Whether the lines say the identity."""
        return self.label is not None or self.lfw

    def read(self, line: str) -> list[Named] | None:
        """Return the images that a line names; None for a line of another layout."""
        cells = _split(line, self.separator, self.from_end)
        if self.lfw:
            return _lfw(cells)
        if len(cells) < max(*self.paths, self.label or 0) + 1 or (len(cells) != self.width and not self.insightface):
            return None
        identity = None if self.label is None else whole_number(cells[self.label])
        box, points = _geometry(cells) if self.insightface else (None, None)
        return [Named(cells[column], identity, box, points) for column in self.paths]


def whole_number(text: str) -> str:
    """Return ``7.000000``, as MXNet's tools write a label, as ``7``; any other text as it is."""
    return text.partition(".")[0] if _WHOLE.match(text) else text


def recognise(lines: Sequence[str], is_there: Callable[[str], bool]) -> Layout | None:
    """Return the layout that fits all of the first lines of a list; None for a list of plain paths, and for any other.

    ``is_there`` says whether a file is where a path names it: what is there as a whole line is a plain path.
    """
    if not lines or any(map(is_there, lines[:20])):
        return None
    if (lfw := _lfw_layout(lines)) is not None:
        return lfw
    fitting = [layout for separator in _SEPARATORS if (layout := _fit(lines, separator, 0)) is not None]
    fitting += [layout for ends in (1, -1) if (layout := _fit(lines, " ", ends)) is not None]

    def there(layout: Layout) -> int:
        return sum(is_there(named.path) for line in lines[:20] for named in layout.read(line) or ())

    best = max(fitting, key=there, default=None)
    if best is None or there(best):
        return best
    return next((layout for layout in fitting if layout.separator != " " or _is_sure(lines, layout)), None)


def _is_sure(lines: Sequence[str], layout: Layout) -> bool:
    # Where no file is there to tell, white space may as well be a part of the paths unless a number stands before them.
    if layout.paths[-1] == 0:
        return True
    return all(_NUMBER.match(cell) for line in lines for cell in _split(line, " ", layout.from_end)[: layout.paths[0]])


def _split(line: str, separator: str, from_end: int) -> list[str]:
    if separator == " ":
        return line.rsplit(None, 1) if from_end > 0 else line.split(None, 1) if from_end < 0 else line.split()
    if '"' in line:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=separator), [])]
    return [cell.strip() for cell in line.split(separator)]


def _fit(lines: Sequence[str], separator: str, from_end: int) -> Layout | None:
    rows = [_split(line, separator, from_end) for line in lines]
    width = len(rows[0])
    if width < 2 or any(len(row) != width for row in rows):
        return None
    columns = list(zip(*rows, strict=True))
    paths = tuple(k for k, column in enumerate(columns) if all(map(has_image_extension, column)))
    if not paths:
        return None
    numbers = [all(map(_NUMBER.match, column)) for column in columns]
    label = None if len(paths) > 1 else _label_column(columns, numbers, paths[0])
    flagged = paths == (1,) and width > 2 and set(columns[0]) <= _FLAGS and label == 2
    insightface = flagged and width in (7, 17) and all(numbers[_INSIGHTFACE_BOX:])
    return Layout(separator, paths, label, width, from_end, insightface=insightface)


def _label_column(columns: Sequence[Sequence[str]], numbers: Sequence[bool], path: int) -> int:
    """Of index, label, path; flag, path, label; path, label, more: the column of the label."""
    width = len(columns)
    if path == width - 1:
        return 1 if width > 2 and numbers[0] else 0
    if path == 0:
        return 1
    return path + 1 if numbers[0] else 0


def _geometry(cells: Sequence[str]) -> tuple[tuple[float, float, float, float] | None, tuple[float, ...] | None]:
    """Box and landmarks of InsightFace's lists: x1, y1, x2, y2, then five x and five y."""
    try:
        x1, y1, x2, y2 = map(float, cells[_INSIGHTFACE_BOX:_INSIGHTFACE_POINTS])
        points = list(map(float, cells[_INSIGHTFACE_POINTS : _INSIGHTFACE_POINTS + 10]))
    except ValueError:
        return None, None
    box = (x1, y1, x2 - x1, y2 - y1) if x2 > x1 and y2 > y1 else None
    return box, tuple(v for pair in zip(points[:5], points[5:], strict=True) for v in pair) if len(
        points
    ) == 10 else None


def _lfw_layout(lines: Sequence[str]) -> Layout | None:
    first = lines[0].split()
    if not 1 <= len(first) <= 2 or not all(word.isdigit() for word in first):
        return None
    separator = "\t" if any("\t" in line for line in lines[1:]) else " "
    rows = [_split(line, separator, 0) for line in lines[1:]]
    # people.txt states the size of each of its folds on a line of its own.
    rows = [row for row in rows if not (len(row) == 1 and row[0].isdigit())]
    return Layout(separator, lfw=True, skip=1) if rows and all(map(_lfw, rows)) else None


def _lfw(cells: Sequence[str]) -> list[Named] | None:
    """The images of ``name n1 n2``, ``name1 n1 name2 n2`` (pairs.txt) or ``name count`` (people.txt)."""
    match cells:
        case [name, count] if count.isdigit() and 0 < int(count) < 10_000:
            return [_lfw_image(name, str(number)) for number in range(1, int(count) + 1)]
        case [name, a, b] if a.isdigit() and b.isdigit():
            return [_lfw_image(name, a), _lfw_image(name, b)]
        case [name, a, other, b] if a.isdigit() and b.isdigit():
            return [_lfw_image(name, a), _lfw_image(other, b)]
        case [count] if count.isdigit():
            return []
    return None


def _lfw_image(name: str, number: str) -> Named:
    return Named(f"{name}/{name}_{int(number):04d}.jpg", name)
