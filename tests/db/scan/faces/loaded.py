"""Galleries loaded for tests, and what the table says of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from facedb.core.progress import Silent, Task
from facedb.scan.faces.gallery import GallerySnapshot
from facedb.scan.faces.gallery_faces import GalleryFaces
from tests.db.population import Population
from tests.vectors import unit


class Counting(Silent):
    """A reporter that adds up what tasks advance by."""

    def __init__(self) -> None:
        self.total = self.advanced = 0

    @contextmanager
    def task(self, title: str, total: int | None, unit: str) -> Iterator[Task]:  # noqa: ARG002
        self.total = total or 0
        yield self

    def advance(self, n: int = 1, note: str = "") -> None:  # noqa: ARG002
        self.advanced += n


def vectors_of(n: int, dim: int, seed: int = 0) -> np.ndarray:
    return unit(np.random.default_rng(seed).standard_normal((n, dim)))


def load(
    population: Population, cache: Path | None = None, connections: int = 2
) -> tuple[GalleryFaces, np.ndarray, Counting]:
    reporter = Counting()
    with GallerySnapshot(population.db.open, population.model, cache) as snapshot:
        faces = snapshot.faces()
        return faces, snapshot.vectors(faces.embedding_ids, connections=connections, reporter=reporter), reporter


def assert_equals_the_table(population: Population, faces: GalleryFaces, vectors: np.ndarray) -> None:
    with population.db.connection() as conn:
        said = {
            row[0]: row[1:]
            for row in conn.execute(
                "select e.face_id, e.id, f.image_id, coalesce(i.identity_id, 0), e.vec::real[] from facedb.embedding e"
                " join facedb.face f on f.id = e.face_id join facedb.image i on i.id = f.image_id"
                " where e.model_id = %s and i.status = 'ready'",
                (population.model.id,),
            )
        }
    assert sorted(faces.face_ids.tolist()) == sorted(said)
    assert vectors.dtype == np.float32
    assert vectors.flags.c_contiguous
    for k, face in enumerate(faces.face_ids.tolist()):
        embedding, image, identity, vector = said[face]
        assert (faces.embedding_ids[k], faces.image_ids[k], faces.identity_ids[k]) == (embedding, image, identity)
        np.testing.assert_array_equal(vectors[k], np.array(vector, np.float32))
