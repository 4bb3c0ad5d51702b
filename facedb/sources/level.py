"""The level of a folder: whether the folders in it look like people, or like datasets, splits, or one box around all people."""

from __future__ import annotations

import os
import re
from collections import Counter
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from facedb.core.files.paths import display
from facedb.sources.extensions import has_image_extension
from facedb.sources.junk import left_aside

_TOPS: Final = 50
"""More folders than this beside each other are people: nobody keeps so many datasets in one place."""
_INSIDE: Final = 40
_LOOK_AT: Final = 2000
_ALBUMS: Final = 3
_MOSTLY: Final = 0.8
_SHARED: Final = 0.5
_SIBLINGS: Final = 2
_LOOSE: Final = 2
_SPLIT_NAMES: Final = "train training trn test testing tst val valid validation dev eval evaluation query gallery probe holdout split fold"
_WORDS: Final = re.compile(r"[^\W\d_]+")
_DATE: Final = re.compile(r"(?:19|20)\d\d(?:[-_. ]?\d\d)*(?:\D.*)?\Z")


@dataclass(frozen=True, slots=True)
class Top:
    """A folder in the root: how many ``images`` lie directly in it, and the ``folders`` in it that hold images, at any depth."""

    name: str
    images: int
    folders: tuple[str, ...]

    @property
    def is_deep(self) -> bool:
        """Whether its images lie in folders of its own."""
        return bool(self.folders) and self.images * 10 <= len(self.folders)


def wrong_level(root: Path) -> str | None:
    """Why ``root`` does not look like a folder with one folder for each person, with the command that would fit; None where it may be one.

    It looks at names alone, some thousands at most: a box around everything, splits such as train and test, a folder of datasets, and the
    folder of one person among others. Folders whose own folders are called alike, or after dates, are people with albums.
    """
    images, tops = _look(root)
    if tops is None:
        return None
    if not tops:
        return _one_person(root) if images else None
    # Some loose files lie about anywhere; many are photos that nobody has put into a folder yet.
    if images > max(_LOOSE, len(tops)):
        return None
    if len(tops) == 1:
        return _box(root, tops[0])
    if all(_is_split(top.name) and top.folders for top in tops):
        return (
            f"{_both(tops)} in {_shown(root)} hold a folder for each person, so the people are not its own folders: take them together "
            f"with {_check(root)} --identity-from parent, or check {_shown(root / tops[0].name)} alone (if each of the folders is one "
            "person, add --identity-from top)."
        )
    return _datasets(root, tops)


def _is_split(name: str) -> bool:
    """Whether a folder is called like a part of a dataset: ``train``, ``test_set``, ``lfw-val``, ``split2``."""
    return not set(_SPLIT_NAMES.split()).isdisjoint(_WORDS.findall(name.casefold()))


def _box(root: Path, top: Top) -> str | None:
    if not top.is_deep or len(top.folders) < 2 or _are_albums([top]):
        return None
    inner = root / top.name
    return (
        f"Everything in {_shown(root)} is in its one folder {display(top.name)}, which holds {_many(top)} folders: check that with "
        f"{_check(inner)} (if {display(top.name)} is one person, add --identity-from top)."
    )


def _datasets(root: Path, tops: list[Top]) -> str | None:
    deep = [top for top in tops if top.is_deep and len(top.folders) >= _ALBUMS]
    if len(deep) < max(2, _MOSTLY * len(tops)) or _are_albums(deep):
        return None
    shown = ", ".join(f"{display(top.name)} {_many(top)}" for top in deep[:3]) + (", …" if len(deep) > 3 else "")
    return (
        f"The folders in {_shown(root)} hold folders themselves ({shown}), as datasets do and people do not: check one of them, such as "
        f"{_check(root / deep[0].name)}, or all as one with --identity-from parent (if each of them is one person, add --identity-from "
        "top)."
    )


def _one_person(root: Path) -> str | None:
    parent = Path(os.path.realpath(root)).parent
    beside = 0
    for entry in islice(_folders(parent), _TOPS):
        if entry != os.path.basename(os.path.realpath(root)):
            beside += _has_images(parent / entry, depth=0)
        if beside >= _SIBLINGS:
            return (
                f"{_shown(root)} holds photos and no folders, beside other folders of photos, so it looks like one person's: check them "
                f"all with {_check(parent)}, or compare its photos without names by adding --identity-from none."
            )
    return None


def _are_albums(tops: list[Top]) -> bool:
    """Whether the folders in them are called like those of people: by dates, or alike from one to the next."""
    names = Counter(name.casefold() for top in tops for name in top.folders)
    dates = sum(count for name, count in names.items() if _DATE.match(name))
    shared = sum(count for count in names.values() if count > 1)
    total = names.total()
    return dates >= _SHARED * total or (len(tops) > 1 and shared >= _SHARED * total)


def _look(root: Path) -> tuple[int, list[Top] | None]:
    """How many images lie directly in ``root``, and its folders that hold some; None for too many."""
    tops: list[Top] = []
    for name in _folders(root):
        inner = root / name
        folders = tuple(f for f in islice(_folders(inner), _INSIDE) if _has_images(inner / f, depth=2))
        images = _images(inner)
        if images or folders:
            tops.append(Top(name, images, folders))
        if len(tops) > _TOPS:
            return 0, None
    return _images(root), tops


def _folders(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            names = [e.name for e in islice(entries, _LOOK_AT) if e.is_dir(follow_symlinks=False)]
    except OSError:
        return []
    return sorted(name for name in names if left_aside(name) is None)


def _images(folder: Path) -> int:
    try:
        with os.scandir(folder) as entries:
            return sum(
                has_image_extension(e.name) and left_aside(e.name) is None
                for e in islice(entries, _LOOK_AT)
                if not e.is_dir(follow_symlinks=False)
            )
    except OSError:
        return 0


def _has_images(folder: Path, depth: int) -> bool:
    return _images(folder) > 0 or (
        depth > 0 and any(_has_images(folder / name, depth - 1) for name in islice(_folders(folder), _INSIDE))
    )


def _many(top: Top) -> str:
    return f"{len(top.folders)}{' or more' if len(top.folders) >= _INSIDE else ''}"


def _both(tops: list[Top]) -> str:
    names = [display(top.name) for top in tops]
    return f"{', '.join(names[:-1])} and {names[-1]}"


def _shown(path: Path) -> str:
    return display(str(path))


def _check(path: Path) -> str:
    text = _shown(path)
    return f"facedb check {text}" if re.fullmatch(r"[\w./+-]+", text) else f"facedb check '{text}'"
