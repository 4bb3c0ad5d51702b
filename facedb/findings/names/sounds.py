"""Sounds: what a word of a name sounds like, however it is spelled: its consonants in every reading, and its vowels.

A word is respelled as English writes the sounds that the spellings of other languages give them (German tsch, French dj, Polish cz,
Turkish c, Russian zh and kh; j may be a y, w a v), and Metaphone (Philips 1990, Computer Language 7 (12), 39-43;
`jellyfish`, MIT) codes the consonants of each reading. Metaphone hears no vowels: Paul and Paula, John and Joan have one code. Vowels
are compared apart, by colour.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from itertools import islice, product

import jellyfish

_RESPELLED = {
    "schtsch": ("sh",),
    "shch": ("sh",),
    "chtch": ("sh",),
    "tzsch": ("ch",),
    "tsch": ("ch",),
    "tch": ("ch",),
    "tsh": ("ch",),
    "dsch": ("j",),
    "dzh": ("j",),
    "dj": ("j",),
    "sch": ("sh",),
    "cz": ("ch",),
    "ç": ("s", "j", "ch"),
    "sz": ("sh", "s"),
    "zh": ("j", "sh"),
    "ch": ("ch", "k"),
    "kh": ("k",),
    "gh": ("g", ""),
    "dh": ("d",),
    "th": ("t",),
    "ph": ("f",),
    "tz": ("s",),
    "ts": ("s",),
    "w": ("v", "w"),
    "j": ("j", "y"),
    "x": ("ks",),
}
_FIRST = {
    "x": ("s", "j"),
    "ye": ("ye", "e"),
    "ga": ("ga", "ja"),
    "ge": ("je", "ge"),
    "gi": ("ji", "gi"),
    "io": ("yo", "io"),
}
_HARD_G, _SOFT_G = re.compile("gu(?=[eiy])"), re.compile("gi(?=[aou])")
# Recep and Cemal, but neither Marcie and Margie nor Pace and Page.
_SOFT_C = re.compile("(?<![^aeiouy])c(?=[ei].)")
_GRAPHEMES = re.compile("|".join(sorted(_RESPELLED, key=len, reverse=True)))
_READINGS = 8
_CODE_FROM = 2
_FOLDED = str.maketrans({"0": "T", "B": "P"})
_SILENT = re.compile("[HWY]")
_TWICE = re.compile(r"(.)\1+")

_VOWELS = re.compile(r"[aeiouy]+(?:w(?![aeiouy]))?(?:h(?![aeiouy]))?")
_SILENT_LETTER = re.compile("(?<=[gq])u(?=[eiy])|(?<=g)i(?=[aou])|(?<=i)gh")
_SOFT_J = re.compile("(?<=[^aeiouyd])j(?=[aeou])|(?<=[aeiou])j$")
_LONG = re.compile("^([^aeiouy]*)([aeiouy])([^aeiouy]+)e$")
_INE = re.compile("[iy]nn?e$")
_COLOURS = {
    "a": "A", "ae": "A",
    "e": "E", "i": "E", "ea": "E", "ei": "E", "ie": "E", "ai": "E", "eo": "E",
    "o": "O", "u": "O", "ou": "O", "oe": "O", "ue": "O", "au": "O", "ao": "O", "eu": "O", "ow": "O", "aw": "O", "ew": "O",
}  # fmt: skip
_LONG_AS = {"a": "ai", "y": "i"}
_INSIDE = {"ie": "ea"}
# What one vowel alone must tell: John and June, Gail and Kyle, Leon and Lynn.
_ALONE = {"ai": "ai", "eo": "eo", "ua": "ua", "u": "u", "oo": "u", "ou": "u", "ue": "u", "eu": "u", "ew": "u"}


@dataclass(frozen=True, slots=True)
class Vowels:
    """The colours of the vowels of a word: the ``first``, those ``inside``, and those at its ``end`` after the last consonant."""

    first: str
    inside: str
    end: str

    def fit(self, other: Vowels) -> bool:
        """Whether two words whose consonants sound alike can be one: as transliterations differ and the names of men and women do not.

        The first vowel and the end are the same; inside, a and e are one (Ahmed, Ahmad), and an e may be missing (Catherine, Kathryn).
        """
        if self.first != other.first or self.end != other.end:
            return False
        one, two = sorted((v.inside.replace("A", "E") for v in (self, other)), key=len)
        return one == two or one.replace("E", "") == two.replace("E", "")


@cache
def codes(word: str) -> frozenset[str]:
    """The Metaphone codes of a word's readings, without what sounds alike in many languages (b and p, th and t)."""
    word = _SOFT_C.sub("ç", _SOFT_G.sub("j", _HARD_G.sub("gh", word)))
    head = next((spelled for spelled in _FIRST if word.startswith(spelled)), "")
    parts: list[tuple[str, ...]] = [_FIRST[head]] if head else []
    at = len(head)
    for found in _GRAPHEMES.finditer(word, at):
        parts += [(word[at : found.start()],), _RESPELLED[found.group()]]
        at = found.end()
    parts.append((word[at:],))
    heard = {_code("".join(reading)) for reading in islice(product(*parts), _READINGS)}
    return frozenset(code for code in heard if code)


def sound_alike(one: str, other: str) -> int:
    """How many consonants (an initial vowel counts as one) the longest code has that two words have in common; 0: fewer than two."""
    return max((len(code) for code in codes(one) & codes(other) if len(code) >= _CODE_FROM), default=0)


@cache
def vowels(word: str) -> Vowels:
    """The colours of a word's vowels; an e that only makes the one vowel before it long, or ends ``-ine``, is silent."""
    word = _SOFT_J.sub("y", _SILENT_LETTER.sub("", word))
    if long := _LONG.match(word):
        word = long[1] + _LONG_AS.get(long[2], long[2]) + long[3]
    elif _INE.search(word):
        word = word[:-1]
    found = list(_VOWELS.finditer(word))
    groups = [_plain(group.group(), first=group.start() == 0) for group in found]
    if len(groups) < 2:
        only = groups[0] if groups else ""
        closed = bool(found) and found[0].end() < len(word)
        return Vowels(_ALONE.get(only, _colour(only)), "", "" if closed else ".")
    ends = found[-1].end() == len(word)
    inside = (_INSIDE.get(group, _colour(group)) for group in (groups[1:-1] if ends else groups[1:]))
    return Vowels(_colour(groups[0]), "".join(inside), _colour(groups[-1]) if ends else "")


def _plain(group: str, *, first: bool) -> str:
    """A group of vowels without the h that lengthens it and the glide that it begins with, y as i, each letter once but for oo."""
    group = group.rstrip("h")
    if first and len(group) > 1 and (group[0] == "y" or group.startswith("io")):
        group = group[1:]
    group = group.replace("y", "i").replace("oe", "o")
    return group if group == "oo" else _TWICE.sub(r"\1", group)


def _colour(group: str) -> str:
    """One letter for a sound; small letters for several."""
    group = _TWICE.sub(r"\1", group)
    if group in _COLOURS:
        return _COLOURS[group]
    return _TWICE.sub(r"\1", "".join(_COLOURS[letter] for letter in group if letter in _COLOURS)).lower()


def _code(reading: str) -> str:
    code = jellyfish.metaphone(reading).translate(_FOLDED)
    if not code:
        return ""
    first = "A" if code[0] in "AEIOU" else code[0]
    return first + _SILENT.sub("", code[1:])
