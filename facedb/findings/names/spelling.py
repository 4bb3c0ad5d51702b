"""Spelling: whether two labels can be one name, and how closely.

Labels are transliterated (anyascii) and taken apart into words. Each word of the shorter name wants a partner in the longer one: the same
letters, a spelling of them (Jaro-Winkler, the same consonants, or the same sound, `sounds`, also in another of its `readings`), a nickname
of it, or an initial; names of Chinese and Korean syllables (`syllables`) agree as a whole, and so do those in scripts without vowels
(`abjads`) with others in Latin letters; two names in such a script, or in Hangul, are one where their letters are. How far spellings may
part depends on the place: John and Joan Smith are two, Barnett and Burnett may be one. Nicknames are those of the hand-made list
`nicknames` (Apache-2.0), which is about English names; other languages have their spellings, orders and initials only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from enum import IntEnum
from functools import cache
from itertools import pairwise
from urllib.parse import unquote

from anyascii import anyascii
from nicknames import NickNamer
from rapidfuzz.distance import OSA, JaroWinkler

from facedb.findings.names import abjads
from facedb.findings.names.readings import his_and_hers, made_hers, readings
from facedb.findings.names.sounds import codes, sound_alike, vowels
from facedb.findings.names.syllables import HANGUL, is_hangul, romanized, syllables

ALIKE = 0.88
"""Two words that begin alike are one in two spellings from this Jaro-Winkler similarity on."""
_ONE_SURNAME = 0.95
_PREFIX_FROM = 3
_BONES_FROM = 2
_SOUND = 0.7
"""Words with the same consonants are one in two spellings from this Jaro-Winkler similarity on."""
_SLIP_FROM = 6
_SLIPS = 0.75
"""Two words that differ by a slip have so much in common by Damerau's edits, whatever else begins alike: Barnett and Burnett."""
_HEARD = 4
"""Surnames that share so many consonants are one, whatever their vowels."""
_AS_NAMES = 0.6
_GENERATIONS = {"sr": 1, "jr": 2, "ii": 2, "iii": 3, "iv": 4}
_TITLES = frozenset({"dr", "mr", "mrs", "ms", "sir", "prof", "professor", "phd", "esq"})
_RANKS = frozenset({"king", "queen", "prince", "princess", "pope", "president", "lord", "lady"})
"""Titles that are names of people too, so only the first word is one: King Abdullah, and Larry King."""
_OPEN = frozenset("aeiouy")
_MUTE = re.compile("[hw]")
_ONE_SOUND = str.maketrans({"c": "k", "q": "k", "g": "k", "z": "s", "v": "f", "d": "t", "b": "p"})
_FIRST_SOUND = {**_ONE_SOUND, ord("w"): "f"}
_WORD = re.compile(r"[a-z]+")
_APOSTROPHE = re.compile("(?<=[a-z]{2})'")
"""The soft sign of Cyrillic, which anyascii writes so, is in a word and not between two: Yel'tsin. O'Brien may be two, O Brien."""
_DIGIT = re.compile(r"\d")
_NUMBER = re.compile(r"(?<![^\W_])\d+(?![^\W_])")
"""A number by itself: 0001_Ann_Lee, Ann Lee (2)."""
_NO_NAME = re.compile(
    r"@[\w-]+(?:\.[\w-]+)+$|^copy of[\s_]|[\s_-]+(?:copy|kopie|copie|copia)(?=[\W_\d]*$)", re.IGNORECASE
)
"""Where a mailbox is, and what file managers make of a folder that is there twice."""
_REMARK = re.compile(r"([^\W_]+)[\W_]*\(([^()]*[^\W\d_][^()]*)\)\s*$")
"""A remark at the end, as (actor) or (born Smith) is: what stands before it is the surname."""
_SCRIPTS = re.compile(f"([{abjads.LETTERS}]+|[{HANGUL}]+)")


class Agreement(IntEnum):
    """How closely two names agree."""

    NONE = 0
    SURNAME = 1
    """One surname with two first names, as relatives have."""
    LOOSE = 2
    """A nickname, an initial, a word more, or junior on one side."""
    ALIKE = 3
    """Every word in another spelling at most."""
    SAME = 4
    """The same letters, in whatever order and however joined."""


def words(label: str) -> tuple[str, ...]:
    """The words of a label in small Latin letters, without titles: ``Léa_Møller`` gives lea, moller. Words in Arabic and Hebrew letters and
    in Hangul stay in these, which say more than one way to write them in Latin."""
    plain = _REMARK.sub(r"\2 \1", _NO_NAME.sub("", unquote(label)))
    found = [word for part in _SCRIPTS.split(plain) for word in _words(part) if word not in _TITLES]
    return tuple(found[1:] if len(found) > 1 and found[0] in _RANKS else found)


def _words(part: str) -> list[str]:
    """The words of a piece of a label that is in one script."""
    if abjads.is_native(part):
        return [abjads.letters(part)]
    return [part] if is_hangul(part) else _WORD.findall(_APOSTROPHE.sub("", anyascii(part).lower()))


