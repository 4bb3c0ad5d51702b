"""The impostor histogram against a plain loop, of all pairs and of a sample."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from facedb.findings.rates import impostors
from facedb.findings.rates.histogram import BINS, bin_of
from facedb.join.gallery import Gallery
from tests.vectors import unit


def plain(gallery: Gallery, chosen: int | None) -> np.ndarray:
    """The counts by a loop over pairs of the ``chosen`` rows, evenly spread."""
    order = np.lexsort((gallery.image_ids, gallery.identity_ids))
    places = np.linspace(0, len(order) - 1, chosen or len(order)).astype(int)
    counts = np.zeros(BINS, np.int64)
    for row, other in itertools.combinations(order[places].tolist(), 2):
        apart = gallery.identity_ids[row] != gallery.identity_ids[other]
        if apart and gallery.image_ids[row] != gallery.image_ids[other]:
            counts[bin_of(np.array([gallery.vectors[row] @ gallery.vectors[other]], np.float32))[0]] += 1
    return counts


@pytest.mark.parametrize("sampled", [None, 17])
@pytest.mark.parametrize("columns", [4, 64])
def test_every_impostor_pair_that_is_looked_at_counts_once(
    monkeypatch: pytest.MonkeyPatch, sampled: int | None, columns: int
) -> None:
    rng = np.random.default_rng(columns)
    # Unit vectors whose products are exact, so that the shape of a matrix product cannot move a score.
    vectors = rng.choice([-0.25, 0.25], (40, 16)).astype(np.float32)
    gallery = Gallery(vectors, rng.integers(0, 6, 40), np.r_[np.arange(34), np.arange(6)])
    monkeypatch.setattr(impostors, "_COLUMNS", columns)
    monkeypatch.setattr(impostors, "_ROWS", 3)
    if sampled is not None:
        monkeypatch.setattr(impostors, "_PAIRS", sampled * (sampled - 1) // 2)
    found = impostors.impostor_histogram(gallery)
    assert found.counts.tolist() == plain(gallery, sampled).tolist()
    assert found.counted == found.counts.sum() <= found.total


def test_an_impostor_sample_does_not_depend_on_the_order_of_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    gallery = Gallery(unit(rng.standard_normal((300, 32))), rng.integers(0, 40, 300), np.arange(300))
    turn = rng.permutation(300)
    turned = Gallery(gallery.vectors[turn], gallery.identity_ids[turn], gallery.image_ids[turn])
    monkeypatch.setattr(impostors, "_PAIRS", 9000)
    one, other = impostors.impostor_histogram(gallery), impostors.impostor_histogram(turned)
    assert one.counts.tolist() == other.counts.tolist()
