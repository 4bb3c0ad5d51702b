"""Several files under one name: globs (``train-*.tar``) and brace ranges (``{000..127}.tar``, ``{a,b}.parquet``)."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from facedb.core.errors import InputError

_BRACES = re.compile(r"\{(?:(-?\d+)\.\.(-?\d+)|([^{}]*,[^{}]*))\}")
_MOST = 100_000


def is_pattern(path: Path) -> bool:
    """Say whether ``path`` names files by a pattern; where a file has exactly that name, it is no pattern."""
    text = os.fspath(path)
    return not path.exists() and (glob.has_magic(text) or _BRACES.search(text) is not None)


def expand(path: Path) -> list[Path]:
    """Return the paths that a pattern names: braces in their order, globs sorted; empty for what is no pattern.

    A name that braces spell out is returned whether or not a file has it, so that a missing shard is noticed. Raises
    InputError for more than 100,000 names.
    """
    if not is_pattern(path):
        return []
    text = os.fspath(path)
    names = list(islice(_spelled(text), _MOST + 1))
    if len(names) > _MOST:
        raise InputError(f"{text} spells out more than {_MOST:,} names: give fewer at a time.")
    found: list[str] = []
    for name in names:
        found += sorted(glob.glob(name)) if glob.has_magic(name) and not os.path.exists(name) else [name]
    return [Path(name) for name in dict.fromkeys(found)]


def _spelled(text: str) -> Iterator[str]:
    found = _BRACES.search(text)
    if found is None:
        yield text
        return
    first, last, words = found.groups()
    for word in words.split(",") if words is not None else _numbers(first, last):
        for rest in _spelled(text[found.end() :]):
            yield text[: found.start()] + word + rest


def _numbers(first: str, last: str) -> Iterator[str]:
    # As a shell does: where an end is written with leading zeros, all numbers get its width.
    padded = any(len(end.lstrip("-")) > 1 and end.lstrip("-").startswith("0") for end in (first, last))
    width = max(len(first), len(last)) if padded else 0
    start, stop = int(first), int(last)
    step = 1 if stop >= start else -1
    for number in range(start, stop + step, step):
        yield f"{number:0{width}d}"
