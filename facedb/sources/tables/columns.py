"""What the columns of a table mean: path, identity, box, landmarks, and the rest.

Names are compared in lower case without anything but letters and digits, so ``Left_Eye.X`` is ``lefteyex``.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from facedb.core.errors import InputError

PATH_NAMES = (
    "path file filename filepath imagepath imagefile imagename image imageid imgpath img relativepath relpath nameid"
)
IDENTITY_NAMES = (
    "identity identityid identityname person personid personname subject subjectid subjectname "
    "celebrity celebrityname label labelid class classid classname cls name id"
)
_BOX_NAMES = (
    "boxx boxy boxw boxh",
    "boxx boxy boxwidth boxheight",
    "bboxx bboxy bboxw bboxh",
    "bboxx bboxy bboxwidth bboxheight",
    "facex facey facew faceh",
    "facex facey facewidth faceheight",
    "x y w h",
    "x y width height",
    "x1 y1 w h",
    "x1 y1 width height",
    "left top width height",
)
_CORNER_NAMES = (
    "boxx1 boxy1 boxx2 boxy2",
    "bboxx1 bboxy1 bboxx2 bboxy2",
    "x1 y1 x2 y2",
    "xmin ymin xmax ymax",
    "left top right bottom",
)
_LANDMARK_NAMES = (
    "lefteyex lefteyey righteyex righteyey nosex nosey leftmouthx leftmouthy rightmouthx rightmouthy",
    *(
        " ".join(pattern.format(n) for n in range(1, 6))
        for pattern in ("p{0}x p{0}y", "lm{0}x lm{0}y", "lmx{0} lmy{0}")
    ),
    " ".join(f"landmark{n}x landmark{n}y" for n in range(1, 6)),
    " ".join(f"landmarkx{n} landmarky{n}" for n in range(1, 6)),
)
_LIST_OF_BOX = ("box", "bbox")
_LIST_OF_LANDMARKS = ("landmarks", "landmark", "keypoints", "kps")

VECTOR_NAMES = "vector vectors embedding embeddings feature features emb faceembedding facevector arcface"

# What pandas reads as missing, and what other tools write for it; a person may be called Na, so NA counts as it is written.
_MISSING = "nan -nan none null <na> #n/a #na n/a 1.#ind -1.#ind 1.#qnan -1.#qnan"
_NO_LABEL = frozenset((*_MISSING.split(), "#n/a n/a"))
_NO_LABEL_AS_WRITTEN = frozenset(("NA", "NaT", "\\N"))
_LARGEST_PIXEL = 1e9

Numbers = Callable[[Sequence[Any]], tuple[float, ...] | None]


class BadRowError(ValueError):
    """A row's numbers cannot be understood; the text is a sentence that says which."""


@dataclass(frozen=True, slots=True)
class Row:
    """What one row of a table says."""

    path: str | None
    identity: str | None
    box: tuple[float, float, float, float] | None
    landmarks: tuple[float, ...] | None
    extra: dict[str, Any]


class Columns:
    """The meaning of a table's columns, found once from its header."""

    def __init__(self, names: Sequence[str], *, needs_path: bool = True, separated: str = "") -> None:
        """Find the columns by ``names``; raises InputError where none of them is a path and one is needed.

        ``separated`` says for that message how the columns were told apart.
        """
        place = _places(names)
        self._path = _first(place, PATH_NAMES)
        if needs_path and self._path is None:
            seen = ", ".join(names)[:300] or "none"
            how = f"; {separated}" if separated else ""
            raise InputError(
                "No column holds the paths of the images, and none embeddings: name one 'path', or keep the numbers of each "
                f"vector in one column 'embedding' (seen: {seen}{how})."
            )
        self._identity = _first(place, IDENTITY_NAMES)
        self._box, box_used = _find_box(place)
        self._landmarks, landmarks_used = _find_landmarks(place)
        self._vector = _first(place, VECTOR_NAMES)
        used = {self._path, self._identity, self._vector, *box_used, *landmarks_used}
        self._extra = [(number, name) for number, name in enumerate(names) if number not in used]

    @property
    def has_identity(self) -> bool:
        """Whether a column names the identity."""
        return self._identity is not None

    def read(self, values: Sequence[Any]) -> Row:
        """Return what a row says; raises BadRowError for numbers that are none, or a box without size."""
        path = None if self._path is None else _text(values[self._path])
        identity = None if self._identity is None else label(values[self._identity])
        box = self._box(values)
        if box is not None and (len(box) != 4 or box[2] <= 0 or box[3] <= 0):
            raise BadRowError("The box is not x, y and a width and height above zero.")
        landmarks = self._landmarks(values)
        if landmarks is not None and len(landmarks) != 10:
            raise BadRowError("The landmarks are not five points of x and y.")
        extra = {name: plain_value(values[number]) for number, name in self._extra if values[number] not in (None, "")}
        return Row(path, identity, box, landmarks, extra)


def has_path_column(names: Sequence[str]) -> bool:
    """Say whether one of the column ``names`` is that of the paths."""
    return _first(_places(names), PATH_NAMES) is not None


