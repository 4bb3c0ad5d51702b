"""What names say of a merge: how much likelier one person, relatives, and any two people have names that agree so closely.

For each `Agreement` the probability of one person becomes

    p m / (p m + r s + (1 - p - r) u),

where p and r are the probabilities of one person and of relatives by the faces, m the share of merges whose names agree so closely, s that
of relatives, u that of any two labels: the m and u of record linkage (Fellegi and Sunter 1969, JASA 64), found by expectation
maximisation over the pairs of this gallery (Winkler 1988, Proceedings of the Section on Survey Research Methods, 667-671). ``s`` is
assumed. Names that differ say nothing: that a person is under a wrong name is the mistake that is looked for; and one surname with two
first names, a hint to relatives, only keeps a merge from being certain.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from facedb.core.finding import SUREST
from facedb.core.records import Float64Array, Int64Array
from facedb.findings.names.abjads import is_native
from facedb.findings.names.spelling import Agreement, agreement, has_two, keys, look_like_names, words

RELATIVES_AT_MOST = 0.9
"""One surname with two first names may be relatives: no score alone makes such a merge certain."""
_LEVELS = len(Agreement)
_BEFORE = np.array([1.0, 0.1, 0.3, 0.3, 0.3])
"""What is known before any merge was seen counts as two: half of them have names that differ."""
_RELATIVES = np.array([0.25, 0.7, 0.03, 0.015, 0.005])
"""How often the names of relatives agree so closely (namesakes, father and son, Christian and Christiane): an assumption, not measured."""
_ROUNDS = 20
_COMMON = 60
_SEVERAL = 10
"""Fewer labels do not tell a word of all from a name of many."""


@dataclass(frozen=True, slots=True)
class Weights:
    """How often names agree, by `Agreement`: float64 (5,) ``mated`` of one person, ``related`` of relatives, ``chance`` of any two."""

    mated: Float64Array
    related: Float64Array
    chance: Float64Array

    def weigh(self, one: Float64Array, relatives: Float64Array, level: Int64Array) -> Float64Array:
        """The probability (m,) of one person, once names that agree at ``level`` (m,) are taken into account."""
        same = one * self.mated[level]
        rest = relatives * self.related[level] + np.maximum(1 - one - relatives, 0.0) * self.chance[level]
        told = np.where(level >= Agreement.LOOSE, same / np.maximum(same + rest, 1e-300), one)
        # How many relatives there are is hardly known, so one surname never speaks for a merge.
        most = np.where(level == Agreement.SURNAME, RELATIVES_AT_MOST, SUREST)
        return np.asarray(np.minimum(told, most))


@dataclass(frozen=True, slots=True)
class Names:
    """The names of labels, as `words`; ``close`` are the pairs of labels (a < b) that agree, whatever their faces say."""

    of: Mapping[int, tuple[str, ...]]
    close: Mapping[tuple[int, int], Agreement] = field(default_factory=dict)

    def agreement(self, a: int, b: int) -> Agreement:
        """How closely the names of labels ``a`` and ``b`` agree; what so many share that it was not counted is no name."""
        found = agreement(self.of[a], self.of[b]) if a in self.of and b in self.of else Agreement.NONE
        return found if found < Agreement.LOOSE or (min(a, b), max(a, b)) in self.close else Agreement.NONE

    def levels(self, labels_a: Int64Array, labels_b: Int64Array) -> Int64Array:
        """The same for labels (m,)."""
        found = [self.agreement(a, b) for a, b in zip(labels_a.tolist(), labels_b.tolist(), strict=True)]
        return np.array(found, np.int64)

    def in_words(self, a: int, b: int) -> str | None:
        """What the names say of a merge, for a person; None where they say nothing."""
        level = self.agreement(a, b)
        if level >= Agreement.LOOSE:
            return "The two names may be one person's."
        if level == Agreement.SURNAME:
            return "One surname with two first names: perhaps relatives, so the score alone does not make the merge certain."
        return None

    def weights(self, one: Float64Array, relatives: Float64Array, level: Int64Array) -> Weights:
        """How much names weigh in this gallery, by pairs (m,) that may be one person, with the probabilities of ``one`` and of
        ``relatives`` by their faces; of all other pairs of labels they are one with none."""
        pairs = len(self.of) * (len(self.of) - 1) / 2
        every = np.zeros(_LEVELS)
        for agreed, count in Counter(self.close.values()).items():
            every[agreed] = count
        found = Weights(_BEFORE / _BEFORE.sum(), _RELATIVES, (every + 0.5) / (pairs + 1))
        for _ in range(_ROUNDS):
            sure = found.weigh(one, relatives, level)
            seen = np.bincount(level, sure, minlength=_LEVELS)
            mated = (seen + _BEFORE) / (seen.sum() + _BEFORE.sum())
            found = Weights(mated, _RELATIVES, (np.maximum(every - seen, 0.0) + 0.5) / (pairs + 1))
        return found


def names(labels: Mapping[int, str]) -> Names | None:
    """The names of ``labels`` by key; None where they do not look like names."""
    if not look_like_names(list(labels.values())):
        return None
    of = {key: words(label) for key, label in labels.items()}
    shared = _shared(of.values())
    of = {key: tuple(word for word in name if word not in shared) or name for key, name in of.items()}
    return Names(of, _close(of))


def _shared(found: Collection[Sequence[str]]) -> frozenset[str]:
    """Words of most labels that names do without: of Ann_Lee_faces and Bob_Ray_faces the last one is no surname."""
    held = Counter(word for name in found for word in set(name))
    shared = frozenset(word for word, count in held.items() if 2 * count > len(found) >= _SEVERAL)
    rest = sum(has_two([word for word in name if word not in shared]) for name in found)
    return shared if 2 * rest > len(found) else frozenset()


def _close(of: Mapping[int, Sequence[str]]) -> dict[tuple[int, int], Agreement]:
    """All pairs of labels (a < b) whose names agree and that share a key (`spelling.keys`) which is no common one."""
    holders: dict[str, list[int]] = {}
    across = any(is_native(word) for name in of.values() for word in name)
    for label, name in of.items():
        for key in keys(name, across=across):
            holders.setdefault(key, []).append(label)
    found: dict[tuple[int, int], Agreement] = {}
    for labels in holders.values():
        if 2 <= len(labels) <= _COMMON:
            for pair in combinations(sorted(labels), 2):
                if pair not in found:
                    found[pair] = agreement(of[pair[0]], of[pair[1]])
    return {pair: level for pair, level in found.items() if level >= Agreement.LOOSE}
