"""How a source was read before: what was said once holds until something else is said."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from facedb.core.files.paths import display, from_text, to_text
from facedb.sources.options import SourceOptions

Asked = SourceOptions | Mapping[str, Any] | None
"""Options as they were given: all of them, some by name, or none."""


def recall(stored: Mapping[str, Any] | None, asked: Asked) -> tuple[SourceOptions, list[str]]:
    """The options to read a source with, and what to say of them.

    ``stored`` are those of the last time (None: it is new). What is asked for by name changes them, a whole SourceOptions
    replaces them.
    """
    before = _loaded(stored) if stored is not None else {}
    given = asdict(asked) if isinstance(asked, SourceOptions) else dict(asked or {})
    options = SourceOptions(**(before | {key: _placed(value) for key, value in given.items()}))
    if stored is None:
        return options, []
    default = asdict(SourceOptions())
    was, now = default | before, asdict(options)
    said = [
        f"{_option(key)} was {_shown(was[key])} and is {_shown(now[key])} now." for key in now if was[key] != now[key]
    ]
    kept = [f"{_option(key)} {_shown(now[key])}" for key in now if key not in given and now[key] != default[key]]
    if kept:
        said.append(f"As the last time: {', '.join(kept)}.")
    return options, said


def stored_form(options: SourceOptions) -> dict[str, Any]:
    """The options as JSON keeps them; paths and globs may be any bytes."""
    return {key: _kept(value) for key, value in asdict(options).items()}


def _kept(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_kept(each) for each in value]
    return to_text(str(value)) if isinstance(value, (str, Path)) else value


def _loaded(stored: Mapping[str, Any]) -> dict[str, Any]:
    hints = typing.get_type_hints(SourceOptions)
    known = {field.name for field in fields(SourceOptions)}
    return {key: _typed(hints[key], value) for key, value in stored.items() if key in known}


def _typed(hint: Any, value: Any) -> Any:
    if isinstance(value, list):
        value = [from_text(each) if isinstance(each, str) else each for each in value]
    elif isinstance(value, str):
        value = from_text(value)
    kinds = typing.get_args(hint) if typing.get_origin(hint) in (types.UnionType, typing.Union) else (hint,)
    if value is not None and Path in kinds:
        return Path(value)
    if isinstance(value, list) and any(typing.get_origin(kind) is tuple for kind in kinds):
        return tuple(value)
    return value


def _placed(value: Any) -> Any:
    # A relative path means another place the next time.
    return value.absolute() if isinstance(value, Path) else value


def _option(key: str) -> str:
    return "--" + key.replace("_", "-")


def _shown(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_shown, value)) or "nothing"
    return "not given" if value is None else display(str(value))
