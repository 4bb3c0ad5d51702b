"""Abjads: names in Arabic and Hebrew letters, which leave out short vowels, beside names in Latin ones, which do not.

Each letter is what `anyascii` reads it as, or what else it is written as in Latin (ALA-LC and BGN/PCGN romanization, and the French and
German ways of newspapers); where no vowel is written, one may stand. So a name becomes a pattern that a name in Latin letters fits as a
whole or not.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import cache
from itertools import islice, product

from anyascii import anyascii

LETTERS = "\u0590-\u05ff\u0620-\u065f\u066e-\u06d5\u0750-\u077f\ufb1d-\ufb4f\ufb50-\ufdff\ufe70-\ufefc"
"""Where the letters of the two scripts are, as a class of a regular expression."""
_NATIVE = re.compile(f"[{LETTERS}]")
_ALIF, _WAW, _YEH = "\N{ARABIC LETTER ALEF}", "\N{ARABIC LETTER WAW}", "\N{ARABIC LETTER YEH}"
_HEH, _MARBUTA, _FARSI_YEH = "\N{ARABIC LETTER HEH}", "\N{ARABIC LETTER TEH MARBUTA}", "\N{ARABIC LETTER FARSI YEH}"
_TATWEEL = "\N{ARABIC TATWEEL}"
_ALEF, _HE, _VAV = "\N{HEBREW LETTER ALEF}", "\N{HEBREW LETTER HE}", "\N{HEBREW LETTER VAV}"
_CHET, _YOD, _SHIN = "\N{HEBREW LETTER HET}", "\N{HEBREW LETTER YOD}", "\N{HEBREW LETTER SHIN}"
_ARTICLE = _ALIF + "\N{ARABIC LETTER LAM}"
_TWICE = re.compile(r"(.)\1+")

_WRITTEN = {
    "b": "b|p", "ch": "t?s?ch|c", "d": "dh?", "dh": "dh|d|z|th", "f": "ph|f|p", "g": "gh|gu|g|j", "gh": "gh|g|r", "h": "ch|kh|h",
    "j": "dzh|dj|gu|g|j", "k": "kh|ch|ck|k|c|q", "kh": "kh|ch|k|h|x|c", "q": "kh|gh|k|g|q|c", "r": "rh|r", "s": "s|c", "sh": "sch|sh|ch|s",
    "t": "th|t", "th": "th|t|s", "ts": "ts|tz|z|s|c", "v": "bh|b|v", "z": "z|s|dh", "zh": "zh|z|j",
}  # fmt: skip
_W, _FIRST_W, _Y, _FIRST_Y = "aw|au|ou|oo|o|u|w|v", "ou|oo|o|u|w|v", "ij|ie|ei|ey|ee|ai|ay|i|e|y|j", "ye|yi|y|i|j|e"
_SHORT, _LONG, _NONE = "[aeiou]?", "[aeiou]{1,2}h?", "[aeiou]{0,2}"

# What a letter, or what it is written as, counts as in a key: one of the places where it is spoken, or nothing.
_PLACES = {
    "b": "P", "p": "P", "f": "P", "ph": "P", "v": "P ", "t": "T", "th": "T", "d": "T", "dh": "T", "s": "T", "sh": "T", "sch": "T", "z": "T",
    "ts": "T", "tz": "T", "ch": "TK", "zh": "TK", "k": "K", "kh": "K ", "q": "K", "g": "K", "gh": "K", "j": "K ", "c": "KT", "x": "K",
    "l": "L", "m": "M", "n": "N", "r": "R", "h": " ",
}  # fmt: skip
_LATIN = re.compile("|".join(sorted(_PLACES, key=len, reverse=True)))
_ARTICLES = frozenset({"al", "el", "ul", "il"})
_JOINED = re.compile("^[ae]l(?=[^aeiou].{3})|(?<=^abd[aeiou])l")
_KEYS = 16
_LEAST = 2


def letters(word: str) -> str:
    """A word in these scripts without its points, its letters in their plain forms."""
    return "".join(c for c in unicodedata.normalize("NFKD", word) if not unicodedata.combining(c) and c != _TATWEEL)


def is_native(word: str) -> bool:
    """Whether a word is in Arabic or Hebrew letters."""
    return _NATIVE.search(word) is not None


def fits(native: Sequence[str], latin: Sequence[str]) -> bool:
    """Whether a name in Latin letters can be one in these scripts, its words in the same order or the last one first."""
    pattern = _pattern(tuple(native))
    ways = (" ".join(latin), " ".join((*latin[-1:], *latin[:-1])))
    return any(pattern.fullmatch(way) for way in ways)


def same(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether two names in their own scripts have the same letters, as they are read, with articles or without, in whatever order and
    however joined."""
    first, second = list(map(_read, one)), list(map(_read, other))
    return sorted(first) == sorted(second) or "".join(first) == "".join(second)


