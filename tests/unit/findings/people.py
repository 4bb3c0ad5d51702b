"""People made of vectors, with what is known about them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from facedb.core.finding import Kind, Role
from facedb.findings.duplicates import Hashes
from facedb.findings.find import Evidence, find
from facedb.findings.finding_table import FindingTable
from facedb.findings.flagged import Pairs
from facedb.findings.folder_study import study_folders
from facedb.findings.photos import PhotoFacts
from facedb.findings.pictures.same_photo import Pictures
from facedb.join.gallery import Gallery
from facedb.join.loop import join, plan_blocks
from tests.vectors import unit

DIM = 128
GENUINE = 0.7


class Crowd:
    """Persons with centres; ``faces`` draws images of one of them, which score about GENUINE with each other."""

    def __init__(self, persons: int, seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)
        self.centres = unit(self.rng.standard_normal((persons, DIM)))

    def faces(self, person: int, count: int) -> np.ndarray:
        return self.around(self.centres[person], count)

    def around(self, centre: np.ndarray, count: int) -> np.ndarray:
        noise = unit(self.rng.standard_normal((count, DIM)))
        return unit(np.sqrt(GENUINE) * centre + np.sqrt(1 - GENUINE) * noise)

    def between(self, one: int, two: int, likeness: float) -> np.ndarray:
        """A centre that scores ``likeness`` with that of ``one``, and leans to nobody else but ``two``."""
        side = self.centres[two] - (self.centres[two] @ self.centres[one]) * self.centres[one]
        centre: np.ndarray = likeness * self.centres[one] + np.sqrt(1 - likeness**2) * side / np.linalg.norm(side)
        return centre


def folders(parts: Sequence[tuple[int, np.ndarray]]) -> Gallery:
    """A gallery of (label, vectors), one image each, sorted by label as a scan has it."""
    labels = np.concatenate([np.full(len(v), label, np.int64) for label, v in parts])
    vectors = np.concatenate([v for _, v in parts])
    order = np.argsort(labels, kind="stable")
    return Gallery(np.ascontiguousarray(vectors[order]), labels[order], np.arange(len(labels)))


def scan(
    gallery: Gallery,
    hashes: Hashes | None = None,
    threshold: float = 0.45,
    engine: str = "exact",
    pictures: Pictures | None = None,
    photos: PhotoFacts | None = None,
) -> FindingTable:
    """What a scan of the gallery finds."""
    blocks = plan_blocks(gallery.identity_ids, target_rows=4096)
    flagged = Pairs.of(join(gallery, blocks, threshold=threshold, engine=engine))
    study = study_folders(gallery)
    known = hashes or Hashes.none(len(gallery))
    return find(gallery, study, flagged, Evidence(known, pictures=pictures, photos=photos)).table


def told(found: FindingTable, least: float = 0.5) -> list[tuple[str, int, int]]:
    """Class and labels of the findings with at least this confidence, in rank order."""
    return [
        (Kind(int(found.kind[k])).word, int(found.identity_a[k]), int(found.identity_b[k]))
        for k in np.flatnonzero(found.confidence >= least)
    ]


def rows(found: FindingTable, k: int, *, examples: bool = False) -> list[int]:
    """The gallery rows that a finding is about."""
    mine = found.members.finding == k
    about: list[int] = found.members.row[mine & ((found.members.role == Role.EXAMPLE) == examples)].tolist()
    return about


def hashes_of(content: Sequence[int] | np.ndarray, look: Sequence[int] | np.ndarray) -> Hashes:
    return Hashes(np.array(content, np.int64), np.array(look, np.int64), np.ones(len(look), bool))
