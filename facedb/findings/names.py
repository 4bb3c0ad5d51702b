"""Names as evidence: two labels that are one name in two spellings make a merge likelier; one surname with two first names is a hint
to relatives.

Labels are transliterated (anyascii) and taken apart into words. Two names agree when every word of the shorter one has a partner in the
longer one: the same letters but for a few (Jaro-Winkler), or an initial. How much that weighs is measured on the gallery:

    weight = P(agree | one person) / P(agree | any two labels),

the first from its clear merges (those certain by their score), the second from all pairs of up to two thousand labels.
This is the m and u of record linkage (Fellegi and Sunter 1969, JASA 64). Names that differ say nothing: that a person
is under a wrong name is the mistake that is looked for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from anyascii import anyascii
from rapidfuzz.distance import JaroWinkler

from facedb.core.records import Float64Array, Int64Array
from facedb.findings.confidence import CERTAIN, SUREST

ALIKE = 0.88
"""Two words are one in two spellings from this Jaro-Winkler similarity on."""
RELATIVES_AT_MOST = 0.9
"""One surname with two first names may be relatives: no score alone makes such a merge certain."""
_NICKNAMES_FROM = 3
_HEAVIEST = 1e4
_SAMPLE = 2000
_AS_NAMES = 0.6
_COMMON = 60
_TITLES = frozenset({"jr", "sr", "ii", "iii", "iv", "dr", "mr", "mrs", "ms", "sir"})
_WORD = re.compile(r"[a-z]+")
_DIGIT = re.compile(r"\d")


def words(label: str) -> tuple[str, ...]:
    """The words of a label in small Latin letters, without titles: ``Léa_Møller`` gives lea, moller."""
    return tuple(word for word in _WORD.findall(anyascii(label).lower()) if word not in _TITLES)


def look_like_names(labels: Sequence[str]) -> bool:
    """Whether most of the labels are two words or more without digits, as names of people are."""
    if not labels:
        return False
    named = sum(len([w for w in words(label) if len(w) > 1]) >= 2 and not _DIGIT.search(label) for label in labels)
    return named >= _AS_NAMES * len(labels)


def agree(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether two names, as `words`, can be one: in another order, another spelling, with initials, or one inside the other."""
    short, long = sorted((list(one), list(other)), key=len)
    if not short or not any(len(word) > 1 for word in short):
        return False
    if "".join(sorted(one)) == "".join(sorted(other)) or "".join(one) == "".join(other):
        return True
    left, full = list(long), 0
    for word in sorted(short, key=len, reverse=True):
        last = word == short[-1]
        found = max(((_likeness(word, w, last, w == long[-1]), w) for w in left), default=(0.0, ""))
        partner = found[1]
        if found[0] < ALIKE:
            return False
        left.remove(partner)
        full += min(len(word), len(partner)) > 1
    # One word in common is a surname, or a first name: no whole name.
    return full >= 2 or (full == 1 and (len(short) >= 2 or len(long) == 1))


