"""Recurrence: whom folders are about in which no photo shows one person alone: somebody who recurs, and who is nobody else's.

Two people who stand together in all photos of a folder recur both. If one of them has a folder of photos alone, the folder is about
the other, and one who stands in the photos of other folders too is a guest here rather than the one whose folder it is; if there are two
such folders, each is about one of them. Folders with nobody else to be about choose first, then those whose
photos tell most clearly, by where the faces are, whom they mean.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from typing import Final

import numpy as np
from numpy.typing import NDArray

from facedb.core.records import Float32Array, Float64Array, Int64Array

_TIE: Final = 0.05
_PERSONS: Final = 4
_ROWS: Final = 1024


@dataclass(frozen=True, slots=True)
class _Person:
    """Somebody who recurs in a folder of so many ``photos``: the ``faces`` int64 (m,), one of a photo, their mean ``centre`` float32 (d,);
    ``strength``, the sum of the best scores to all photos; ``first``, the share of the photos in which no face has a better place."""

    folder: int
    photos: int
    faces: Int64Array
    centre: Float32Array
    strength: float
    first: float

    @property
    def in_most(self) -> bool:
        """Whether more than half of the photos show this person."""
        return 2 * len(self.faces) > self.photos


class Recurrence:
    """The folders without a core, gathered one by one. Two faces of a folder are one person from a score of ``fits`` on, two groups of
    faces in different folders from a mean score of ``same`` on. ``place_tells``: the place of a face alone says whom a photo means."""

    def __init__(self, fits: float, same: float, *, place_tells: bool = False) -> None:
        self._fits, self._same, self._place_tells = fits, same, place_tells
        self._persons: list[_Person] = []
        self._guest: list[int] = []

    def add(
        self,
        folder: int,
        rows: Int64Array,
        photo: NDArray[np.integer],
        vectors: Float32Array,
        place: Float64Array,
        total: int = 0,
    ) -> None:
        """Gather a folder with its faces ``rows`` (m,), their ``photo`` (m,) and ``vectors`` float32 (m, d); ``place`` (m,), the higher the
        likelier a face is the one meant. It has ``total`` photos, where that is more than these."""
        photos = np.unique(photo)
        if len(photos) < 2:
            return
        column = np.searchsorted(photos, photo)
        best_place = np.full(len(photos), -np.inf)
        np.maximum.at(best_place, column, place)
        score = (vectors @ vectors.T).astype(np.float64)
        free = np.ones(len(rows), bool)
        for _ in range(_PERSONS):
            best = np.zeros((len(rows), len(photos)))
            for k in range(len(photos)):
                there = np.flatnonzero((column == k) & free)
                if len(there):
                    best[:, k] = score[:, there].max(axis=1)
            best[np.arange(len(rows)), column] = 0.0
            times = np.where(free, (best >= self._fits).sum(axis=1), 0)
            if times.max() == 0:
                return
            strength = np.where(times == times.max(), best.sum(axis=1), -1.0)
            seed = int(strength.argmax())
            like = np.where(free, score[seed], -1.0)
            like[column == column[seed]] = -1.0
            like[seed] = np.inf
            mine = np.array([np.where(column == k, like, -np.inf).argmax() for k in range(len(photos))])
            mine = mine[like[mine] >= self._fits]
            first = float((place[mine] >= best_place[column[mine]]).sum()) / len(photos)
            centre = np.asarray(vectors[mine].mean(axis=0), np.float32)
            self._persons.append(
                _Person(folder, max(total, len(photos)), rows[mine], centre, float(strength[seed]), first)
            )
            free[mine] = False

    def settle(self, known: Float32Array, company: Float32Array, folder_of: Int64Array) -> list[Int64Array]:
        """The faces, one of a photo, of the person that each folder is about.

        ``known`` float32 (k, d) are the centres of the folders that have a core, ``company`` float32 (m, d) the faces of photos that
        show several, in ``folder_of`` (m,). Depends on neither the order of the folders nor on that of faces.
        """
        if not self._persons:
            return []
        centres = np.stack([person.centre for person in self._persons])
        self._guest = self._in_other_folders(centres, company, folder_of)
        elsewhere = self._at_home(centres, known)
        rivals = self._rivals(centres)
        pending: dict[int, list[int]] = {}
        for p, person in enumerate(self._persons):
            pending.setdefault(person.folder, []).append(p)
        claims = {folder: self._claim(persons, elsewhere) for folder, persons in pending.items()}
        clearest = [(-clear, folder) for folder, (_, clear) in claims.items()]
        heapify(clearest)
        found: list[Int64Array] = []
        while claims:
            clear, folder = heappop(clearest)
            if folder not in claims or claims[folder][1] != -clear:
                continue
            p, _ = claims.pop(folder)
            found.append(self._persons[p].faces)
            elsewhere[rivals[p]] = True
            for other in {self._persons[q].folder for q in rivals[p]} & claims.keys():
                claims[other] = self._claim(pending[other], elsewhere)
                heappush(clearest, (-claims[other][1], other))
        return found

    def in_company(self, known: Float32Array) -> set[int]:
        """The folders in most of whose photos there is somebody who has no core among ``known``, see `settle`."""
        if not self._persons:
            return set()
        elsewhere = self._at_home(np.stack([person.centre for person in self._persons]), known)
        return {p.folder for p, away in zip(self._persons, elsewhere.tolist(), strict=True) if p.in_most and not away}

    def _claim(self, persons: list[int], elsewhere: NDArray[np.bool_]) -> tuple[int, float]:
        """Whom of ``persons`` a folder is about, and how clearly (infinity: there is no other)."""
        meant = [p for p in persons if self._persons[p].in_most and self._persons[p].first > 0.5]
        if meant and self._place_tells:
            return meant[0], np.inf
        free = [p for p in persons if not elsewhere[p]]
        most = [p for p in free if self._persons[p].in_most]
        rarest = min((self._guest[p] for p in most), default=0)
        most = [p for p in most if self._guest[p] == rarest]
        pool = most or persons
        times = max(len(self._persons[p].faces) for p in pool)
        often = [p for p in pool if len(self._persons[p].faces) == times]
        strongest = max(self._persons[p].strength for p in often)
        tied = [p for p in often if self._persons[p].strength >= strongest - _TIE * self._persons[p].photos]
        best = max(tied, key=lambda p: (self._persons[p].first, self._persons[p].strength))
        others = [p for p in most if p != best]
        return best, min((self._lead(best, p) for p in others), default=np.inf)

    def _lead(self, one: int, other: int) -> float:
        a, b = self._persons[one], self._persons[other]
        return a.first - b.first + (len(a.faces) - len(b.faces)) / a.photos

    def _at_home(self, centres: Float32Array, known: Float32Array) -> NDArray[np.bool_]:
        """Which persons (p,) have a core of their own in another folder."""
        found = np.zeros(len(centres), bool)
        for start in range(0, len(known), _ROWS):
            found |= (centres @ known[start : start + _ROWS].T).max(axis=1) >= self._same
        return found

    def _in_other_folders(self, centres: Float32Array, company: Float32Array, folder_of: Int64Array) -> list[int]:
        """In how many other folders a face of ``company`` is each person (p,)."""
        home = np.array([person.folder for person in self._persons])
        met: set[tuple[int, int]] = set()
        for start in range(0, len(company), _ROWS):
            part = slice(start, start + _ROWS)
            person, face = np.nonzero(centres @ company[part].T >= self._same)
            there = folder_of[part][face]
            away = there != home[person]
            met.update(zip(person[away].tolist(), there[away].tolist(), strict=True))
        times = Counter(person for person, _ in met)
        return [times[p] for p in range(len(centres))]

    def _rivals(self, centres: Float32Array) -> list[Int64Array]:
        """For each person the same person in other folders."""
        folder = np.array([person.folder for person in self._persons])
        found: list[Int64Array] = []
        for start in range(0, len(centres), _ROWS):
            part = slice(start, start + _ROWS)
            same = (centres[part] @ centres.T >= self._same) & (folder[part, None] != folder[None, :])
            found.extend(np.flatnonzero(row) for row in same)
        return found
