import numpy as np

from facedb.bench.synthetic import synthetic_gallery
from facedb.findings.rates.histogram import BIN_EDGES
from facedb.findings.rates.pair_sample import sample_scores
from tests.unit.findings.rates.genuine import genuine_histogram


def test_the_same_seed_draws_the_same_gallery():
    one, two = (synthetic_gallery(1_000, 64, seed=5) for _ in range(2))
    assert one.gallery.vectors.tobytes() == two.gallery.vectors.tobytes()
    assert (one.gallery.identity_ids == two.gallery.identity_ids).all()


def test_a_synthetic_gallery_resembles_face_embeddings():
    made = synthetic_gallery(6_000, 512, overlap=0.2)
    gallery = made.gallery
    sizes = np.bincount(gallery.identity_ids)
    assert len(gallery) == 6_000
    assert (np.diff(gallery.identity_ids) >= 0).all()
    assert sizes.min() >= 1
    assert sizes.max() > 5 * np.median(sizes)
    genuine = genuine_histogram(gallery)
    assert 0.5 < np.average(BIN_EDGES[:-1], weights=genuine.counts) < 0.7
    impostors = sample_scores(gallery, 20_000)
    assert impostors.at_or_above(0.4) < 0.01 * impostors.counted
    assert impostors.at_or_above(0.2) > 0
    for label, other in made.planted:
        centres = [gallery.vectors[gallery.identity_ids == each].mean(axis=0) for each in (label, other)]
        assert centres[0] @ centres[1] > 0.3
    assert len(made.planted) > 0
