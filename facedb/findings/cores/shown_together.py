"""Company: what the people who stand in one photo tell about identities."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from facedb.core.finding import LIKELY
from facedb.core.records import Float32Array, Float64Array, Int64Array
from facedb.findings.cores.folders import Folders
from facedb.findings.cores.persons import Persons, best_other
from facedb.findings.names.evidence import Names
from facedb.findings.names.spelling import Agreement
from facedb.findings.odds.same_person import TwoGroups

TOGETHER = 0.01
"""Two people who stand in one photo are one person so many times less likely (a mirror, a collage that was not seen to be one, a
bystander taken for somebody else): an assumption, not measured."""

TORN = 0.5
"""How likely a folder is about the one of two people in most of its photos whom it chose: an assumption, not measured."""


@dataclass(frozen=True, slots=True)
class Company:
    """What photos with several faces tell: ``together``, pairs of labels (a < b) whose people stand in one photo, with the rows of the
    gallery whose photo it is; ``guessed`` labels whose only photo took its face by its place, which is right with probability ``right``;
    of all bystanders the share ``known`` is somebody else of the gallery. ``torn`` are labels of folders that might as well be about
    somebody else. ``names`` are those of the labels, where they have any."""

    together: dict[tuple[int, int], int] = field(default_factory=dict)
    guessed: frozenset[int] = frozenset()
    right: float = 1.0
    known: float = 0.0
    torn: frozenset[int] = frozenset()
    names: Names | None = None

    def weigh(
        self,
        odds: TwoGroups,
        sure: Float64Array,
        relatives: Float64Array,
        labels_a: Int64Array,
        labels_b: Int64Array,
    ) -> Float64Array:
        """The probability (m,) of one person, ``sure`` (m,) by the faces and ``relatives`` (m,) that of relatives, once company and names
        are taken into account.

        A guessed face may be the other person of its photo: that somebody known is a bystander there competes with the merge.
        """
        found, together = sure.copy(), np.zeros(len(sure), bool)
        merged = max(odds.mated * max(odds.folders - 1, 1), 1e-12)
        trust = self.right * merged / (self.right * merged + (1 - self.right) * self.known) if self.guessed else 1.0
        for k, (a, b) in enumerate(zip(labels_a.tolist(), labels_b.tolist(), strict=True)):
            if (min(a, b), max(a, b)) in self.together:
                found[k] = found[k] * TOGETHER / (1 - found[k] + found[k] * TOGETHER)
                together[k] = True
            if a in self.guessed or b in self.guessed:
                found[k] *= trust
            if a in self.torn or b in self.torn:
                found[k] *= TORN
        if self.names is None:
            return found
        level = self.names.levels(labels_a, labels_b)
        # Two who stand side by side may well be relatives whose names agree, so there names speak for nothing.
        level[together & (level >= Agreement.LOOSE)] = Agreement.NONE
        return self.names.weights(found, relatives, level).weigh(found, relatives, level)


@dataclass(frozen=True, slots=True)
class Bystanders:
    """Faces beside the one that takes part: ``vectors`` float32 (m, d), and the ``row`` int64 (m,) of the gallery that stands for their
    photo."""

    vectors: Float32Array
    row: Int64Array

    def also(self, parts: Folders, who: Persons, odds: TwoGroups) -> tuple[Int64Array, Float64Array]:
        """Which other folder each of them is (-1: nobody known), and the mean score to its core."""
        if not len(self.row):
            return np.empty(0, np.int64), np.empty(0)
        nearest = best_other(who, self.vectors, None, parts.folder_of[self.row])
        there = np.maximum(nearest.folder, 0)
        likely = odds.of_faces(who, np.nan_to_num(nearest.score), there)
        return np.where((nearest.folder >= 0) & (likely >= LIKELY), nearest.folder, -1), nearest.score


def company(
    parts: Folders,
    bystanders: Bystanders,
    also: Int64Array,
    fits: Int64Array,
    guessed: Int64Array,
    torn: Int64Array,
    right: float,
) -> Company:
    """Gather it: ``also`` (m,) is the folder of each bystander (-1: none); ``fits`` are the rows of the gallery that fit their folder,
    ``guessed`` those whose face was taken by its place, ``torn`` those of folders that might as well be about somebody else."""
    sure = np.zeros(len(parts.folder_of), bool)
    sure[fits] = True
    together: dict[tuple[int, int], int] = {}
    for row, folder in zip(bystanders.row.tolist(), also.tolist(), strict=True):
        if folder >= 0 and sure[row]:
            a, b = int(parts.labels[parts.folder_of[row]]), int(parts.labels[folder])
            together.setdefault((min(a, b), max(a, b)), row)
    alone = guessed[parts.sizes[parts.folder_of[guessed]] == 1]
    labels = frozenset(parts.labels[parts.folder_of[alone]].tolist())
    doubtful = frozenset(parts.labels[parts.folder_of[torn]].tolist())
    return Company(together, labels, right, (float((also >= 0).sum()) + 0.5) / (len(also) + 1), doubtful)