def places(name: Sequence[str]) -> set[str]:
    """Keys of which a name in these scripts and what it is in Latin letters share one: where the consonants of all its words are spoken."""
    options: list[str] = []
    for word in name:
        if is_native(word):
            options += [_PLACES["kh"] if c == _CHET else _PLACES.get(anyascii(c), "") for c in _bare(word)]
        elif word not in _ARTICLES:
            loose = {found.start() + found.group().index("l") for found in _JOINED.finditer(word)}
            options += ["L " if f.start() in loose else _PLACES[f.group()] for f in _LATIN.finditer(word)]
    ways = islice(product(*filter(None, options)), _KEYS)
    found = {_TWICE.sub(r"\1", "".join(way).replace(" ", "")) for way in ways}
    return {f"~{key}" for key in found if len(key) >= _LEAST}


def _bare(word: str) -> str:
    """A word without its article."""
    return word.removeprefix(_ARTICLE) if len(word) > len(_ARTICLE) + 1 else word


def _read(word: str) -> str:
    return anyascii(_bare(word))


@cache
def _pattern(name: tuple[str, ...]) -> re.Pattern[str]:
    parts = []
    for word in name:
        bare = _bare(word)
        article = "(?:[aeiou][dlnrstz]h? ?)?" if bare != word else ""
        plain = _TWICE.sub(r"\1", bare)
        written = [_written(c, plain[k + 1 : k + 2], first=k == 0) for k, c in enumerate(plain)]
        parts.append(article + _SHORT.join(written))
    # Words that are one in Latin have a vowel between them, others a mute e behind them at most: Samir is no Samira.
    return re.compile(f"(?:e? |{_SHORT})".join(parts) + "e?")


def _written(letter: str, following: str, *, first: bool) -> str:
    """How a letter is written in Latin before the ``following`` one, if there is one, as a pattern."""
    read, last = anyascii(letter), not following
    if letter in (_WAW, _VAV):
        return f"(?:{_FIRST_W if first else _W}){'?' if last and letter == _WAW else ''}"
    if read == "y":
        return f"(?:{_FIRST_Y if first else _Y})"
    if letter == _ALIF or not read.isalpha():
        # With a letter for a vowel behind it, it need not be one itself.
        sounds = letter == _ALIF or (letter == _ALEF and first)
        return _LONG if sounds and following not in (_WAW, _YEH, _FARSI_YEH, _VAV, _YOD) else _NONE
    if read in ("a", "e", "o"):
        return "(?:aa|ee|ie|a|e|i|o|y)"
    if letter in (_MARBUTA, _HE) and last:
        return "(?:[aeo]h?|[ae]t)"
    if letter == _HEH and last:
        return "[ae]?h?"
    if letter in (_HE, _HEH):
        return "h"
    return f"(?:{'sch|sh|s' if letter == _SHIN else _WRITTEN.get(read, read)}){{1,2}}"
