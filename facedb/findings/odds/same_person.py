"""Two groups: the probability that two cores are one person, and that a face belongs elsewhere, in this gallery.

Every pair of cores is one of strangers, or of one person, or, seldom, of relatives: people closer than chance brings any two. The
densities of their scores are measured on the gallery (`strangers`, `mates`), the shares by expectation maximisation over all pairs of
cores, and apart for pairs of which neither, one, or both have one face alone: single photos come under a second name by other slips than
halves of a large folder do. The probability of one person is then one less the *local false discovery rate*,

    pi_1 f_1(score) / (pi_0 f_0(score) + pi_1 f_1(score) + pi_r f_r(score)),

so it counts how often chance makes such a score among all pairs looked at. Source: Efron, Large-Scale Inference (2010), chapters 2 and
5; the tail of f_0 is fitted to the pairs weighted by their probability of being strangers, as in mixture fits (Dempster, Laird and
Rubin 1977, JRSS B 39).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facedb.core.finding import CERTAIN, SUREST
from facedb.core.records import Float32Array, Float64Array, Int32Array, Int64Array
from facedb.findings.cores.folders import Folders, evenly_spread
from facedb.findings.cores.persons import Ends, Persons
from facedb.findings.odds.core_pairs import PAIRS, SINGLE, compare
from facedb.findings.odds.mates import Mates, mates_of_cores, mates_of_faces
from facedb.findings.odds.strangers import Strangers, strangers
from facedb.findings.rates.histogram import BIN_EDGES

RELATIVES = 0.05
"""At least this many pairs of relatives are assumed for each pair that is one person, and half a pair in any gallery: not measured."""
NEVER = 2.0
UNSEEN = 0.9
"""The most that can be said while no folder shows what two photos of one person score: an assumption, not measured."""
_ROUNDS = 100
_SETTLED = 1e-3
_MOST = 200.0
_JEFFREYS = 0.5
_ONE = np.ones(1, np.int64)


@dataclass(frozen=True, slots=True)
class TwoGroups:
    """The densities of a gallery with the shares ``mated`` and ``related`` of the pairs of its ``folders`` (those with a core) that
    are one person and relatives; ``mated_by_size`` (3,) are those among pairs of which neither, one, or both have one face alone."""

    strangers: Strangers
    cores: Mates
    faces: Mates
    mated: float
    mated_by_size: tuple[float, float, float]
    related: float
    folders: int

    def of_cores(self, who: Persons, a: Int64Array, b: Int64Array) -> Float64Array:
        """The probability (m,) that the cores of folders ``a`` and ``b`` (m,) are one person.

        It never falls as their score grows: well above the middle of its distribution, more counts as that much does.
        """
        return self.shares(who, who.core_scores(a, b), a, b)[0]

    def shares(
        self, who: Persons, score: Float64Array, a: Int64Array, b: Int64Array
    ) -> tuple[Float64Array, Float64Array]:
        """The probabilities (m,) of one person and of relatives, where the cores of ``a`` and ``b`` have the mean ``score`` (m,)."""
        return self._of_sets(who.ends, score, who.faces[a], who.faces[b], who.cohesion[a], who.cohesion[b])

    def alone(self, scale: Ends, score: Float64Array) -> Float64Array:
        """The probability (m,) that two folders of one photo each, which have ``score`` (m,), are one person."""
        one, usual = np.ones(len(score), np.int64), np.full(len(score), scale.genuine)
        return self._of_sets(scale, score, one, one, usual, usual)[0]

    def of_faces(self, who: Persons, score: Float64Array, folder: Int64Array) -> Float64Array:
        """The probability (m,) that single faces from elsewhere, with mean ``score`` to the core of ``folder`` (m,), are that person."""
        return self.of_sets(who, score, np.ones(len(score), np.int64), np.full(len(score), who.ends.genuine), folder)

    def of_sets(
        self, who: Persons, score: Float64Array, faces: Int64Array, own: Float64Array, folder: Int64Array
    ) -> Float64Array:
        """The probability (m,) that sets of ``faces`` (m,) from elsewhere, with the mean score ``own`` (m,) among themselves and ``score``
        (m,) to the core of ``folder`` (m,; -1: there is none), are that person."""
        there = np.maximum(folder, 0)
        found = self._of_sets(who.ends, np.nan_to_num(score), faces, who.faces[there], own, who.cohesion[there])[0]
        return np.where(folder >= 0, found, 0.0)

    def certain_above(self, scale: Ends) -> float:
        """The lowest edge of the histograms from which on two such folders are *certain*; above 1 where none are."""
        sure = self.alone(scale, BIN_EDGES) >= CERTAIN
        return float(BIN_EDGES[int(np.argmax(sure))]) if sure.any() else NEVER

    def _of_sets(
        self,
        scale: Ends,
        score: Float64Array,
        faces_a: Int64Array,
        faces_b: Int64Array,
        own_a: Float64Array,
        own_b: Float64Array,
    ) -> tuple[Float64Array, Float64Array]:
        low = scale.impostor
        unit = np.sqrt(np.maximum(own_a - low, 1e-3) * np.maximum(own_b - low, 1e-3))
        same = np.clip((score - low) / unit, 0.0, self.cores.most(faces_a, faces_b))
        chance = self.strangers.density(np.maximum(score, self.strangers.mean), faces_a, faces_b) * unit
        mated = np.array(self.mated_by_size)[_alone(faces_a, faces_b)]
        one = mated * self.cores.density(same, faces_a, faces_b)
        relatives = self.related * self.cores.relatives(same, faces_a, faces_b)
        either = one + relatives + (1 - mated - self.related) * chance
        known = 1.0 if self.cores.folders else UNSEEN
        return np.minimum(known * one / either, SUREST), relatives / either

    def of_strays(
        self,
        who: Persons,
        home: Int64Array,
        own: Float64Array,
        rest: Int64Array,
        other: Int64Array,
        like: Float64Array,
        size: Int64Array = _ONE,
    ) -> tuple[Float64Array, Float64Array]:
        """How much likelier than *it is at home* two other stories make the scores of sets of ``size`` faces (m,): that they belong to one
        ``other`` folder (-1: there is none, which no face belongs to), and that they belong to nobody here.

        ``own`` is the mean score to the ``rest`` faces of the core of ``home``, ``like`` that to the core of ``other``. A face of a
        person scores with another core about what the cores of the two do, so look-alikes explain more than chance does; what a guest
        scores with the folder that he is likest to is chance. Several faces at home that are unlike their folder share what makes them so,
        a pose or a year, so they are no rarer than one such face.
        """
        count, there = np.maximum(rest, 1), np.maximum(other, 0)
        faces = who.faces[there]
        between = who.core_scores(home, there)
        nobody = self.strangers.density(own, size, count)
        at_home, same = self._member(who, own, home, count)
        belongs, alike = self._member(who, like, there, faces)
        elsewhere = self.strangers.known(np.maximum(own, between), between, faces, count, alike, size)
        core = np.maximum(who.faces[home], 1)
        visiting = self.strangers.known(np.maximum(like, between), between, core, faces, same, size)
        chance = self.strangers.density(np.maximum(like, self.strangers.mean), size, faces)
        to_other = np.log(elsewhere) - np.log(at_home) + np.log(belongs) - np.log(visiting)
        to_nobody = np.log(nobody) - np.log(at_home) + np.where(other >= 0, np.log(chance) - np.log(visiting), 0.0)
        return np.where(other >= 0, _ratio(to_other), 0.0), _ratio(to_nobody)

    def _member(
        self, who: Persons, score: Float64Array, folder: Int64Array, faces: Int64Array
    ) -> tuple[Float64Array, Float64Array]:
        """The density (m,) of the mean ``score`` of a face to so many ``faces`` of the core of its own ``folder``, and its sameness."""
        cohesion = who.cohesion[folder]
        same = who.sameness(score, cohesion, cohesion)
        density = self.faces.density(np.minimum(same, self.faces.middle), _ONE, faces)
        return np.asarray(density / np.maximum(cohesion - who.ends.impostor, 1e-3)), same

    def against_chance(
        self, who: Persons, score: Float64Array, folder: Int64Array, some: Int64Array | None = None
    ) -> Float64Array:
        """How much likelier one person than chance makes the mean ``score`` (m,) of single faces to the core of ``folder`` (m,), or to
        ``some`` (m,) faces of it."""
        there = np.maximum(folder, 0)
        faces = who.faces[there] if some is None else some
        chance = self.strangers.density(np.maximum(score, self.strangers.mean), _ONE, faces)
        return _ratio(np.log(self._member(who, score, there, faces)[0]) - np.log(chance))


def _ratio(log: Float64Array) -> Float64Array:
    return np.asarray(np.exp(np.clip(log, -_MOST, _MOST)))


def _alone(faces_a: NDArray[np.integer], faces_b: NDArray[np.integer]) -> Int64Array:
    """How many (m,) of the two sets hold one face alone."""
    return np.asarray((np.asarray(faces_a) == 1).astype(np.int64) + (np.asarray(faces_b) == 1))


def two_groups(
    vectors: Float32Array,
    parts: Folders,
    who: Persons,
    own_mean: Float32Array,
    group: Int32Array,
    *,
    most: int = PAIRS,
    start: TwoGroups | None = None,
    mates_hold: bool = False,
) -> TwoGroups:
    """Measure a gallery: every pair of cores (``most`` of them), and the faces of every core with the rest of it.

    It begins from ``start``, what was measured before some cores were exchanged, whose mates are taken over where they hold: none of those
    cores has two faces.
    """
    rows = evenly_spread(parts.order[(group == 0)[parts.order]], SINGLE)
    mean, spread, pairs = compare(who, vectors[rows], parts.folder_of[rows], most)
    z = (pairs.score - mean) / np.sqrt(spread.variance(who.faces[pairs.a], who.faces[pairs.b]))
    if start is not None and mates_hold:
        cores, faces = start.cores, start.faces
    else:
        cores, faces = mates_of_cores(vectors, parts, who, group), mates_of_faces(who, parts, own_mean, group)
    total = max(pairs.total, 1.0)
    mated = related = _JEFFREYS / total
    single, several = int((who.faces == 1).sum()), int((who.faces > 1).sum())
    each = np.array([several * (several - 1) / 2, single * several, single * (single - 1) / 2])
    size = _alone(who.faces[pairs.a], who.faces[pairs.b])
    by_size, known = np.full(3, mated), np.zeros(len(z))
    # It begins with a normal tail: where whole chains of folders are alike they would else pass for chance themselves.
    null = strangers(mean, spread, pairs, np.empty(0), np.empty(0))
    if start is not None:
        null, mated, related, by_size = start.strangers, start.mated, start.related, np.array(start.mated_by_size)
    for _ in range(_ROUNDS):
        found = TwoGroups(null, cores, faces, mated, tuple(by_size.tolist()), related, single + several)
        one, relatives = found.shares(who, pairs.score, pairs.a, pairs.b)
        before, known = known, one + relatives
        if float((pairs.weights * np.abs(known - before)).sum()) < _SETTLED:
            break
        mated = (float((pairs.weights * one).sum()) + _JEFFREYS) / total
        # A share of its own for each kind of pairs, pulled to that of all by half a pair.
        by_size = (np.bincount(size, pairs.weights * one, minlength=3) + _JEFFREYS) / (each + _JEFFREYS / mated)
        seen = float((pairs.weights * relatives).sum())
        related = max(seen, _JEFFREYS, RELATIVES * mated * total) / total
        null = strangers(mean, spread, pairs, z, 1.0 - known)
    return found
