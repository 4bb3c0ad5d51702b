"""Galleries as real ones are: most folders hold one photo or two, scores between persons spread, and the truth is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facedb.core.finding import Kind
from facedb.findings.finding_table import FindingTable
from facedb.join.gallery import Gallery
from tests.vectors import unit

DIM = 128


@dataclass(frozen=True)
class Known:
    """A ``gallery`` and the ``person`` of each row."""

    gallery: Gallery
    person: np.ndarray

    def person_of(self, label: int, without: list[int]) -> int:
        """Whose folder it is, the rows ``without`` left out; -1: nobody's."""
        rows = np.setdiff1d(np.flatnonzero(self.gallery.identity_ids == label), without)
        return int(np.bincount(self.person[rows]).argmax()) if len(rows) else -1

    def true(self, found: FindingTable) -> np.ndarray:
        """Which statements hold."""
        told = []
        for k, (kind, a, b) in enumerate(zip(found.kind, found.identity_a, found.identity_b, strict=True)):
            rows = found.members.rows_of(k).tolist()
            if kind in (Kind.MERGE, Kind.LOOK_ALIKE) or found.size_a[k] == 1:
                told.append(self.person_of(a, []) == self.person_of(b, []))
            else:
                away = all(self.person[r] != self.person_of(a, rows) for r in rows)
                told.append(away and (b < 0 or all(self.person[r] == self.person_of(b, rows) for r in rows)))
        return np.array(told, bool)


def known(seed: int, persons: int = 800, merges: int = 24, strays: int = 12, effective: float = 45.0) -> Known:
    """``persons`` of one photo or a few, of whom ``merges`` have two folders, and ``strays`` photos in foreign folders."""
    rng = np.random.default_rng(seed)
    sizes = np.minimum(rng.geometric(0.6, persons), 20)
    spectrum = np.exp(-np.arange(DIM) / (2 * effective))
    centres = unit(rng.standard_normal((persons, DIM)) * spectrum)
    person = np.repeat(np.arange(persons), sizes)
    share = np.clip(rng.normal(0.55, 0.1, len(person)), 0.1, 0.95)[:, None]
    noise = unit(rng.standard_normal((len(person), DIM)) * spectrum)
    vectors = unit(np.sqrt(share) * centres[person] + np.sqrt(1 - share) * noise)
    turn, _ = np.linalg.qr(rng.standard_normal((DIM, DIM)))
    labels = person.copy()
    several = rng.permutation(np.flatnonzero(sizes >= 2))
    for k, who in enumerate(several[:merges].tolist()):
        rows = rng.permutation(np.flatnonzero(person == who))
        labels[rows[: max(1, len(rows) // 2)]] = persons + k
    lost = rng.permutation(np.flatnonzero(np.isin(person, several[merges:])))[:strays]
    labels[lost] = rng.integers(0, persons, len(lost))
    order = np.argsort(labels, kind="stable")
    gallery = Gallery(unit(vectors[order] @ turn), labels[order].astype(np.int64), np.arange(len(order)))
    return Known(gallery, person[order])
