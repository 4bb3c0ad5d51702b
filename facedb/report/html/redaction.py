"""Redaction: pseudonyms for names and files, the same in every report of a database, from which the names cannot be recovered."""

from __future__ import annotations

import hashlib
import hmac
import posixpath
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

from facedb.core.files.paths import display, from_text

_DIGITS = 6
_WORD = re.compile(r"[^\W\d_]+|\d+")


class Redaction:
    """Replaces names of people, paths and datasets; ``key`` is secret to the database, ``people`` may be named in sentences."""

    def __init__(self, key: bytes, people: Iterable[str] = ()) -> None:
        self._key = key
        words = {name: _words(name) or [name] for name in map(from_text, people) if name}
        often = Counter(word for some in words.values() for word in set(some))
        # Each by its rarest word: few names are looked for in a sentence, however many there are.
        self._people = [(name, min(some, key=lambda word: (often[word], -len(word)))) for name, some in words.items()]
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

    def sentence(self, text: str, paths: Iterable[str]) -> str:
        """``text`` without the names of ``people`` and without ``paths``, the longest first, as one may be part of another.

        A name is met in any case, with its words joined by whatever joins them, and beside digits and underscores, as file names have it:
        Ann Lee also is ann_lee_0001.jpg and AnnLee2.
        """
        text = unicodedata.normalize("NFC", text)
        for path in sorted(filter(None, paths), key=len, reverse=True):
            text = text.replace(unicodedata.normalize("NFC", path), self.path(path))
        folded = text.casefold()
        met = [name for name, word in self._people if word in folded]
        for name in sorted(met, key=len, reverse=True):
            text = _pattern(name).sub(self.person(display(name)), text)
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


def _words(text: str) -> list[str]:
    """The runs of letters and of digits in a text, whatever their case."""
    return _WORD.findall(unicodedata.normalize("NFC", text).casefold())


def _pattern(name: str) -> re.Pattern[str]:
    """What finds a name in a sentence, as it is, as it is shown or by its words: not within another word, no number within another."""
    spelled = [unicodedata.normalize("NFC", form) for form in (name, display(name))]
    forms = "|".join(map(re.escape, spelled))
    parts = _WORD.findall(spelled[0])
    if not parts:
        return re.compile(forms)
    own = {True: r"\d", False: r"[^\W\d_]"}
    before, after = own[parts[0].isdigit()], own[parts[-1].isdigit()]
    words = r"[\W_]{0,2}".join(map(re.escape, parts))
    return re.compile(rf"(?<!{before})(?:{forms}|{words})(?!{after})", re.IGNORECASE)
