"""Persons: the core of every folder as one centre, and the two ends of the scale on which likeness is measured."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from facedb.core.records import Float32Array, Float64Array, Int32Array, Int64Array
from facedb.findings.cores.folders import Folders, evenly_spread

# A folder of few faces says little about itself: its own mean score counts as much as this many typical pairs do.
_PRIOR_PAIRS = 3.0
_SAMPLE = 512
_FACES = 8192
_TYPICAL = 0.6
_TYPICAL_FACES = 6
"""What faces of one person score with each other before any was seen, and how many faces that counts as: two in each of three folders."""
_FEW_FOLDERS = 5
_LOW_SHARE = 0.3
_LEAST_DISTANCE = 0.1
_ROWS = 4096
_SCORES_AT_ONCE = 1 << 20


@dataclass(frozen=True, slots=True)
class Ends:
    """The two ends of the scale: ``impostor``, the usual mean score between two folders, and ``genuine``, the median over
    faces of the mean score to their own folder. Label noise of a few percent moves neither noticeably."""

    impostor: float
    genuine: float

    def cut(self, share: float) -> float:
        """The score that lies ``share`` of the way from the impostor end to the genuine end."""
        return self.impostor + share * (self.genuine - self.impostor)

    def share(self, score: NDArray[np.floating]) -> Float64Array:
        """How far on that way scores (m,) lie."""
        return np.asarray((score - self.impostor) / (self.genuine - self.impostor))


@dataclass(frozen=True, slots=True)
class Persons:
    """The cores of all folders: ``centres`` float32 (k, d), their mean vectors; ``faces`` int64 (k,), how many faces;
    ``cohesion`` float64 (k,), the mean score within a core, pulled towards the genuine end where there are few pairs.

    The mean score between two sets of faces is the dot product of their mean vectors.
    """

    ends: Ends
    centres: Float32Array
    faces: Int64Array
    cohesion: Float64Array

    def sameness(
        self, score: NDArray[np.floating], own_a: NDArray[np.floating], own_b: NDArray[np.floating]
    ) -> Float64Array:
        """How far a mean ``score`` between two sets is what one person gives: 0 for strangers, 1 for one person.

        (score - impostor) / sqrt((own_a - impostor) (own_b - impostor)), where own_a and own_b are the mean scores inside
        the sets: the cosine between the two noise-free centres, once the common mean of all faces is taken out.
        """
        low = self.ends.impostor
        scale = np.maximum(np.asarray(own_a, np.float64) - low, 1e-3) * np.maximum(
            np.asarray(own_b, np.float64) - low, 1e-3
        )
        return np.asarray((np.asarray(score, np.float64) - low) / np.sqrt(scale))

    def core_sameness(self, a: Int64Array, b: Int64Array) -> Float64Array:
        """Sameness (m,) of the cores of folders ``a`` and ``b`` (m,)."""
        return self.sameness(_dots(self.centres, a, self.centres, b), self.cohesion[a], self.cohesion[b])

    def core_scores(self, a: Int64Array, b: Int64Array) -> Float64Array:
        """Mean score (m,) between the cores of folders ``a`` and ``b`` (m,)."""
        return _dots(self.centres, a, self.centres, b)

    def shrunk(self, own: NDArray[np.floating], faces: NDArray[np.integer]) -> Float64Array:
        """Mean scores inside sets of ``faces``, pulled towards the genuine end by three typical pairs; NaN counts as no pair."""
        pairs = np.where(np.isnan(own), 0.0, faces * (faces - 1) / 2.0)
        return np.asarray(
            (np.where(pairs > 0, own, 0.0) * pairs + self.ends.genuine * _PRIOR_PAIRS) / (pairs + _PRIOR_PAIRS)
        )


def ends(vectors: Float32Array, parts: Folders, sums: Float64Array) -> Ends:
    """Measure the scale of a gallery from the ``sums`` of its folders (k, d) and at most 8,192 faces, evenly spread.

    The impostor end is the median of the mean scores between two of at most 512 folders. Where there are fewer than five folders
    two names of one person would decide it, so there it is at most 0.3 of the genuine end.
    """
    sizes = parts.sizes.astype(np.float64)
    several = evenly_spread(parts.order[np.repeat(sizes >= 2, parts.sizes)], _FACES)
    own = _dots(vectors, several, sums.astype(np.float32), parts.folder_of[several])
    genuine = _typical((own - 1.0) / (sizes[parts.folder_of[several]] - 1.0))
    some = evenly_spread(np.arange(len(sizes)), _SAMPLE)
    means = sums[some] / sizes[some, None]
    between = means @ means.T
    above = between[np.triu_indices(len(some), 1)]
    impostor = float(np.median(above)) if len(above) else 0.0
    if len(sizes) < _FEW_FOLDERS:
        impostor = min(impostor, _LOW_SHARE * genuine)
    return Ends(impostor, max(genuine, impostor + _LEAST_DISTANCE))


def ends_of_cores(scale: Ends, own_mean: Float32Array, group: Int32Array) -> Ends:
    """The ``scale`` of a gallery whose folders were taken apart: ``own_mean`` float32 (n,) of the rows whose ``group`` (n,) is 0.

    In an album of a few people one photo that is misfiled makes a good part of all faces score low with their folder.
    """
    inside = own_mean[(group == 0) & ~np.isnan(own_mean)]
    return Ends(scale.impostor, max(scale.genuine, _typical(inside)))


def _typical(own: NDArray[np.floating]) -> float:
    """What faces of one person usually score, where some have the mean ``own`` (m,) score to their folder."""
    return float(np.median(np.r_[own, np.full(_TYPICAL_FACES, _TYPICAL)]))


def folder_sums(vectors: Float32Array, parts: Folders) -> Float64Array:
    """The sum of the vectors of each folder, float64 (k, d)."""
    sums = np.empty((len(parts.labels), vectors.shape[1]))
    for k, (start, size) in enumerate(zip(parts.starts.tolist(), parts.sizes.tolist(), strict=True)):
        sums[k] = vectors[parts.order[start : start + size]].sum(axis=0, dtype=np.float64)
    return sums


def persons(vectors: Float32Array, parts: Folders, scale: Ends, sums: Float64Array, group: Int32Array) -> Persons:
    """The cores: rows whose ``group`` (n,) is 0; ``sums`` float64 (k, d) are those of whole folders."""
    beside = np.flatnonzero(group != 0)
    faces = parts.sizes - np.bincount(parts.folder_of[beside], minlength=len(parts.labels))
    sums = sums.copy()
    np.subtract.at(sums, parts.folder_of[beside], vectors[beside].astype(np.float64))
    sums[faces == 0] = 0.0
    own = np.full(len(faces), np.nan)
    pairs = faces * (faces - 1.0)
    squares = np.einsum("ij,ij->i", sums, sums)
    np.divide(squares - faces, pairs, out=own, where=pairs > 0)
    centres = np.empty(sums.shape, np.float32)
    np.divide(sums, np.maximum(faces, 1)[:, None], out=centres, casting="same_kind")
    found = Persons(scale, centres, faces, np.empty(0))
    return replace(found, cohesion=found.shrunk(own, faces))


def _dots(rows: Float32Array, at: Int64Array, others: Float32Array, other_at: Int64Array) -> Float64Array:
    """Dot products (m,) of ``rows[at]`` and ``others[other_at]``, a few MB at a time."""
    out = np.empty(len(at))
    for start in range(0, len(at), _ROWS):
        part = slice(start, start + _ROWS)
        out[part] = np.einsum("ij,ij->i", rows[at[part]], others[other_at[part]])
    return out


def mean_scores(who: Persons, vectors: Float32Array, rows: Int64Array, folder: Int64Array) -> Float64Array:
    """The mean score (m,) of face ``rows[i]`` to the core of ``folder[i]``."""
    return _dots(vectors, rows, who.centres, folder)


@dataclass(frozen=True, slots=True)
class Nearest:
    """The foreign core that each of some sets is likest to: its ``folder`` int64 (m,), -1 where there is none; float64 (m,) the mean
    ``score`` to it, NaN where there is none, the ``sameness``, and that of the ``runner_up``, -1 where there is none."""

    folder: Int64Array
    score: Float64Array
    sameness: Float64Array
    runner_up: Float64Array

    @classmethod
    def none(cls, count: int) -> Self:
        """For ``count`` sets that have none."""
        return cls(np.full(count, -1, np.int64), np.full(count, np.nan), np.full(count, -1.0), np.full(count, -1.0))


def best_other(who: Persons, centres: Float32Array, own: Float64Array | None, home: Int64Array) -> Nearest:
    """The core likest to each of ``centres`` float32 (m, d), but for that of ``home`` (m,).

    ``own`` (m,) are the mean scores inside the sets, None for single faces (then the core's own counts for both).
    """
    count = len(centres)
    found = Nearest.none(count)
    filled = np.flatnonzero(who.faces > 0)
    cohesion, middles = who.cohesion[filled], who.centres[filled]
    step = max(16, _SCORES_AT_ONCE // max(len(filled), 1))
    for start in range(0, count, step):
        part = slice(start, min(start + step, count))
        scores = (centres[part] @ middles.T).astype(np.float64)
        mine = cohesion[None, :] if own is None else own[part, None]
        same = who.sameness(scores, mine, cohesion[None, :])
        same[home[part, None] == filled[None, :]] = -1.0
        at, index = same.argmax(axis=1), np.arange(part.stop - part.start)
        found.sameness[part] = same[index, at]
        there = found.sameness[part] > -1.0
        found.folder[part] = np.where(there, filled[at], -1)
        found.score[part] = np.where(there, scores[index, at], np.nan)
        same[index, at] = -1.0
        found.runner_up[part] = same.max(axis=1, initial=-1.0)
    return found


def best_other_of_sets(
    who: Persons, centres: Float32Array, faces: Int64Array, own: Float64Array, home: Int64Array
) -> Nearest:
    """The same for sets of ``faces`` (m,), of which some are one face alone."""
    found = Nearest.none(len(centres))
    alone = faces == 1
    for which, inside in ((np.flatnonzero(alone), None), (np.flatnonzero(~alone), own)):
        some = best_other(who, centres[which], None if inside is None else inside[which], home[which])
        for name in Nearest.__slots__:
            getattr(found, name)[which] = getattr(some, name)
    return found
