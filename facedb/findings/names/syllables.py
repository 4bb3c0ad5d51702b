"""Syllables: Chinese and Korean names in Latin letters, where each standard writes one syllable in its own way.

Wade-Giles tells aspirated sounds by an apostrophe that nearly everybody leaves out: ch is the zh, ch, j or q of Pinyin, ts its z or
c, and k, p, t are its g, b, d too; its j is the r of Pinyin (Library of Congress, Pinyin conversion tables). McCune-Reischauer does
the same to Korean, where besides each family spells its vowels as it likes: Chung, Jung and Jeong, Lee, Yi and Rhee (Revised
Romanization of Korean, 2000). So syllables are folded to what all have in common, and compared as those of whole names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache

from anyascii import anyascii

HANGUL = "\uac00-\ud7a3"
"""Where its syllables are, as a class of a regular expression."""
_HANGUL = re.compile(f"[{HANGUL}]+")
_WHOLE = (3, 4)
"""So many syllables in one are a whole name: the surname, mostly of one, and the name that is given."""
_STOPS = {"b": "p", "p": "p", "d": "t", "t": "t", "g": "k", "k": "k", "j": "c", "ch": "c"}
_CHINESE_INITIALS = {
    **_STOPS, "zh": "c", "q": "c", "r": "c", "hs": "x", "x": "x", "sh": "sh", "tz": "z", "ts": "z", "z": "z", "c": "z", "ss": "s",
    "sz": "s", "f": "f", "h": "h", "l": "l", "m": "m", "n": "n", "s": "s", "w": "w", "y": "y", "": "",
}  # fmt: skip
_KOREAN_INITIALS = {
    **_STOPS, "kk": "k", "tt": "t", "pp": "p", "jj": "c", "ss": "s", "s": "s", "sh": "s", "h": "h", "l": "l", "r": "l", "rh": "l",
    "m": "m", "n": "n", "w": "w", "y": "", "": "",
}  # fmt: skip
_UNCHANGED = (
    "iang iong uang ueng ang eng ing ong iao uai ian uan ai ei ao ou an en in un er ia ie iu ua ue ui a o e i u"
)
_CHINESE_FINALS = {same: same for same in _UNCHANGED.split(" ")} | {
    "ien": "ian", "ieh": "ie", "ueh": "ue", "ung": "ong", "iung": "iong", "uen": "un", "uei": "ui", "erh": "er", "eh": "e", "ih": "i",
    "io": "ue", "uo": "o",
}  # fmt: skip
_KOREAN_VOWELS = {
    "yeo": "o", "you": "o", "yoo": "o", "eo": "o", "oo": "o", "ou": "o", "eu": "o", "u": "o", "o": "o", "yu": "o", "yo": "o",
    "ae": "e", "ai": "e", "ay": "e", "yeh": "e", "ye": "e", "e": "e", "ya": "a", "a": "a", "wa": "wa", "weo": "wo", "wo": "wo",
    "ee": "i", "ie": "i", "i": "i", "ui": "i", "oe": "w", "oi": "w", "wi": "w", "oy": "w",
}  # fmt: skip
_KOREAN_CODAS = {
    "ng": "g", "n": "n", "hn": "n", "m": "m", "hm": "m", "k": "k", "g": "k", "ck": "k", "rk": "k", "p": "p", "b": "p", "l": "l",
    "t": "t", "h": "", "": "",
}  # fmt: skip
_KOREAN_FINALS = {
    vowel + coda: sound + end for vowel, sound in _KOREAN_VOWELS.items() for coda, end in _KOREAN_CODAS.items()
}
# Surnames that most families spell otherwise than any standard, or that lost their first sound in the South: in passports of 2007, 98.5 %
# were Lee and 1 % Yi, 97.3 % Park (National Institute of the Korean Language, discussion of surnames in Latin letters, 25 June 2009).
# Which spellings are listed was chosen by hand.
_KOREAN_NAMES = {
    "lee": "i", "rhee": "i", "rhie": "i", "ree": "i", "ri": "i", "yi": "i", "li": "i", "roh": "no", "ro": "no", "lim": "im", "rim": "im",
    "yim": "im", "ryu": "o", "ryoo": "o", "lyu": "o", "woo": "o", "wu": "o", "hur": "ho", "her": "ho", "park": "pak",
}  # fmt: skip
_MOST = 4
_LEAST = 2


def _syllable(initials: Mapping[str, str], finals: Mapping[str, str]) -> re.Pattern[str]:
    first, last = ("|".join(sorted(parts, key=len, reverse=True)) for parts in (filter(None, initials), finals))
    return re.compile(f"({first})?({last})(?![aeiou])")


_CHINESE, _KOREAN = _syllable(_CHINESE_INITIALS, _CHINESE_FINALS), _syllable(_KOREAN_INITIALS, _KOREAN_FINALS)


def is_hangul(word: str) -> bool:
    """Whether a word is in Hangul."""
    return _HANGUL.fullmatch(word) is not None


def romanized(word: str) -> list[str]:
    """The syllables of a word in Hangul in small Latin letters; of a whole name the surname comes last."""
    found = [anyascii(syllable).lower() for syllable in word]
    return [*found[1:], found[0]] if len(found) in _WHOLE else found


def syllables(name: Sequence[str]) -> frozenset[str]:
    """What a name, as `words`, is in syllables, once for each language that it may be of: those of Chinese sorted, so that neither
    order nor joining matters, and those of Korean behind a mark. Empty where a word is none of either."""
    found = (_sorted("", [_chinese(word) for word in name]), _sorted("ko ", [_korean(word) for word in name]))
    return frozenset(filter(None, found))


def _sorted(mark: str, parts: Sequence[tuple[str, ...]]) -> str:
    count = sum(map(len, parts))
    if not all(parts) or not _LEAST <= count <= _MOST:
        return ""
    return mark + " ".join(sorted(syllable for part in parts for syllable in part))


def _parts(word: str, pattern: re.Pattern[str]) -> list[tuple[str, str]]:
    found, at = [], 0
    while at < len(word):
        part = pattern.match(word, at)
        if part is None:
            return []
        found.append((part.group(1) or "", part.group(2)))
        at = part.end()
    return found


@cache
def _chinese(word: str) -> tuple[str, ...]:
    return tuple(_folded(initial, final) for initial, final in _parts(word, _CHINESE))


@cache
def _korean(word: str) -> tuple[str, ...]:
    if word in _KOREAN_NAMES:
        return (_KOREAN_NAMES[word],)
    parts = _parts(word.replace("wh", "hw"), _KOREAN)
    return tuple(_KOREAN_INITIALS[initial] + _KOREAN_FINALS[final] for initial, final in parts)


def _folded(initial: str, final: str) -> str:
    sound, final = _CHINESE_INITIALS[initial], _CHINESE_FINALS[final]
    if initial in ("tz", "ss", "sz") and final == "u":
        final = "i"
    if sound in ("k", "h", "") and final == "o":
        final = "e"
    if initial == "y":
        # Y only begins a syllable that has no consonant: yi and i, ying and ing, yen and yan.
        sound, final = ("", final) if final.startswith("i") else ("y", {"en": "an"}.get(final, final))
    return sound + final