def column_of(names: Sequence[str], meaning: str) -> int | None:
    """Return the number of the first column with one of the names in ``meaning`` (PATH_NAMES, …), or None."""
    return _first(_places(names), meaning)


def label(value: Any) -> str | None:
    """Return a cell as the name of an identity; None for what is empty or stands for nothing, such as NaN, None or null."""
    text = _text(value)
    if text is None or not text.strip() or text in _NO_LABEL_AS_WRITTEN:
        return None
    return None if len(text) <= 10 and text.strip().lower() in _NO_LABEL else text


def identity_column(names: Sequence[str]) -> int | None:
    """Return the number of the column that names the identity, by its name or, where there is but one, at once."""
    return 0 if len(names) == 1 else _first(_places(names), IDENTITY_NAMES)


def plain_value(value: Any) -> Any:
    """Return ``value`` as something that JSON can hold; what JSON does not know becomes text, NaN becomes None."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): plain_value(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain_value(item) for item in value]
    return value.hex() if isinstance(value, bytes) else str(value)


def _places(names: Sequence[str]) -> dict[str, int]:
    plain = [re.sub(r"[^a-z0-9]", "", name.lower()) for name in names]
    return {name: number for number, name in reversed(list(enumerate(plain)))}


def _first(place: dict[str, int], names: str) -> int | None:
    return next((place[name] for name in names.split() if name in place), None)


def _find_box(place: dict[str, int]) -> tuple[Numbers, Iterable[int]]:
    for names in _BOX_NAMES:
        if numbers := _all(place, names):
            return _cells(numbers, "box"), numbers
    for names in _CORNER_NAMES:
        if numbers := _all(place, names):
            return _corners(_cells(numbers, "box")), numbers
    return _one_cell(place, _LIST_OF_BOX, "box")


def _find_landmarks(place: dict[str, int]) -> tuple[Numbers, Iterable[int]]:
    for names in _LANDMARK_NAMES:
        if numbers := _all(place, names):
            return _cells(numbers, "landmarks"), numbers
    return _one_cell(place, _LIST_OF_LANDMARKS, "landmarks")


def _all(place: dict[str, int], names: str) -> list[int] | None:
    numbers = [place.get(name, -1) for name in names.split()]
    return None if -1 in numbers else numbers


def _cells(numbers: list[int], what: str) -> Numbers:
    def read(values: Sequence[Any]) -> tuple[float, ...] | None:
        cells = [values[number] for number in numbers]
        if all(cell is None or cell == "" for cell in cells):
            return None
        return _floats(cells, what)

    return read


def _corners(cells: Numbers) -> Numbers:
    def read(values: Sequence[Any]) -> tuple[float, ...] | None:
        corners = cells(values)
        return None if corners is None else (*corners[:2], corners[2] - corners[0], corners[3] - corners[1])

    return read


def _one_cell(place: dict[str, int], names: Iterable[str], what: str) -> tuple[Numbers, Iterable[int]]:
    number = next((place[name] for name in names if name in place), None)
    if number is None:
        return lambda _values: None, ()

    def read(values: Sequence[Any]) -> tuple[float, ...] | None:
        cell = values[number]
        if isinstance(cell, str):
            cell = _parse_list(cell, what)
        if isinstance(cell, dict):
            cell = list(cell.values())
        if cell is None or cell == "" or cell == []:
            return None
        if not isinstance(cell, (list, tuple)):
            raise BadRowError(f"The {what} are not a list of numbers: {str(cell)[:60]}.")
        return _floats(_flat(cell), what) or None

    return read, (number,)


def _parse_list(text: str, what: str) -> list[Any]:
    if not text.lstrip().startswith("["):
        return text.replace(",", " ").replace(";", " ").split()
    try:
        return list(json.loads(text))
    except (ValueError, TypeError, RecursionError):
        raise BadRowError(f"The {what} are not a list of numbers: {text[:60]!r}.") from None


def _flat(cell: Iterable[Any]) -> list[Any]:
    flat: list[Any] = []
    for item in cell:
        flat.extend(item if isinstance(item, (list, tuple)) else (item,))
    return flat


def _floats(cells: Iterable[Any], what: str) -> tuple[float, ...]:
    cells = list(cells)
    try:
        numbers = tuple(float(cell) for cell in cells)
    except (TypeError, ValueError, OverflowError):
        raise BadRowError(f"The {what} are not numbers: {_shown(cells)}.") from None
    if not all(abs(number) <= _LARGEST_PIXEL for number in numbers):
        raise BadRowError(f"The {what} are not finite numbers of pixels: {_shown(cells)}.")
    return numbers


def _shown(cells: list[Any]) -> str:
    return repr([cell if isinstance(cell, float) else str(cell)[:20] for cell in cells[:12]])[:60]


def _text(value: Any) -> str | None:
    if value is None or (isinstance(value, str) and not value):
        return None
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    if isinstance(value, float) and not math.isfinite(value):
        return None
    # A label that another tool turned into a float (7.0) is still the label 7.
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