def look_like_names(labels: Sequence[str]) -> bool:
    """Whether most of the labels are two words or more without digits, as names of people are; of those that a number by itself tells
    apart, as in subject_left_12, each counts once."""
    clear, numbered = 0, set()
    for label in labels:
        name = words(label)
        if not has_two(name) or _DIGIT.search(_NUMBER.sub("", label)):
            continue
        if _DIGIT.search(label):
            numbered.add(name)
        else:
            clear += 1
    return bool(labels) and clear + len(numbered) >= _AS_NAMES * len(labels)


def has_two(name: Sequence[str]) -> bool:
    """Whether a name, as `words`, has two words of more than one letter."""
    return len([word for word in _plain(name) if len(word) > 1]) >= 2


def agreement(one: Sequence[str], other: Sequence[str]) -> Agreement:
    """How closely two names, as `words`, agree."""
    if _is_native(one) and _is_native(other):
        return Agreement.SAME if abjads.same(one, other) else Agreement.NONE
    first, second = _plain(one), _plain(other)
    for native, latin in ((first, second), (second, first)):
        if _is_native(native):
            return Agreement.ALIKE if abjads.fits(native, latin) else Agreement.NONE
    short, long = sorted((first, second), key=len)
    if not short or not any(len(word) > 1 for word in short):
        return Agreement.NONE
    found = max(min(_agreement(short, way), most) for way, most in _ways(long, short))
    if found < Agreement.ALIKE and syllables(first) & syllables(second):
        found = Agreement.ALIKE
    generations = [{_GENERATIONS[word] for word in name if word in _GENERATIONS} for name in (one, other)]
    if found >= Agreement.LOOSE and generations[0] != generations[1]:
        # Junior and senior are two; where one name says neither, it may be either's.
        return Agreement.SURNAME if all(generations) else Agreement.LOOSE
    if found == Agreement.NONE and _one_surname(first, second):
        return Agreement.SURNAME
    return found


def keys(name: Sequence[str], *, across: bool = True) -> set[str]:
    """Keys of which names that agree share one: the consonants of each word, as they are written and as they sound, and of all together;
    those ``across`` scripts are for sets in which some names are in scripts without vowels."""
    plain = _plain(name)
    bones = [_bones(word) for word in plain]
    whole = "".join(plain)
    found = {b if len(b) >= _BONES_FROM else word for b, word in zip(bones, plain, strict=True) if len(word) > 1}
    heard = [way for word in plain for way in (word, *readings(word))]
    found |= {code for way in heard for code in codes(way) if len(code) >= _BONES_FROM}
    found |= abjads.places(plain) if across else set()
    return found | {" ".join(sorted(bones)), _bones(whole), "".join(sorted(whole))} | syllables(plain)


def _plain(name: Sequence[str]) -> list[str]:
    """A name without what says junior, and Hangul as its syllables in Latin letters."""
    found = [word for word in name if word not in _GENERATIONS]
    if not _is_native(found):
        return found
    return [part for word in found for part in (romanized(word) if is_hangul(word) else [word])]


def _is_native(name: Sequence[str]) -> bool:
    return not all(word.isascii() for word in name)


def _ways(long: list[str], short: list[str]) -> Iterator[tuple[list[str], Agreement]]:
    """The longer name as it is, and with two neighbours as the one word that the shorter one has, each with how closely it agrees at most:
    Dai Chul for Daichul, al Baradei for Elbaradei, and by its initials George W for GW."""
    yield long, Agreement.SAME
    if len(long) > len(short):
        bones = {_bones(word) for word in short if len(word) > len("gw")}
        for k, (one, other) in enumerate(pairwise(long)):
            if one + other in short or (min(len(one), len(other)) > 1 and _bones(one + other) in bones):
                yield [*long[:k], one + other, *long[k + 2 :]], Agreement.SAME
            elif one[0] + other[0] in short:
                yield [*long[:k], one[0] + other[0], *long[k + 2 :]], Agreement.LOOSE


def _agreement(short: list[str], long: list[str]) -> Agreement:
    if sorted(short) == sorted(long) or "".join(short) == "".join(long):
        return Agreement.SAME
    left, full, weakest = list(range(len(long))), 0, Agreement.SAME
    apart = None if len(short) < 2 else not set(short) & set(long)
    for word in sorted(short, key=len, reverse=True):
        last = word == short[-1]
        found, at = max(
            ((_words_agree(word, long[k], _place(last, k == len(long) - 1, apart)), -k) for k in left),
            default=((0, 0), 0),
        )
        if found[0] == Agreement.NONE:
            return Agreement.NONE
        left.remove(-at)
        weakest = min(weakest, Agreement(found[0]))
        full += min(len(word), len(long[-at])) > 1
    # One word in common is a surname, or a first name: no whole name.
    if full < 2 and not (full == 1 and (len(short) >= 2 or len(long) == 1)):
        return Agreement.NONE
    return min(weakest, Agreement.LOOSE) if left else weakest


