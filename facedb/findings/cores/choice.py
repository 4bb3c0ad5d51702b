"""Choice: which face of a photo stands for it, where a photo shows several: the one that fits its folder.

Photos with one face make the cores of their folders, and then the others choose the face that fits theirs. A folder without any such
photo starts from the face that recurs. Where neither tells, the face is taken that the photographer meant, the most central or the
largest: whichever the photos that could choose agree with more often. Where they agree with neither often enough, faces that are at
home in another folder are left out first.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from facedb.core.lookup import run_starts
from facedb.core.records import Float32Array, Float64Array, Int64Array
from facedb.findings.cores.doubts import SHARE_TELLS, Doubts, Weighing
from facedb.findings.cores.folders import folders
from facedb.findings.cores.persons import Ends, ends, folder_sums
from facedb.findings.cores.recurrence import Recurrence

FITS = 0.45
"""A face fits a core when its mean score to it lies this share of the way from impostor to genuine."""
_HINTS = 0.25
"""From this share on a face of a photo in which none fits looks like a bad picture of its person."""
_SAME = 0.65
_ROUNDS = 4
_PLACE_TELLS = 0.95


class Part(IntEnum):
    """What a face is to a scan."""

    PART = 0
    NONE_FITS = 1
    BYSTANDER = 2
    AGAIN = 3

    @property
    def word(self) -> str:
        """The name that people read."""
        return self.name.lower().replace("_", " ")


@dataclass(frozen=True, slots=True)
class Choice:
    """The ``part`` int8 (n,) of each face; ``faces`` int64 (n,), how many its photo shows; ``fit`` float64 (n,), the mean score to the core
    of its folder without its own photo (NaN: there is none); ``guessed`` bool (n,): the photo's face was taken by its place alone;
    ``torn`` bool (n,): its folder might as well be about somebody else, who is in most of its photos too.

    ``right`` is how often such a guess is right, by the photos that could choose; ``doubts`` how sure each choice is.
    """

    part: NDArray[np.int8]
    faces: Int64Array
    fit: Float64Array
    guessed: NDArray[np.bool_]
    torn: NDArray[np.bool_]
    right: float
    doubts: Doubts

    @property
    def chosen(self) -> NDArray[np.bool_]:
        """The faces that take part: one of every photo."""
        return np.asarray((self.part == Part.PART) | (self.part == Part.NONE_FITS))


def choose_faces(
    vectors: Float32Array,
    labels: NDArray[np.integer],
    images: NDArray[np.integer],
    area: Float64Array,
    offset: Float64Array,
    taken: NDArray[np.bool_] | None = None,
) -> Choice:
    """Choose a face for every photo.

    ``vectors`` float32 (n, d), ``labels``, ``images`` (n,): all faces; ``area`` (n,) of the box and ``offset`` (n,) of its middle from
    that of the photo, in any unit; ``taken`` (n,): faces that people took, which stand for their photo whatever the rest tells.
    Depends on neither the order of the rows nor on earlier choices.
    """
    count = len(vectors)
    by_person = np.zeros(count, bool) if taken is None else taken
    work = _Work(vectors, np.asarray(labels, np.int64), images, area, offset, by_person)
    for _ in range(_ROUNDS):
        if not work.choose_by_core():
            break
    work.choose_by_recurrence()
    work.choose_by_core()
    right = work.choose_by_place()
    part = np.full(count, Part.BYSTANDER, np.int8)
    part[work.again] = Part.AGAIN
    fit = work.fits()
    part[work.chosen] = Part.PART
    misfit = work.chosen & (work.faces > 1) & (fit < work.scale.cut(FITS))
    part[misfit] = Part.NONE_FITS
    torn = work.find_torn()
    return Choice(part, work.faces, fit, work.guessed, torn, right, work.doubts(fit, torn, right))


class _Work:
    """The choice while it is being made: ``chosen`` bool (n,), of which the ``sure`` are those that nothing had to choose; ``several``, the
    photos that have one to make; ``place`` (n,), the higher the likelier a face is the one meant."""

    def __init__(
        self,
        vectors: Float32Array,
        labels: Int64Array,
        images: NDArray[np.integer],
        area: Float64Array,
        offset: Float64Array,
        by_person: NDArray[np.bool_],
    ) -> None:
        self.vectors, self.labels, self.area, self.offset = vectors, labels, area, offset
        _, self.photo, sizes = np.unique(images, return_inverse=True, return_counts=True)
        self.faces = sizes[self.photo].astype(np.int64)
        self.chosen = self.faces == 1
        self.guessed = np.zeros(len(vectors), bool)
        self.place = area
        self.parts = folders(labels, images)
        self.scale = self._scale()
        self.again = self._again() & ~by_person
        self.chosen |= by_person
        self.sure = self.chosen.copy()
        self.several = [rows for rows in self._photos() if not by_person[rows].any()]

    def _scale(self) -> Ends:
        """The scale of the photos that show one face; of all faces where those are few."""
        alone = np.flatnonzero(self.chosen)
        rows = alone if len(np.unique(self.labels[alone])) >= 2 else np.arange(len(self.vectors))
        if not len(rows):
            return Ends(0.0, 0.6)
        own = folders(self.labels[rows], self.photo[rows])
        return ends(self.vectors[rows], own, folder_sums(self.vectors[rows], own))

    def _photos(self) -> list[Int64Array]:
        """The faces of each photo that shows several, the most central first, by label and photo."""
        rows = np.flatnonzero(self.faces > 1)
        rows = rows[np.lexsort((-self.area[rows], self.photo[rows], self.labels[rows]))]
        return list(np.split(rows, run_starts(self.photo[rows])[1:])) if len(rows) else []

    def _again(self) -> NDArray[np.bool_]:
        """Faces that are another, larger one of their photo once more."""
        again = np.zeros(len(self.vectors), bool)
        for rows in self._photos():
            score = self.vectors[rows] @ self.vectors[rows].T
            for k in range(1, len(rows)):
                again[rows[k]] = bool((score[k, :k][~again[rows[:k]]] >= self.scale.cut(_SAME)).any())
        return again

    def _cores(self) -> tuple[Float64Array, Int64Array]:
        """The sum of the chosen faces of each folder, and how many they are."""
        rows = np.flatnonzero(self.chosen)
        sums = np.zeros((len(self.parts.labels), self.vectors.shape[1]))
        np.add.at(sums, self.parts.folder_of[rows], self.vectors[rows].astype(np.float64))
        return sums, np.bincount(self.parts.folder_of[rows], minlength=len(self.parts.labels))

    def fits(self) -> Float64Array:
        """The mean score of each face to the chosen faces of its folder, without that of its own photo."""
        sums, count = self._cores()
        standing = np.full(int(self.photo.max(initial=-1)) + 1, -1, np.int64)
        standing[self.photo[self.chosen]] = np.flatnonzero(self.chosen)
        own = standing[self.photo]
        folder = self.parts.folder_of
        total = np.einsum("ij,ij->i", self.vectors.astype(np.float64), sums[folder])
        there = own >= 0
        total[there] -= np.einsum("ij,ij->i", self.vectors[there].astype(np.float64), self.vectors[own[there]])
        rest = count[folder] - there
        return np.where(rest > 0, total / np.maximum(rest, 1), np.nan)

    def choose_by_core(self) -> bool:
        """Photos of folders with a core take the face that fits it best; returns whether any choice changed."""
        fit = self.fits()
        changed = False
        for rows in self.several:
            candidates = rows[~self.again[rows]]
            scores = fit[candidates]
            if np.isnan(scores).any() or self.guessed[rows].any():
                continue
            if scores.max() >= self.scale.cut(FITS):
                changed |= self._take(rows, int(candidates[scores.argmax()]))
            elif self.chosen[rows].any():
                # No face fits any more: the photo chooses by place, like those in which none ever did.
                self.chosen[rows] = False
                changed = True
        return changed

    def choose_by_recurrence(self) -> None:
        """Folders where no photo has chosen start from a person who recurs in them, see `Recurrence`."""
        right = self._learn_places()
        chosen = np.bincount(self.parts.folder_of, self.chosen, minlength=len(self.parts.labels))
        known = self._known(chosen > 0)
        recurring = Recurrence(self.scale.cut(FITS), self.scale.cut(_SAME), place_tells=right >= _PLACE_TELLS)
        for k in np.flatnonzero(chosen == 0).tolist():
            rows = self.parts.rows(k)
            rows = rows[~self.again[rows]]
            recurring.add(k, rows, self.photo[rows], self.vectors[rows], self.place[rows])
        photos = {int(self.photo[rows[0]]): rows for rows in self.several}
        company = np.flatnonzero((self.faces > 1) & ~self.again)
        for faces in recurring.settle(known, self.vectors[company], self.parts.folder_of[company]):
            for face in faces.tolist():
                self._take(photos[int(self.photo[face])], face)

    def find_torn(self) -> NDArray[np.bool_]:
        """Chosen faces (n,) of folders with at most one photo of one person, where a stranger is in most photos too."""
        others = Recurrence(self.scale.cut(FITS), self.scale.cut(_SAME))
        sure = np.bincount(self.parts.folder_of, self.sure, minlength=len(self.parts.labels))
        beside = (self.faces > 1) & ~self.again & ~self.chosen
        several = np.bincount(self.parts.folder_of, beside, minlength=len(self.parts.labels))
        for k in np.flatnonzero((sure <= 1) & (several >= 2)).tolist():
            rows = self.parts.rows(k)
            total = len(np.unique(self.photo[rows]))
            rows = rows[beside[rows]]
            others.add(k, rows, self.photo[rows], self.vectors[rows], self.place[rows], total)
        torn = np.isin(self.parts.folder_of, list(others.in_company(self._known(sure > 0))))
        return np.asarray(torn & self.chosen & (self.faces > 1))

    def _known(self, which: NDArray[np.bool_]) -> Float32Array:
        """The centres (k, d) of some of the folders, which have chosen faces."""
        sums, count = self._cores()
        return np.asarray(sums[which] / count[which, None], np.float32)

    def _learn_places(self) -> float:
        """Whether the middle or the size tells the face that is meant; returns how often it did where likeness made the choice."""
        by_centre = by_area = decided = 0
        for rows in self.several:
            taken = rows[self.chosen[rows]]
            if len(taken):
                decided += 1
                by_centre += int(rows[self.offset[rows].argmin()] == taken[0])
                by_area += int(rows[self.area[rows].argmax()] == taken[0])
        self.place = -self.offset if by_centre > by_area else self.area
        return (max(by_centre, by_area) + 0.5) / (decided + 1)

    def choose_by_place(self) -> float:
        """The remaining photos choose by where their faces are, and by how far they are from fitting where they can tell; returns how
        often the place is right."""
        right = self._learn_places()
        sums, count = self._cores()
        centres = (sums / np.maximum(count, 1)[:, None]).astype(np.float32)
        fit = self.fits()
        for rows in self.several:
            if self.chosen[rows].any():
                continue
            candidates = rows[~self.again[rows]]
            # Where no face fits the core of the folder, the photo is in the wrong folder, and the finding says whose it is.
            if right < _PLACE_TELLS and count[self.parts.folder_of[rows[0]]] == 0:
                like = self.vectors[candidates] @ centres.T
                like[:, self.parts.folder_of[candidates[0]]] = -1.0
                abroad = like.max(axis=1) >= self.scale.cut(_SAME)
                candidates = candidates[~abroad] if not abroad.all() else candidates
            # Strangers are near nobody's core; a face half-way to fitting is more likely a bad picture of its person.
            near = np.maximum(np.nan_to_num(self.scale.share(fit[candidates])) - _HINTS, 0.0) / SHARE_TELLS
            near[self.place[candidates].argmax()] += max(np.log(right / (1 - right)), 0.0)
            best = np.flatnonzero(near == near.max())
            self._take(rows, int(candidates[best[self.place[candidates[best]].argmax()]]))
            self.guessed[rows] = True
        return right

    def doubts(self, fit: Float64Array, torn: NDArray[np.bool_], right: float) -> Doubts:
        """How sure the choice of each photo is; faces that people took, and those of photos of one person, are."""
        weighing = Weighing(fit, self.area, self.scale, FITS, right)
        weighing.alone(self.chosen)
        anchored = np.zeros(len(self.parts.labels), bool)
        anchored[self.parts.folder_of[self.sure]] = True
        for rows in self.several:
            face = int(rows[self.chosen[rows]][0])
            candidates = rows[~self.again[rows]]
            placed = int(candidates[self.place[candidates].argmax()])
            weighing.weigh(
                face,
                candidates[candidates != face],
                placed,
                guessed=bool(self.guessed[face]),
                anchored=bool(anchored[self.parts.folder_of[face]]),
                torn=bool(torn[face]),
            )
        return weighing.found

    def _take(self, rows: Int64Array, face: int) -> bool:
        changed = not bool(self.chosen[face])
        self.chosen[rows] = False
        self.chosen[face] = True
        return changed
