"""The level of the labels, by the numbers: whether the faces under one label are more alike than those under different ones."""

from __future__ import annotations

from contextlib import closing
from typing import Final

import numpy as np

from facedb.core.progress import Silent
from facedb.core.records import Int64Array
from facedb.dataset.model_rows import ModelRow
from facedb.db.connection import Database, translated
from facedb.findings.cores.folders import evenly_spread
from facedb.scan import scan_rows
from facedb.scan.faces.gallery import GallerySnapshot
from facedb.scan.faces.gallery_faces import GalleryFaces

_CROWDED: Final = 30
"""Only labels with at least this many faces on average are looked at: with fewer, the findings of a good model show what is wrong."""
_LABELS: Final = 20
_FACES: Final = 60
_APART: Final = 0.95
_LEAST: Final = 0.2


def labels_say_nothing(db: Database, dataset_id: int, model: ModelRow) -> str | None:
    """A sentence where the labels of a dataset do not tell people apart under ``model``; None where they do, where few faces share one,
    and where somebody took the dataset as it is before: it was scanned.

    Of at most 60 faces each of 20 labels, evenly spread: they tell nothing where fewer than a fifth of the scores between two faces of
    one label lie above 95 % of those between labels. Honest labels have most of them there, chance has a twentieth.
    """
    with closing(db.open()) as conn, translated(db.dsn):
        images, labels = scan_rows.labelled(conn, dataset_id)
        before = scan_rows.latest_scan(conn, [dataset_id], model.id)
    if before is not None or labels < 2 or images < _CROWDED * labels:
        return None
    with GallerySnapshot(db.open, model) as snapshot:
        there = snapshot.faces()
        faces = there.take(np.flatnonzero((there.dataset_ids == dataset_id) & (there.identity_ids > 0)))
        faces = faces.take(_sample(faces))
        if not len(faces):
            return None
        vectors = snapshot.vectors(faces.embedding_ids, reporter=Silent())
    scores = vectors @ vectors.T
    upper = np.triu(np.ones(scores.shape, bool), 1) & (faces.image_ids[:, None] != faces.image_ids[None, :])
    one = faces.identity_ids[:, None] == faces.identity_ids[None, :]
    within, between = scores[upper & one], scores[upper & ~one]
    if not len(within) or not len(between):
        return None
    above = float((within > np.quantile(between, _APART)).mean())
    if above >= _LEAST:
        return None
    return (
        f"Two faces of one identity score {np.median(within):.2f} (median) and two of different ones {np.median(between):.2f}: the "
        f"{labels:,} folders with {images:,} photos hold many people each, or the model does not fit"
    )


def _sample(faces: GalleryFaces) -> Int64Array:
    """Rows of the largest labels, evenly spread within each; the faces lie in the order of their labels."""
    _, starts, counts = np.unique(faces.identity_ids, return_index=True, return_counts=True)
    chosen = np.argsort(-counts, kind="stable")[:_LABELS]
    spread = (evenly_spread(np.arange(starts[k], starts[k] + counts[k]), _FACES) for k in chosen)
    return np.sort(np.concatenate([np.empty(0, np.int64), *spread]))
