"""The bound of a prefix with remainder: never below the score, whatever the vectors and whatever the directions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facedb.join.integer.prefix import REMAINDER_CODES, Prefix, encode, make_prefix, principal_axes
from tests.vectors import unit


def bounds_of(prefix, vectors, threads=1, largest=127):
    coded = encode(prefix, vectors, threads=threads, largest=largest)
    codes = coded.codes.astype(np.int64)
    return (codes @ codes.T) / coded.scale**2 + coded.epsilon, coded


def scores_of(vectors):
    wide = vectors.astype(np.float64)
    return wide @ wide.T


@settings(max_examples=25)
@given(
    seed=st.integers(0, 2**31),
    dim=st.sampled_from([64, 100, 128, 256]),
    size=st.integers(1, 256),
    fall=st.floats(0.0, 6.0),
    sharpness=st.floats(0.2, 6),
    largest=st.sampled_from([127, 79]),
)
def test_no_score_is_above_its_bound(seed, dim, size, fall, sharpness, largest):
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((120, dim))
    spectrum = np.exp(-fall * np.arange(dim) / dim)
    turn, _ = np.linalg.qr(rng.standard_normal((dim, dim)))
    vectors = unit((np.sign(values) * np.abs(values) ** sharpness * spectrum) @ turn)
    prefix = make_prefix(principal_axes(vectors), min(size, dim))
    bounds, coded = bounds_of(prefix, vectors, threads=2, largest=largest)
    assert (scores_of(vectors) <= bounds).all()
    assert np.abs(coded.codes.astype(int)).max() <= largest
    assert not coded.codes[:, prefix.width :].any()


@pytest.mark.parametrize("dim", [64, 100, 128, 512, 1280])
@pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
def test_adversarial_vectors_stay_below_their_bound(dim, share):
    rng = np.random.default_rng(dim)
    signs = rng.choice([-1.0, 1.0], (60, dim))
    vectors = unit(np.concatenate([signs, -signs[:20], np.eye(dim)[:20], -np.eye(dim)[:20]]))
    size = max(1, round(share * dim))
    # The first directions are as good as any: they have nothing to do with the signs.
    bounds, _ = bounds_of(make_prefix(np.eye(dim), size), vectors)
    assert (scores_of(vectors) <= bounds).all()


def test_directions_that_are_not_orthonormal_loosen_the_bound_and_break_nothing():
    rng = np.random.default_rng(3)
    vectors = unit(rng.standard_normal((200, 64)))
    sound = make_prefix(np.eye(64), 40)
    bent = (sound.directions * rng.uniform(0.9, 1.1, (40, 1))).astype(np.float32)
    wide = bent.astype(np.float64)
    defect = float(np.linalg.norm(wide @ wide.T - np.eye(40)))
    bounds, coded = bounds_of(Prefix(bent, defect), vectors)
    assert (scores_of(vectors) <= bounds).all()
    assert coded.epsilon > bounds_of(sound, vectors)[1].epsilon + 0.9 * defect


def test_the_defect_bounds_the_spectral_norm():
    prefix = make_prefix(principal_axes(unit(np.random.default_rng(0).standard_normal((900, 256)))), 100)
    wide = prefix.directions.astype(np.float64)
    assert np.linalg.norm(wide @ wide.T - np.eye(100), 2) <= prefix.defect < 1e-5


def test_vectors_inside_the_prefix_have_bounds_as_tight_as_full_codes():
    rng = np.random.default_rng(5)
    basis, _ = np.linalg.qr(rng.standard_normal((256, 40)))
    vectors = unit(rng.standard_normal((500, 40)) @ basis.T)
    bounds, coded = bounds_of(make_prefix(principal_axes(vectors), 56), vectors)
    assert coded.codes.shape[1] == 56 + REMAINDER_CODES
    assert (scores_of(vectors) <= bounds).all()
    assert (bounds - scores_of(vectors)).max() < 2 * coded.epsilon + 0.01
    assert coded.epsilon < 0.03


def test_an_empty_gallery_has_no_codes():
    assert encode(make_prefix(np.eye(64), 24), np.empty((0, 64), np.float32)).codes.shape == (0, 32)


@pytest.mark.parametrize("first", [0, 8 * 1024, 10 * 1024 - 40])
@pytest.mark.parametrize("kind", ["a large value", "a long remainder"])
def test_rows_that_no_chunk_looked_at_foretold_stay_below_their_bound(first, kind):
    rng = np.random.default_rng(first)
    basis, _ = np.linalg.qr(rng.standard_normal((64, 64)))
    # All lie spread over the directions of the prefix but for forty, which lie along one of them, or outside.
    inside, outside = (
        unit(rng.standard_normal((10 * 1024, 40)) @ basis[:40]),
        unit(rng.standard_normal((40, 24)) @ basis[40:]),
    )
    inside[first : first + 40] = np.repeat(basis[:1], 40, axis=0) if kind == "a large value" else outside
    prefix = Prefix(np.ascontiguousarray(basis[:40].astype(np.float32)), 1e-5)
    coded = encode(prefix, inside, threads=2)
    some = np.r_[0:60, first : first + 40]
    codes = coded.codes[some].astype(np.int64)
    assert (scores_of(inside[some]) <= (codes @ codes.T) / coded.scale**2 + coded.epsilon).all()
    assert coded.scale <= 128 if kind == "a large value" else coded.scale <= 360
    assert coded.epsilon < 0.06