class _Place(IntEnum):
    """Where two words stand in their names, by how far the spellings of one word may part there."""

    FIRST = 0
    """Two first names beside one surname: where one vowel more makes a brother a sister."""
    ELSEWHERE = 1
    """First names where no word is spelled the same, as relatives share one: another transliteration."""
    LAST = 2
    """Two surnames."""
    CROSSED = 3
    """The last word of one name with another of the other, which no initial stands for."""


def _place(one_last: bool, other_last: bool, apart: bool | None) -> _Place:
    """``apart``: whether the two names have no word in common; None where one is a single word."""
    if one_last and other_last and apart is not None:
        return _Place.LAST
    if one_last != other_last:
        return _Place.CROSSED
    return _Place.ELSEWHERE if apart else _Place.FIRST


def _words_agree(one: str, other: str, place: _Place) -> tuple[int, float]:
    """How closely two words agree, as an `Agreement` without SURNAME, and how alike they are beyond that."""
    if one == other:
        return Agreement.SAME, 1.0
    if place != _Place.LAST and _his_and_hers(one, other):
        return Agreement.NONE, 0.0
    # One of them at a time: an umlaut that both are written with has vowels to compare.
    ways = [(one, other), *((one, way) for way in readings(other)), *((way, other) for way in readings(one))]
    return max(_spellings_agree(a, b, place) for a, b in ways)


def _his_and_hers(one: str, other: str) -> bool:
    short, long = sorted((one, other), key=len)
    return his_and_hers(one, other) or (made_hers(short, long) and not _nicknames(short, long))


def _spellings_agree(one: str, other: str, place: _Place) -> tuple[int, float]:
    short, long = sorted((one, other), key=len)
    if one == other:
        return Agreement.ALIKE, 1.0
    if len(short) == 1:
        # An initial stands for a first name: for the last word of a name only where it is the last one too.
        return (Agreement.LOOSE if long.startswith(short) and place != _Place.CROSSED else Agreement.NONE), 0.0
    like = float(JaroWinkler.normalized_similarity(one, other))
    surnames = place == _Place.LAST
    first, second = vowels(one), vowels(other)
    fit = first.fit(second) or (place == _Place.ELSEWHERE and first.end == second.end and like >= _SOUND)
    begin, bones = _begin_alike(short, long), _bones(short)
    heard = sound_alike(one, other)
    written = begin and like >= _SOUND and bones == _bones(long)
    sound = heard > 0 or (written and len(bones) >= _BONES_FROM)
    if _mistyped(one, other):
        return Agreement.ALIKE, like
    near = like >= ALIKE and OSA.normalized_similarity(one, other) >= _SLIPS
    slip = begin and near and (surnames or len(short) >= _SLIP_FROM)
    if (sound or slip) and (fit or (surnames and (like >= _SOUND or heard >= _HEARD))):
        return Agreement.ALIKE, like
    longer = len(short) >= _PREFIX_FROM and long.startswith(short) and place != _Place.CROSSED
    longer = longer and (surnames or bones != _bones(long))
    if (written and (fit or surnames)) or longer or _nicknames(short, long):
        return Agreement.LOOSE, like
    return Agreement.NONE, like


def _mistyped(one: str, other: str) -> bool:
    """Whether two neighbours inside a long word have changed places: Guiseppe, but neither Marian and Marina nor Brian and Brain."""
    ends = (one[0], one[-1]) == (other[0], other[-1])
    return len(one) >= _SLIP_FROM and ends and sorted(one) == sorted(other) and OSA.distance(one, other) == 1


def _one_surname(one: list[str], other: list[str]) -> bool:
    if len(one) < 2 or len(other) < 2:
        return False
    return JaroWinkler.normalized_similarity(one[-1], other[-1]) >= _ONE_SURNAME


def _begin_alike(one: str, other: str) -> bool:
    if one[0] in _OPEN or other[0] in _OPEN:
        return one[0] in _OPEN and other[0] in _OPEN
    return one[0].translate(_FIRST_SOUND) == other[0].translate(_FIRST_SOUND)


@cache
def _bones(word: str) -> str:
    """The consonants of a word, doubled ones once, those of one sound as one letter: what the spellings of a name share."""
    heard = _MUTE.sub("", word.replace("ph", "f").replace("x", "ks")).translate(_ONE_SOUND)
    return "".join(c for c, before in zip(heard, "a" + heard, strict=False) if c not in _OPEN and c != before)


def _nicknames(one: str, other: str) -> bool:
    """Whether one is a nickname of the other, or both are of a third name: Bill of William, Bob and Bobby of Robert."""
    return bool(({one} | _full_names(one)) & ({other} | _full_names(other)))


@cache
def _full_names(word: str) -> frozenset[str]:
    return frozenset(_nicknamer().canonicals_of(word))


@cache
def _nicknamer() -> NickNamer:
    return NickNamer()
