"""Redaction: pseudonyms for names and files, the same in every report of a database, from which the names cannot be told."""

from __future__ import annotations

import hashlib
import hmac
import posixpath
import re
from collections.abc import Iterable

_DIGITS = 6


class Redaction:
    """Replaces names of people, paths and datasets; ``key`` is secret to the database."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._given: dict[str, str] = {}
        self._taken: set[str] = set()

    def person(self, name: str) -> str:
        """The pseudonym of an identity."""
        return self._pseudonym("Person", name)

    def dataset(self, name: str) -> str:
        """The pseudonym of a dataset."""
        return self._pseudonym("Dataset", name)

    def path(self, path: str) -> str:
        """The pseudonym of a photo, with the kind of its file."""
        suffix = posixpath.splitext(path)[1].lower()
        return self._pseudonym("photo", path) + (suffix if suffix[1:].isalnum() and len(suffix) <= 6 else "")

    def sentence(self, text: str, names: Iterable[str], paths: Iterable[str]) -> str:
        """``text`` with those names and paths replaced, the longest first, as one may be part of another."""
        replacements = {name: self.person(name) for name in names if name} | {
            path: self.path(path) for path in paths if path
        }
        for old in sorted(replacements, key=len, reverse=True):
            text = re.sub(rf"(?<!\w){re.escape(old)}(?!\w)", replacements[old], text)
        return text

    def _pseudonym(self, kind: str, name: str) -> str:
        subject = f"{kind}\0{name}"
        if subject not in self._given:
            digest = hmac.new(self._key, subject.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest().upper()
            # Two that begin alike are told apart by more digits.
            length = next(n for n in range(_DIGITS, len(digest) + 1) if f"{kind} {digest[:n]}" not in self._taken)
            self._given[subject] = f"{kind} {digest[:length]}"
            self._taken.add(self._given[subject])
        return self._given[subject]
