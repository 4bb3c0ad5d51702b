"""Galleries and the oracle that the search tests share."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from facedb.join.blocks import plan_blocks
from facedb.join.engine import available_engines
from facedb.join.gallery import Gallery
from facedb.join.loop import BlockResult, join
from facedb.join.score import pair_scores
from facedb.join.searcher import Searcher
from facedb.join.sieve import Hits
from tests.vectors import unit

ENGINES = [info.name for info in available_engines() if info.available]


def make_gallery(vectors: np.ndarray, labels: ArrayLike, groups: ArrayLike | None = None) -> Gallery:
    """A gallery with one image per face unless ``groups`` says otherwise."""
    return Gallery(
        np.ascontiguousarray(vectors, dtype=np.float32),
        np.asarray(labels, dtype=np.int64),
        np.arange(len(vectors)) if groups is None else np.asarray(groups, dtype=np.int64),
    )


def clustered(rng: np.random.Generator, rows: int, dim: int, identities: int, *, noise: float = 1.0) -> Gallery:
    """``rows`` vectors around fewer centres than identities, so that identities overlap; labels are sorted."""
    labels = np.sort(rng.integers(0, max(identities, 1), rows))
    centres = rng.standard_normal((max(identities // 2, 1), dim))
    vectors = centres[labels % len(centres)] + noise * rng.standard_normal((rows, dim))
    return make_gallery(unit(vectors), labels)


def every_pair(gallery: Gallery, threshold: float, first_new: int = 0) -> list[tuple[int, int, float]]:
    """The definition, pair by pair: (row_a, row_b, float32 score), for pairs with a row from ``first_new`` on."""
    rows_a, rows_b = np.triu_indices(len(gallery), k=1)
    scores = pair_scores(gallery.vectors, rows_a, rows_b)
    wanted = (
        (gallery.identity_ids[rows_a] != gallery.identity_ids[rows_b])
        & (gallery.image_ids[rows_a] != gallery.image_ids[rows_b])
        & (scores >= threshold)
        & (rows_b >= first_new)
    )
    return triples(rows_a[wanted], rows_b[wanted], scores[wanted].astype(np.float32))


def triples(rows_a: np.ndarray, rows_b: np.ndarray, scores: np.ndarray) -> list[tuple[int, int, float]]:
    """Sorted rows of a result."""
    return sorted(zip(rows_a.tolist(), rows_b.tolist(), scores.tolist(), strict=True))


def joined(results: list[BlockResult]) -> list[tuple[int, int, float]]:
    """The rows of all blocks, sorted."""
    return sorted(row for result in results for row in triples(result.rows_a, result.rows_b, result.scores))


def searched(
    searcher: Searcher, gallery: Gallery, target_rows: int, first_new: int = 0
) -> list[tuple[int, int, float]]:
    """The rows that ``searcher`` finds with blocks of ``target_rows``, sorted; it stays open."""
    blocks = plan_blocks(gallery.identity_ids, first_new=first_new, target_rows=target_rows)
    hits = Hits.join([part for block in blocks for part in searcher.search(block)])
    return triples(hits.rows_a, hits.rows_b, hits.scores)


def run(gallery: Gallery, threshold: float, engine: str, *, target_rows: int = 64, first_new: int = 0, **options: Any):
    """The rows that ``join`` finds with blocks of ``target_rows``."""
    blocks = plan_blocks(gallery.identity_ids, first_new=first_new, target_rows=target_rows)
    return joined(list(join(gallery, blocks, threshold=threshold, engine=engine, **options)))
