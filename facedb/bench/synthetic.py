"""A synthetic gallery that behaves like face embeddings: long-tailed identities, planted overlaps, known answers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facedb.core.records import Float32Array, Int64Array
from facedb.join.gallery import Gallery

_CHUNK_ROWS = 8192
_LOOK_ALIKE = 0.7
_SPREAD = 0.06


@dataclass(frozen=True, slots=True)
class SyntheticGallery:
    """A ``gallery`` sorted by identity, and the ``planted`` (m, 2) pairs of labels that are one person in truth."""

    gallery: Gallery
    planted: Int64Array


def synthetic_gallery(
    rows: int,
    dim: int = 512,
    *,
    seed: int = 0,
    genuine: float = 0.6,
    overlap: float = 0.02,
    look_alike: float = 0.05,
    effective_dim: int = 100,
) -> SyntheticGallery:
    """``rows`` unit vectors of ``dim`` values, the same for the same ``seed``.

    Every person has a centre; a face is its centre plus noise, scaled so that two faces of a person score ``genuine``
    on average, give or take 0.06 between faces (sharp and blurred photos). Centres come from a space whose
    spectrum falls, so that ``effective_dim`` directions carry most of it and scores between persons spread by about 1
    / sqrt(effective_dim), as those of trained models do. Identities have 2 to 500 faces with a long tail (log-normal,
    median 14); a fraction ``overlap`` of the labels are two names of one person, and a fraction ``look_alike`` have a
    centre that scores 0.7 with another one. The directions of the spectrum are turned at random, as no axis of a trained
    model is a principal direction: left on the axes, a search that looks for them would seem cheaper than it is.
    """
    rng = np.random.default_rng(seed)
    sizes = identity_sizes(rng, rows)
    persons = len(sizes)
    spectrum = np.exp(-np.arange(dim) / (2.0 * min(effective_dim, dim)))
    person_of_label = np.arange(persons)
    doubles = rng.permutation(persons)[: 2 * round(overlap * persons / 2)].reshape(-1, 2)
    person_of_label[doubles[:, 1]] = doubles[:, 0]
    labels = np.repeat(np.arange(persons), sizes)
    centres = _unit(rng.standard_normal((persons, dim)) * spectrum)
    alike = rng.permutation(persons)[: 2 * round(look_alike * persons / 2)].reshape(-1, 2)
    centres[alike[:, 1]] = _unit(
        _LOOK_ALIKE * centres[alike[:, 0]] + np.sqrt(1 - _LOOK_ALIKE**2) * centres[alike[:, 1]]
    )
    turn, _ = np.linalg.qr(np.random.default_rng([seed, 1]).standard_normal((dim, dim)))
    vectors = np.empty((rows, dim), dtype=np.float32)
    for start in range(0, rows, _CHUNK_ROWS):
        part = labels[start : start + _CHUNK_ROWS]
        noise = _unit(rng.standard_normal((len(part), dim)) * spectrum)
        share = np.clip(rng.normal(genuine, _SPREAD, len(part)), 0.05, 0.98)[:, None]
        vectors[start : start + _CHUNK_ROWS] = _unit(
            (np.sqrt(share) * centres[person_of_label[part]] + np.sqrt(1.0 - share) * noise) @ turn
        )
    planted = np.sort(doubles, axis=1).astype(np.int64)
    return SyntheticGallery(
        Gallery(vectors, labels.astype(np.int64), np.arange(rows)), planted[np.argsort(planted[:, 0])]
    )


def identity_sizes(rng: np.random.Generator, rows: int) -> Int64Array:
    """Sizes (persons,) that add up to ``rows``: 2 to 500 faces with a long tail, the last one whatever is left."""
    sizes = np.clip(rng.lognormal(np.log(14.0), 1.0, rows // 2 + 1).round(), 2, 500).astype(np.int64)
    ends = np.cumsum(sizes)
    whole = int(np.searchsorted(ends, rows, side="left"))
    sizes = sizes[: whole + 1]
    sizes[whole] -= ends[whole] - rows
    return sizes


def _unit(vectors: NDArray[np.floating]) -> Float32Array:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)