def one_surname(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether two names end in one surname and have different first names."""
    if len(one) < 2 or len(other) < 2 or agree(one, other):
        return False
    return JaroWinkler.normalized_similarity(one[-1], other[-1]) >= 0.95


def _likeness(one: str, other: str, one_last: bool, other_last: bool) -> float:
    short, long = sorted((one, other), key=len)
    if len(short) == 1 and len(long) > 1:
        # An initial stands for a first name: for the last word of a name only where it is the last one too.
        return ALIKE if long.startswith(short) and one_last == other_last else 0.0
    if short[0] == long[0] and _bones(short) == _bones(long):
        return max(ALIKE, float(JaroWinkler.normalized_similarity(one, other)))
    if len(short) >= _NICKNAMES_FROM and long.startswith(short):
        return 1.0
    return float(JaroWinkler.normalized_similarity(one, other))


def _bones(word: str) -> str:
    """The consonants of a word without repetitions, which spellings of one name share."""
    bones = [c for c in word if c not in "aeiouyhw"]
    return "".join(c for k, c in enumerate(bones) if k == 0 or c != bones[k - 1])


@dataclass(frozen=True, slots=True)
class Names:
    """The names of labels, as `words`, and how often two of them agree by chance (``by_chance``)."""

    of: Mapping[int, tuple[str, ...]]
    by_chance: float

    def agree(self, a: int, b: int) -> bool:
        """Whether the names of labels ``a`` and ``b`` can be one."""
        return a in self.of and b in self.of and agree(self.of[a], self.of[b])

    def relatives(self, a: int, b: int) -> bool:
        """Whether ``a`` and ``b`` have one surname and two first names."""
        return a in self.of and b in self.of and one_surname(self.of[a], self.of[b])

    def in_words(self, a: int, b: int) -> str | None:
        """What the names say of a merge, for a person; None where they say nothing."""
        if self.agree(a, b):
            return "The two names can be one."
        if self.relatives(a, b):
            return "One surname with two first names: perhaps relatives, so the score alone makes it no certain merge."
        return None

    def weight(self, sure: Float64Array, labels_a: Int64Array, labels_b: Int64Array) -> float:
        """How much likelier names agree in clear merges, those of ``sure`` (m,) that are certain, than by chance.

        Before any was seen half of them are taken to agree, which counts as two merges. At most ten thousand.
        """
        clear = np.flatnonzero(sure >= CERTAIN).tolist()
        agreeing = sum(self.agree(int(labels_a[k]), int(labels_b[k])) for k in clear)
        return float(np.clip((agreeing + 1) / (len(clear) + 2) / self.by_chance, 1.0, _HEAVIEST))

    def weigh(self, sure: Float64Array, labels_a: Int64Array, labels_b: Int64Array) -> Float64Array:
        """The probability (m,) of one person, ``sure`` (m,) by the faces, once the names are taken into account."""
        found, weight = sure.copy(), self.weight(sure, labels_a, labels_b)
        for k, (a, b) in enumerate(zip(labels_a.tolist(), labels_b.tolist(), strict=True)):
            if self.agree(a, b):
                found[k] = weighed(float(found[k]), weight)
            elif self.relatives(a, b):
                found[k] = min(found[k], RELATIVES_AT_MOST)
        return found

    def agreeing(self) -> list[tuple[int, int]]:
        """All pairs of labels (a < b) whose names agree and that share a word which is no common one."""
        holders: dict[str, list[int]] = {}
        for label, name in self.of.items():
            for word in {*name, "".join(sorted(name))}:
                holders.setdefault(word, []).append(label)
        pairs: set[tuple[int, int]] = set()
        for word, labels in holders.items():
            if len(word) > 1 and 2 <= len(labels) <= _COMMON:
                pairs.update(combinations(sorted(labels), 2))
        return sorted(pair for pair in pairs if self.agree(*pair))


def weighed(likely: float, weight: float) -> float:
    """A probability after evidence whose likelihood ratio is ``weight``."""
    return min(likely * weight / (1 - likely + likely * weight), SUREST)


def names(labels: Mapping[int, str]) -> Names | None:
    """The names of ``labels`` by key; None where they do not look like names."""
    if not look_like_names(list(labels.values())):
        return None
    of = {key: words(label) for key, label in labels.items()}
    some = [of[key] for key in sorted(of)]
    if len(some) > _SAMPLE:
        some = [some[k] for k in np.linspace(0, len(some) - 1, _SAMPLE).astype(int)]
    together = _agreeing_by_first(some)
    pairs = len(some) * (len(some) - 1) / 2
    return Names(of, (together + 0.5) / (pairs + 1))


def _agreeing_by_first(some: Sequence[tuple[str, ...]]) -> int:
    """How many pairs agree; only names with a word that begins alike can."""
    heads: dict[str, list[int]] = {}
    for k, name in enumerate(some):
        for head in {word[0] for word in name}:
            heads.setdefault(head, []).append(k)
    tried: set[tuple[int, int]] = set()
    count = 0
    for holders in heads.values():
        by_second: dict[str, list[int]] = {}
        for k in holders:
            for word in some[k]:
                by_second.setdefault(word[:2], []).append(k)
        for group in by_second.values():
            for pair in combinations(sorted(set(group)), 2):
                if pair not in tried:
                    tried.add(pair)
                    count += agree(some[pair[0]], some[pair[1]])
    return count
