"""File names as PostgreSQL text can hold them, and as a terminal can show them.

A file name is a row of bytes. `os.fsdecode` turns bytes that are not UTF-8 into lone surrogates, which PostgreSQL
refuses, as it refuses NUL (names in containers may hold one). The text form keeps every ordinary name as it is and
writes any other as ``bytes:`` with its percent-encoded bytes, so that the name on disk can always be recovered.
"""

from __future__ import annotations

import json
import os
import shlex
import unicodedata
from collections.abc import Iterable
from typing import overload
from urllib.parse import quote, unquote_to_bytes

from facedb.core.errors import InputError

QUARANTINE = ".facedb-quarantine"
"""The folder at the root of a source that holds what plans took out of it; no source looks into it."""

_MARK = "bytes:"
_HIDDEN = {"Cc", "Cs", "Co", "Cn", "Zl", "Zp"}
_BIDI_CONTROLS = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


@overload
def to_text(path: str | os.PathLike[str]) -> str: ...
@overload
def to_text(path: None) -> None: ...
def to_text(path: str | os.PathLike[str] | None) -> str | None:
    """The text form of a path as `os.fsdecode` gives it; None for None. Raises InputError for a str that cannot be a file name."""
    if path is None:
        return None
    name = os.fspath(path)
    if _is_utf8(name) and "\0" not in name and not name.startswith(_MARK):
        return name
    try:
        raw = name.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise InputError(f"The name {name!a} holds half a character, which no file name can; correct it.") from error
    return _MARK + quote(raw, safe="/")


def are_plain(names: Iterable[str]) -> bool:
    """Whether every one of ``names`` is certainly its own text form, by one check of all; False may only mean that one looks odd."""
    together = "\n".join(names)
    return _is_utf8(together) and "\0" not in together and _MARK not in together


def escaped_text(path: str) -> str:
    """The text form that ``path`` has as the beginning of a name that is not UTF-8."""
    return _MARK + quote(path.encode("utf-8", "surrogateescape"), safe="/")


@overload
def from_text(text: str) -> str: ...
@overload
def from_text(text: None) -> None: ...
def from_text(text: str | None) -> str | None:
    """The path that `to_text` was given."""
    if text is None or not text.startswith(_MARK):
        return text
    return unquote_to_bytes(text.removeprefix(_MARK)).decode("utf-8", "surrogateescape")


def display(path: str | os.PathLike[str]) -> str:
    """The path on one line of a terminal: control characters, undecodable bytes and direction overrides as escapes."""
    name = os.fspath(path)
    return name if name.isprintable() else "".join(map(_shown, name))


def quoted(path: str | os.PathLike[str]) -> str:
    """A path as it is typed into a shell."""
    return shlex.quote(display(path))


def shown(message: str) -> str:
    """A message of one or several lines, each as `display` shows it: whatever names are in it move no cursor and set no title."""
    return message if message.isprintable() else "\n".join(map(display, message.split("\n")))


def printable_json(text: str) -> str:
    """JSON with escapes for the characters in its strings that a terminal does not show as themselves."""
    return text if text.isprintable() else "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)


def _is_utf8(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _shown(character: str) -> str:
    if "\udc80" <= character <= "\udcff":
        return f"\\x{ord(character) - 0xDC00:02x}"
    if unicodedata.category(character) in _HIDDEN or unicodedata.bidirectional(character) in _BIDI_CONTROLS:
        return ascii(character)[1:-1]
    return character
